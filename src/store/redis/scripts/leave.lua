-- Ends the turns of visitors who go, wherever they stand.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 those who go, 22 bytes each: visitor (16), window (4),
-- turn (2). Answers nothing.
--
-- A session is found by its visitor, also one of an older window.

local refused = load({'earned', 'window', 'rev', 'missing', 'newest_end', 'out', 'moved',
  'undrawn'}, {'unplaced'})
if refused then return refused end

local leaving, visitors, guests = {}, {}, {}
for at = 1, #ARGV[2] / 22 do
  local visitor, window, turn = struct.unpack('>c16I4H', ARGV[2], at * 22 - 21)
  leaving[at] = {visitor = visitor, window = window, turn = turn}
  visitors[at], guests[at] = visitor, guest_of(window, visitor)
end
find(visitors)
local names, inside, turns = gather(guests, 'HMGET', GUESTS), {}, {}
for at, jti in ipairs(names) do
  if jti then inside[#inside + 1] = jti end
end
local records, endings = gather(inside, 'HMGET', SESSIONS), {}
for at, jti in ipairs(inside) do
  if records[at] then turns[jti] = struct.unpack('>H', records[at], 21) end
end

for at, one in ipairs(leaving) do
  local jti = names[at]
  if jti and turns[jti] == one.turn then
    local held = tonumber(call('ZSCORE', SLOTS, jti) or 0)
    endings[#endings + 1] = {jti = jti, why = LEFT, forget = held, told = true}
  else
    local entry = stay(one.window, one.visitor, one.turn)
    if entry and entry.kind ~= ENDED then finish(one.visitor, entry, LEFT) end
  end
end
end_sessions(endings)
return {ok = 'OK'}
