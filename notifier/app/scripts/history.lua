-- What the scripts that write history have in common: app/scripts.c puts it where they say
-- "-- history.lua".
-- Appends lines (app/history_line.h) to a history; without `creates` only to one that is there.
-- The newest 64 stay, with what they lean on: it is cut only where a line stands alone.
local function history_append(key, lines, creates)
	local text = redis.call('GET', key)
	if lines == '' or not (text or creates) then return end
	text = (text or '') .. lines
	if #text > 4096 then -- else it is not worth counting
		local ends, count, at = {}, 0, string.find(text, '\n', 1, true)
		while at do
			count = count + 1
			ends[count] = at
			at = string.find(text, '\n', at + 1, true)
		end
		local cut = count - 64
		while cut > 0 and string.byte(text, ends[cut] + 1) == 43 do cut = cut - 1 end -- "+"
		if cut > 0 then text = string.sub(text, ends[cut] + 1) end
	end
	redis.call('SET', key, text, 'KEEPTTL')
end
