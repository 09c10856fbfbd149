-- The end of a request with an Idempotency-Key: its answer is kept, or (it failed) the key is free.
-- KEYS: seen.  ARGV: the claim, what to keep or "", TTL ms.
-- Answers 1, or 0 when the claim is not ours any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
