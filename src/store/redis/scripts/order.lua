-- Writes the room's standing orders if their version is still the one they were made from.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 orders as in orders.lua, 3 that version (8 bytes).
-- Answers 1 where they are in force, else the orders that are, as JSON (empty: none yet).
--
-- The same orders may be sent again. Orders that go on with a window whose draw is not done are
-- not taken; the first that begin a draw freeze its lobby.

local refused = load(with_draw({'version', 'window', 'state', 'grants', 'rev', 'moved'}))
if refused then return refused end

local new, json = read_orders(ARGV[2])
local present = call('HGET', HEAD, 'orders')
if present == json then return 1 end
if head.version ~= struct.unpack('>I8', ARGV[3]) or go_too_far(new) then
  save()
  return present or ''
end
local begins = freezes(new)
write_orders(new, json)
if begins then freeze(0) end
save()
return 1
