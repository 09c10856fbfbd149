#!lua flags=allow-oom
-- Claims messages of a partition for sending: their state `sending` and the attempt's id are on
-- disk before a provider hears of them.
-- KEYS: owner, outbox, m prefix, s prefix.
-- ARGV: "WORKER EPOCH", start (an entry id: own pending after it, of a former life; ">": new),
--       count, attempt id, now.
-- Answers {last entry read or "", entry id, message id, claims, {ledger before}, "VERSION JSON" or
-- "", …}, or false: fenced.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local read = redis.call('XREADGROUP', 'GROUP', 'deliver', 'owner', 'COUNT', ARGV[3], 'STREAMS', KEYS[2], ARGV[2])
local out = {''}
if not read then return out end
local open = {queued = true, sending = true, retry = true, held = true}
for _, entry in ipairs(read[1][2]) do
	local id = entry[2] and entry[2][2]
	out[1] = entry[1]
	local ledger = id and redis.call('HGETALL', KEYS[3] .. id) or {}
	local state, shipment, claims
	for i = 1, #ledger, 2 do
		if ledger[i] == 't' then state = ledger[i + 1]
		elseif ledger[i] == 's' then shipment = ledger[i + 1]
		elseif ledger[i] == 'a' then claims = ledger[i + 1] end
	end
	if state and open[state] then
		claims = tonumber(claims or '0') + 1
		redis.call('HSET', KEYS[3] .. id, 't', 'sending', 'i', ARGV[4], 'sa', ARGV[5], 'a', claims)
		out[#out + 1] = entry[1]
		out[#out + 1] = id
		out[#out + 1] = tostring(claims)
		out[#out + 1] = ledger
		out[#out + 1] = redis.call('GET', KEYS[4] .. (shipment or '')) or ''
	else
		redis.call('XACK', KEYS[2], 'deliver', entry[1])
		redis.call('XDEL', KEYS[2], entry[1])
	end
end
return out
