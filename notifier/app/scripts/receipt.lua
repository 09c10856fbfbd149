#!lua flags=allow-oom
-- Records how an attempt ended, and acknowledges the outbox entry.  Allowed under OOM: what was
-- sent must be recorded.  A receipt of a fenced worker counts when it says `sent`: that is true
-- whoever did it.
-- KEYS: outbox, m, clock, failed, h.
-- ARGV: 1 entry id | 2 message id | 3 attempt id | 4 new state | 5 until ms or "" | 6 now ms
--       7 line of history or "" | 8 number of ledger fields | field, value, …
-- Answers 1, or 0 when a newer attempt owns the message.
-- history.lua
local now = redis.call('HMGET', KEYS[2], 't', 'i')
local state = now[1]
local open = state and state ~= 'sent'
-- The entry is the newer attempt's too: without it a crash of that one would lose the message.
if open and now[2] ~= ARGV[3] and ARGV[4] ~= 'sent' then return 0 end
local acked = redis.call('XACK', KEYS[1], 'deliver', ARGV[1])
redis.call('XDEL', KEYS[1], ARGV[1])
if not open then return state == 'sent' and 1 or 0 end
if acked == 0 and ARGV[4] ~= 'sent' then return 1 end -- it ran already, and was sent again
redis.call('HSET', KEYS[2], 't', ARGV[4], 'd', ARGV[6], unpack(ARGV, 9, 8 + tonumber(ARGV[8])))
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2]) end
if ARGV[4] == 'failed' or ARGV[4] == 'unknown' or ARGV[4] == 'expired' then redis.call('ZADD', KEYS[4], ARGV[6], ARGV[2]) end
history_append(KEYS[5], ARGV[7])
return 1
