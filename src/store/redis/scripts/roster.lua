-- A page of a window's drawn order, as far as it was placed.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2: window, rank of the first, how many at most (4 bytes
-- each). Answers those of the page, 16 bytes each; nothing where another window's order is kept.

local refused = load({'roster_of'})
if refused then return refused end
save()
local window, from, most = struct.unpack('>I4I4I4', ARGV[2])
if window ~= head.roster_of or most == 0 then return '' end
return call('GETRANGE', ROSTER, 16 * from, 16 * (from + most) - 1)
