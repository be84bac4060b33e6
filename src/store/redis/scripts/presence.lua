-- Who may be called absent; see domain/presence.rs.

-- The history of each lane's horizon: 16 bytes a note, room time and the highest place covered,
-- both ascending.
local horizons = {}
for at, lane in ipairs(lanes) do horizons[at] = lane.horizons end
horizons = call('HMGET', HEAD, unpack(horizons))
for at, lane in ipairs(lanes) do lane.reached = horizons[at] or '' end

local function long_ago(reached, note)
  local at = struct.unpack('>I8', reached, note * 16 + 1)
  return at + EXPECTED_AFTER <= head.earned
end

-- The highest place of a lane whose visitor knows that it is near: where the horizon has been for
-- long enough, and everything at or behind the front, which only a check-in puts there.
local function expected_place(lane)
  local reached, place = lane.reached, 0
  for note = 0, #reached / 16 - 1 do
    if not long_ago(reached, note) then break end
    local _, covered = struct.unpack('>I8I8', reached, note * 16 + 1)
    place = covered
  end
  return math.max(place, head[lane.front])
end

-- Records of waiting visitors, changed as they are: unpacking them would take as long as all else.

local function has_lapsed(record)
  return not record or struct.unpack('>I8', record, 14) <= head.earned
end

local PLAIN, NEVER = '\0\0\0\1', string.rep('\0', 8)

-- Notes that a waiting visitor is not there; the place is kept. `rewrites` are records to write.
local function lose(lane, visitor, score, record, rewrites)
  add(lane.absent, score, visitor)
  if not record then return end
  if record:sub(2, 5) == PLAIN and record:sub(22) == lane.tail then
    drops[#drops + 1] = visitor
  else
    local at = #rewrites
    rewrites[at + 1], rewrites[at + 2] = visitor, record:sub(1, 13) .. NEVER .. record:sub(22)
  end
end
