-- What time alone has made due: messages go back to the outbox here, shipments are claimed and
-- handed out.
-- KEYS: owner, clock, outbox, m prefix, s prefix.
-- ARGV: "WORKER EPOCH", now ms, claim until ms, most.
-- Answers {next due ms or "", messages moved, id, "VERSION JSON", …}, or false when fenced.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
local out, moved = {'', 0}, 0
for _, id in ipairs(ids) do
	if string.sub(id, 1, 4) == 'msg_' then
		local state = redis.call('HGET', KEYS[4] .. id, 't')
		redis.call('ZREM', KEYS[2], id)
		if state == 'held' or state == 'retry' then
			redis.call('HSET', KEYS[4] .. id, 't', 'queued')
			redis.call('XADD', KEYS[3], '*', 'm', id)
			moved = moved + 1
		end
	else
		local state = redis.call('GET', KEYS[5] .. id)
		if state then
			redis.call('ZADD', KEYS[2], ARGV[3], id)
			out[#out + 1] = id
			out[#out + 1] = state
		else
			redis.call('ZREM', KEYS[2], id)
		end
	end
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if first[2] then out[1] = first[2] end
out[2] = moved
return out
