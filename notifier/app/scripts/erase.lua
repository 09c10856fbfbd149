-- Erases a shipment and what was kept about its people.
-- KEYS: s, h, num, clock, m prefix, unmatched, failed.  ARGV: id, due prefix, number of carriers, carriers….
-- The ledgers are found through the history: its lines of decisions and receipts (app/history.c)
-- have their ids in fields of their own.
local state = redis.call('GET', KEYS[1])
if not state then return 0 end
for line in string.gmatch(redis.call('GET', KEYS[2]) or '', '[^\n]+') do
	for id in string.gmatch(string.find(line, '^1[dr]') and line or '', '\t(msg_%w+)') do
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
