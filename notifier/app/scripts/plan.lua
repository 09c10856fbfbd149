-- Sets the next poll of a parcel without touching its state (nothing new, or the poll failed).
-- KEYS: due, s.  ARGV: id, next poll ms or "" (no more).
-- A parcel that was erased or finished meanwhile stays out.
if ARGV[2] == '' or redis.call('EXISTS', KEYS[2]) == 0 then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
