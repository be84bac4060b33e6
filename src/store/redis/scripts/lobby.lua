-- A page of the frozen lobby.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2: index of the first, how many at most (4 bytes each).
-- Answers the round, how many were frozen (4 each), and those of the page, 16 bytes each.
--
-- The sorted set is in order of lane and visitor, and nobody is taken out while it is frozen.

local refused = load({'cut', 'cut_round', 'cut_count'})
if refused then return refused end
save()
if head.cut == 0 then return struct.pack('>I4I4', 0, 0) end
local from, most = struct.unpack('>I4I4', ARGV[2])
local page = {}
if most > 0 then page = call('ZRANGE', FROZEN, from, from + most - 1) end
return struct.pack('>I4I4', head.cut_round, head.cut_count) .. table.concat(page)
