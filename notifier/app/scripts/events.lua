-- The next events of a partition, with the shipments as they are now.
-- KEYS: owner, events, s prefix.  ARGV: "WORKER EPOCH", start ("0": own pending, ">": new), count.
-- Answers {entry id, event JSON, shipment id, "VERSION JSON" or "", …} or false when fenced.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local read = redis.call('XREADGROUP', 'GROUP', 'decide', 'owner', 'COUNT', ARGV[3], 'STREAMS', KEYS[2], ARGV[2])
local out = {}
if not read then return out end
for _, entry in ipairs(read[1][2]) do
	local fields = entry[2]
	if fields then
		out[#out + 1] = entry[1]
		out[#out + 1] = fields[4]
		out[#out + 1] = fields[2]
		out[#out + 1] = redis.call('GET', KEYS[3] .. fields[2]) or ''
	else -- deleted while pending: nothing left to do
		redis.call('XACK', KEYS[2], 'decide', entry[1])
	end
end
return out
