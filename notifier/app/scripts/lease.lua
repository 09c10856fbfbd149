-- Takes or renews the lease of one partition.  A worker that asks with epoch 0 starts a new epoch,
-- also over its own old lease: what its former life still has under way is fenced by that.
-- KEYS: owner, epoch, events, outbox.  ARGV: worker, held epoch or 0, TTL ms, 1 to take if free.
-- Answers the epoch that is held now, or 0.
local owner = redis.call('GET', KEYS[1])
local mine = owner and string.match(owner, '^(%S+) ') == ARGV[1]
if mine and ARGV[2] ~= '0' and owner == ARGV[1] .. ' ' .. ARGV[2] then
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
	return tonumber(ARGV[2])
end
if (owner and not mine) or ARGV[4] ~= '1' then return 0 end
local epoch = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. epoch, 'PX', ARGV[3])
for i, group in ipairs({'decide', 'deliver'}) do
	local made = redis.pcall('XGROUP', 'CREATE', KEYS[2 + i], group, '0', 'MKSTREAM')
	if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
end
return epoch
