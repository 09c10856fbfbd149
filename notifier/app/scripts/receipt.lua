#!lua flags=allow-oom
-- Records how an attempt ended, and acknowledges the outbox entry.  Allowed under OOM: what was
-- sent must be recorded.  A receipt of a fenced worker counts when it says `sent`: that is true
-- whoever did it.
-- KEYS: outbox, m, clock, failed, h.
-- ARGV: 1 entry id | 2 message id | 3 attempt id | 4 new state | 5 until ms or "" | 6 now ms
--       7 history JSON or "" | 8 number of ledger fields | field, value, …
-- Answers 1, or 0 when a newer attempt owns the message.
local state = redis.call('HGET', KEYS[2], 't')
local current = redis.call('HGET', KEYS[2], 'i') == ARGV[3]
redis.call('XACK', KEYS[1], 'deliver', ARGV[1])
redis.call('XDEL', KEYS[1], ARGV[1])
if not state or state == 'sent' then return state == 'sent' and 1 or 0 end
if not current and ARGV[4] ~= 'sent' then return 0 end
redis.call('HSET', KEYS[2], 't', ARGV[4], 'd', ARGV[6])
if tonumber(ARGV[8]) > 0 then redis.call('HSET', KEYS[2], unpack(ARGV, 9, 8 + tonumber(ARGV[8]))) end
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2]) else redis.call('ZREM', KEYS[3], ARGV[2]) end
if ARGV[4] == 'failed' or ARGV[4] == 'unknown' or ARGV[4] == 'expired' then redis.call('ZADD', KEYS[4], ARGV[6], ARGV[2]) end
if ARGV[7] ~= '' then
	redis.call('RPUSH', KEYS[5], ARGV[7])
	redis.call('LTRIM', KEYS[5], -64, -1)
end
return 1
