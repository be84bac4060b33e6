-- Who may be called absent; see domain/presence.rs.

-- The horizon's history: 16 bytes a note, room time and the highest place covered, both ascending.
local horizons = call('HGET', HEAD, 'horizons') or ''

local function long_ago(note)
  local at = struct.unpack('>I8', horizons, note * 16 + 1)
  return at + EXPECTED_AFTER <= head.earned
end

-- The highest place whose visitor knows that it is near: where the horizon has been for long
-- enough, and everything at or behind the front, which only a check-in puts there.
local function expected_place()
  local notes, place = #horizons / 16, 0
  for note = 0, notes - 1 do
    if not long_ago(note) then break end
    local _, covered = struct.unpack('>I8I8', horizons, note * 16 + 1)
    place = covered
  end
  return math.max(place, head.front)
end

local function has_lapsed(entry)
  return not entry or entry.number <= head.earned
end

-- Notes that a waiting visitor is not there. The place is kept.
local function lose(visitor, place, entry)
  add(ABSENT, place, visitor)
  if not entry then return end
  if plain(entry) then
    drops[#drops + 1] = visitor
  else
    entry.number = 0
    keep(visitor, entry)
  end
end
