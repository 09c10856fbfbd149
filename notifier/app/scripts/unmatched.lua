-- Keeps a webhook about a number that nobody registered, for 7 days.
-- KEYS: num, unmatched.  ARGV: record JSON, TTL ms, most records.
-- Answers 1, or 0 when the number was registered in between (load again).
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local last = redis.call('LINDEX', KEYS[2], -1)
if last ~= ARGV[1] then
	redis.call('RPUSH', KEYS[2], ARGV[1])
	redis.call('LTRIM', KEYS[2], -tonumber(ARGV[3]), -1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
