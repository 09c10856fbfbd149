-- Records the decisions about a batch of events, each with all its messages, and acknowledges
-- them.  A message that exists already stays as it is: nobody is told twice.
-- KEYS: owner, events, outbox, clock, m prefix, h prefix.
-- ARGV: 1 "WORKER EPOCH" | 2 ledger TTL ms | 3 number of events, then for each:
--   entry id, shipment id, line of history or "", number of messages, then for each message:
--     id, hold until ms or "", number of ledger fields, field, value, …
-- Answers the number of messages that existed already, or false when fenced.
-- history.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local at, existed = 4, 0
for _ = 1, tonumber(ARGV[3]) do
	local entry, shipment, record = ARGV[at], ARGV[at + 1], ARGV[at + 2]
	local messages = tonumber(ARGV[at + 3])
	at = at + 4
	for _ = 1, messages do
		local id, hold, n = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
		at = at + 3
		local key = KEYS[5] .. id
		if redis.call('HSETNX', key, 't', hold == '' and 'queued' or 'held') == 1 then
			redis.call('HSET', key, unpack(ARGV, at, at + n - 1))
			redis.call('PEXPIRE', key, ARGV[2])
			if hold == '' then redis.call('XADD', KEYS[3], '*', 'm', id) else redis.call('ZADD', KEYS[4], hold, id) end
		else
			existed = existed + 1
		end
		at = at + n
	end
	-- What is acknowledged stands in the history already: this was sent again.
	if redis.call('XACK', KEYS[2], 'decide', entry) == 1 then history_append(KEYS[6] .. shipment, record) end
	redis.call('XDEL', KEYS[2], entry)
end
return existed
