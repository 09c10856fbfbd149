-- Erases a shipment and what was kept about its people.
-- KEYS: s, h, num, clock, m prefix, unmatched, failed.  ARGV: id, due prefix, number of carriers, carriers….
-- The ledgers are found through the history records ("msg_…").
local state = redis.call('GET', KEYS[1])
if not state then return 0 end
for _, record in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
	for id in string.gmatch(record, 'msg_%w+') do
		redis.call('DEL', KEYS[5] .. id)
		redis.call('ZREM', KEYS[4], id)
		redis.call('ZREM', KEYS[7], id)
	end
end
if redis.call('GET', KEYS[3]) == ARGV[1] then redis.call('DEL', KEYS[3]) end
for i = 1, tonumber(ARGV[3]) do redis.call('ZREM', ARGV[2] .. ARGV[3 + i], ARGV[1]) end
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[6])
return 1
