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

-- Records of waiting visitors, changed as they are: unpacking them would take as long as all else.

local function has_lapsed(record)
  return not record or struct.unpack('>I8', record, 14) <= head.earned
end

local PLAIN, NEVER, TAIL = '\0\0\0\1', string.rep('\0', 8), '\0\0\0'

-- Notes that a waiting visitor is not there; the place is kept. `rewrites` are records to write.
local function lose(visitor, score, record, rewrites)
  add(ABSENT, score, visitor)
  if not record then return end
  if record:sub(2, 5) == PLAIN and record:sub(22) == TAIL then
    drops[#drops + 1] = visitor
  else
    local at = #rewrites
    rewrites[at + 1], rewrites[at + 2] = visitor, record:sub(1, 13) .. NEVER .. record:sub(22)
  end
end
