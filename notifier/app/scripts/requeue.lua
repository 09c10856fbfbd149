-- An operator's word on a message that failed for good (or whose end is unknown): retry or drop.
-- KEYS: outbox, m, failed, h.  ARGV: message id, "retry" or "drop", now ms, line of history.
-- Answers the state it had, or false when there is no such message.
-- history.lua
local state = redis.call('HGET', KEYS[2], 't')
if not state then return false end
if state ~= 'failed' and state ~= 'unknown' and state ~= 'expired' then return state end
redis.call('ZREM', KEYS[3], ARGV[1])
if ARGV[2] == 'retry' then
	redis.call('HSET', KEYS[2], 't', 'queued', 'f', '1')
	redis.call('XADD', KEYS[1], '*', 'm', ARGV[1])
else
	redis.call('HSET', KEYS[2], 't', 'dropped', 'd', ARGV[3])
end
history_append(KEYS[4] .. redis.call('HGET', KEYS[2], 's'), ARGV[4])
return state
