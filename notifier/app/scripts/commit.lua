-- One transition of a shipment: compare-and-set on its version, with everything that follows from
-- it.  No lost update, no event without its state.
-- KEYS: s, h, num, clock, events, due (of the carrier), unmatched, [due of the carrier before]
-- ARGV: 1 id | 2 expected version ("0": must not exist) | 3 new version | 4 new JSON
--       5 expected value of num ("*": any; "": none) | 6 next poll ms, "" (none), "=" (untouched)
--       7 deadline ms or "" | 8 TTL ms of a finished shipment, "" or "=" (stays unfinished) | 9 now
--       10 number of events, then their JSON | lines of history or ""
--       | with 5: how many unmatched webhooks were read, and the last of them ("": none)
-- Answers 1, or 0 when somebody else was faster (load again and repeat), or 2 when this very
-- version stands there already (our own reply was lost).
-- history.lua
local stored = redis.call('GET', KEYS[1])
local version = stored and string.match(stored, '^(%d+)') or '0'
if version ~= ARGV[2] then
	if stored == ARGV[3] .. ' ' .. ARGV[4] then return 2 end
	return 0
end
if ARGV[5] ~= '*' then
	local holder = redis.call('GET', KEYS[3]) or ''
	if holder ~= ARGV[5] then return 0 end
	-- A webhook may have come since the unmatched ones were read: then they are read again.
	local read = 12 + tonumber(ARGV[10])
	if ARGV[read] then
		if redis.call('LLEN', KEYS[7]) ~= tonumber(ARGV[read]) then return 0 end
		if (redis.call('LINDEX', KEYS[7], -1) or '') ~= ARGV[read + 1] then return 0 end
	end
	redis.call('SET', KEYS[3], ARGV[1])
	redis.call('DEL', KEYS[7])
end
redis.call('SET', KEYS[1], ARGV[3] .. ' ' .. ARGV[4])
if ARGV[6] == '' then redis.call('ZREM', KEYS[6], ARGV[1]) elseif ARGV[6] ~= '=' then redis.call('ZADD', KEYS[6], ARGV[6], ARGV[1]) end
if KEYS[8] and KEYS[8] ~= KEYS[6] then redis.call('ZREM', KEYS[8], ARGV[1]) end
if ARGV[7] == '' then redis.call('ZREM', KEYS[4], ARGV[1]) else redis.call('ZADD', KEYS[4], ARGV[7], ARGV[1]) end
local events = tonumber(ARGV[10])
for i = 1, events do redis.call('XADD', KEYS[5], '*', 's', ARGV[1], 'e', ARGV[10 + i]) end
history_append(KEYS[2], ARGV[11 + events], true)
if ARGV[8] == '=' then return 1 end
local owns_number = redis.call('GET', KEYS[3]) == ARGV[1] -- it may be another parcel's by now
if ARGV[8] ~= '' then
	redis.call('PEXPIRE', KEYS[1], ARGV[8])
	redis.call('PEXPIRE', KEYS[2], ARGV[8])
	if owns_number then redis.call('PEXPIRE', KEYS[3], ARGV[8]) end
else
	redis.call('PERSIST', KEYS[2])
	if owns_number then redis.call('PERSIST', KEYS[3]) end
end
return 1
