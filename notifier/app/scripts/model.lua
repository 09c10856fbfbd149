-- Writes entries of a learned model, if nobody has written since the writer last read it.
-- KEYS: model.
-- ARGV: 1 writer: a worker's id, or "!" for an operator | 2 token of this save
--       3 the revision as read ("": none), "*" (whatever it is) or "!" (that too, and all goes first)
--       | field, text ("": the entry goes), …
-- The field ~revision holds "WRITER TOKEN" of the last save of each of the 32 last writers, newest
-- first: a writer that never got its answer finds its token there, whoever has written since.
-- Answers the new revision, or false: read again first.
if ARGV[3] == '!' then redis.call('DEL', KEYS[1]) end
local before = redis.call('HGET', KEYS[1], '~revision') or ''
if ARGV[3] ~= '!' and ARGV[3] ~= '*' and ARGV[3] ~= before then return false end
local revision, writers = ARGV[1] .. ' ' .. ARGV[2], 1
for writer, token in string.gmatch(before, '(%S+) (%S+)') do
	if writer ~= ARGV[1] and writers < 32 then
		revision = revision .. ' ' .. writer .. ' ' .. token
		writers = writers + 1
	end
end
redis.call('HSET', KEYS[1], '~revision', revision)
for i = 4, #ARGV, 2 do
	if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
	else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return revision
