-- One call to a carrier: may it go now?  Tokens per second and calls per UTC day, shared by all
-- workers.  The bucket refills continuously and holds one second's worth (at least 1), so that no
-- second sees more than the rate allows plus that burst of one.
-- KEYS: limits.  ARGV: now ms, per second (0: none), per day (0: none), day number.
-- Answers 0 (go), or how many ms to wait.
local now, rate, daily = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local h = redis.call('HMGET', KEYS[1], 'day', 'used', 'tokens', 'at', 'until')
local blocked = tonumber(h[5] or '0')
if blocked > now then return blocked - now end
if rate == 0 and daily == 0 then return 0 end -- no limits: nothing is counted, nothing is written
local used = h[1] == ARGV[4] and tonumber(h[2] or '0') or 0
if daily > 0 and used >= daily then return (tonumber(ARGV[4]) + 1) * 86400000 - now end
local tokens, at = tonumber(h[3] or '1'), tonumber(h[4] or '0')
if rate > 0 then
	if at > now then at = now end
	tokens = math.min(1, tokens + (now - at) * rate / 1000)
	if tokens < 1 then return math.ceil((1 - tokens) * 1000 / rate) end
	tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'day', ARGV[4], 'used', used + 1, 'tokens', tostring(tokens), 'at', ARGV[1])
return 0
