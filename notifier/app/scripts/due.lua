-- Parcels of one carrier whose next poll is due, claimed for a while so that nobody else polls
-- them, with their states; plus riders that fill up a batch for free.
-- KEYS: owner, due, s prefix.
-- ARGV: "WORKER EPOCH", now ms, claim until ms, most, most riders, riders up to ms.
-- Answers {next due ms or "", id, "VERSION JSON", …}, or false when fenced.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
if #ids > 0 and tonumber(ARGV[5]) > 0 and #ids < tonumber(ARGV[4]) then
	local riders = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[2], ARGV[6], 'LIMIT', 0, ARGV[5])
	for _, id in ipairs(riders) do if #ids < tonumber(ARGV[4]) then ids[#ids + 1] = id end end
end
local out = {''}
for _, id in ipairs(ids) do
	local state = redis.call('GET', KEYS[3] .. id)
	if state then
		redis.call('ZADD', KEYS[2], ARGV[3], id)
		out[#out + 1] = id
		out[#out + 1] = state
	else
		redis.call('ZREM', KEYS[2], id)
	end
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if first[2] then out[1] = first[2] end
return out
