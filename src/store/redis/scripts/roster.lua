-- A page of a window's drawn order, as far as it was placed.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2: window, rank of the first, how many at most (4 bytes
-- each). Answers those of the page, 16 bytes each; nothing where another window's order is kept.

local refused = load({'roster_of', 'roster_count'})
if refused then return refused end
save()
local window, from, most = struct.unpack('>I4I4I4', ARGV[2])
most = math.min(most, head.roster_count - from)
if window ~= head.roster_of or most <= 0 then return '' end
local first, blocks = math.floor(from / BLOCK), {}
for block = first, math.floor((from + most - 1) / BLOCK) do blocks[#blocks + 1] = block end
local page = table.concat(call('HMGET', ROSTER, unpack(blocks)))
local skipped = 16 * (from - first * BLOCK)
return page:sub(skipped + 1, skipped + 16 * most)
