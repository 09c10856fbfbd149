-- A carrier said 429 or Retry-After: nobody calls it before then.
-- KEYS: limits.  ARGV: until ms.
local stands = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
if tonumber(ARGV[1]) > stands then redis.call('HSET', KEYS[1], 'until', ARGV[1]) end
return 1
