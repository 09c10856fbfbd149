-- The shipment that has a number now.
-- KEYS: num key, s prefix of the partition.  Answers {id, "VERSION JSON"} or nil.
local id = redis.call('GET', KEYS[1])
if not id then return nil end
local state = redis.call('GET', KEYS[2] .. id)
if not state then return nil end
return {id, state}
