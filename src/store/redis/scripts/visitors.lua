-- Visitors' entries, where they stand, and how they are seen.
--
-- A record is: kind, missed, before (1 byte each), turn (2), place, number (8 each), lane, and how
-- often the visitor stepped away and asked for more time (1 each). `number` is
-- the room time until which a waiting visitor counts as present, or one who stepped away is not
-- called, the claim time until which a released one may claim, the room's `rev` at an admission,
-- or why a turn ended. Reasons are numbered from 1 as in `EndedBy::ALL`; 0 is none.
--
-- Whoever waits in the first turn, missed nothing and is too far from the front to have to check
-- in has no record: the place is its score in its lane's queue. Without a record nobody was seen.
-- Who is in a lobby in its first turn has none either; in a later one it has, without a place.

local WAITING, RELEASED, ADMITTED, ENDED, UNKNOWN, FULL, SHUT, RUN = 0, 1, 2, 3, 4, 5, 6, 7
local IN_LOBBY, GATHERED, AWAY = 8, 9, 10
local LEFT, EXPIRED, MISSED, REVOKED = 2, 4, 5, 6

-- Entries by visitor, as far as they were read; and records to be written or deleted.
local known, records, drops = {}, {}, {}

local function pack(entry)
  return struct.pack('>BBBHI8I8BBB', entry.kind, entry.missed, entry.before, entry.turn,
    entry.place, entry.number, entry.lane or 0, entry.aways or 0, entry.extensions or 0)
end

local function read(record)
  local kind, missed, before, turn, place, number, lane, aways, extensions =
    struct.unpack('>BBBHI8I8BBB', record)
  if kind == ADMITTED and number < head.rev then kind, number = ENDED, REVOKED end
  return {kind = kind, missed = missed, before = before, turn = turn, place = place,
    number = number, lane = lane, aways = aways, extensions = extensions, kept = true}
end

local function first_wait(place, lane)
  return {kind = WAITING, missed = 0, before = 0, turn = 1, place = place, number = 0,
    lane = lane.number, aways = 0, extensions = 0}
end

local function lane_of(entry)
  return lanes[entry.lane + 1] or lanes[1]
end

local function in_lobby(lane)
  return {kind = IN_LOBBY, missed = 0, before = 0, turn = 1, place = 0, number = 0, lane = lane,
    aways = 0, extensions = 0}
end

-- Takes the members of a key out of the visitors, into `known`: each as `entry_of` its score.
local function find_at(key, visitors, entry_of)
  if #visitors == 0 or call('EXISTS', key) == 0 then return visitors end
  local scores, rest = gather(visitors, 'ZMSCORE', key), {}
  for at = 1, #visitors do
    if scores[at] then
      known[visitors[at]] = entry_of(tonumber(scores[at]))
    else
      rest[#rest + 1] = visitors[at]
    end
  end
  return rest
end

-- Reads the entries of these visitors into `known`. Whoever is in the frozen lobby and has its
-- place waits in the queue, or has a record.
local function find(visitors)
  local found, bare = gather(visitors, 'HMGET', ENTRIES), {}
  for at = 1, #visitors do
    if found[at] then
      known[visitors[at]] = read(found[at])
    else
      bare[#bare + 1] = visitors[at]
    end
  end
  for _, lane in ipairs(lanes) do
    local function waits(place) return first_wait(place, lane) end
    bare = find_at(lane.absent, find_at(lane.queue, bare, waits), waits)
  end
  find_at(FROZEN, find_at(LOBBY, bare, in_lobby), in_lobby)
end

-- Whether a waiting visitor's entry says no more than its place does.
local function plain(entry)
  return entry.turn == 1 and entry.missed == 0 and entry.before == 0 and entry.aways == 0
end

-- Notes that an entry changed.
local function keep(visitor, entry)
  known[visitor], records[visitor] = entry, entry
end

-- Takes a visitor out of wherever it stood, for an entry that is kept in its stead.
local function leave_line(visitor, entry)
  if entry.kind == WAITING or entry.kind == AWAY then
    local lane = lane_of(entry)
    take(lane.queue, visitor)
    take(lane.absent, visitor)
  elseif entry.kind == RELEASED then
    set('out', math.max(0, head.out - 1))
  elseif entry.kind == IN_LOBBY then
    if call('ZSCORE', LOBBY, visitor) then
      take(LOBBY, visitor)
    else
      local lane = lane_of(entry)
      set('undrawn', math.max(0, head.undrawn - 1))
      set(lane.unplaced, math.max(0, head[lane.unplaced] - 1))
      moved()
    end
  end
end

-- Ends a visitor's turn.
local function finish(visitor, entry, why)
  leave_line(visitor, entry)
  keep(visitor, {kind = ENDED, missed = entry.missed, before = entry.before, turn = entry.turn,
    place = entry.place, number = why, lane = entry.lane, aways = entry.aways,
    extensions = entry.extensions})
end

-- Whether somebody else holds a place. Only one of an older epoch can have been given to another
-- who put it back.
local function is_held(place)
  if place >= head.epoch * NUMBERS then return false end
  local score = text(place)
  for _, lane in ipairs(lanes) do
    if call('ZCOUNT', lane.queue, score, score) > 0 then return true end
    if call('ZCOUNT', lane.absent, score, score) > 0 then return true end
  end
  return false
end

-- Writes all that was noted: what is new before what is old goes.
local function write()
  for _, lane in ipairs(lanes) do
    if adds[lane.queue] or takes[lane.queue] then
      moved()
      break
    end
  end
  save()
  for key, args in pairs(adds) do bulk(args, 'ZADD', key) end
  local args = {}
  for visitor, entry in pairs(records) do
    local at = #args
    args[at + 1], args[at + 2] = visitor, pack(entry)
  end
  bulk(args, 'HSET', ENTRIES)
  bulk(drops, 'HDEL', ENTRIES)
  for key, members in pairs(takes) do bulk(members, 'ZREM', key) end
  adds, takes, records, drops = {}, {}, {}, {}
end

-- One visitor's stand, 20 bytes: standing, number, turn, place + 1 (0 for none), lane.
local function stand(standing, number, turn, place, lane)
  return struct.pack('>BI8HI8B', standing, number, turn, place, lane or 0)
end

-- How many of a lane will get lower places than this one who have none yet.
local function undrawn_before(lane, place)
  return head.undrawn > 0 and place > head.behind and head[lane.unplaced] or 0
end

local function ahead_of(visitor, entry)
  local lane = lane_of(entry)
  local ahead = call('ZRANK', lane.queue, visitor)
    or call('ZCOUNT', lane.queue, '-inf', '(' .. text(entry.place))
  return ahead + undrawn_before(lane, entry.place)
end

-- Whether somebody who stepped away is not back yet, and the time for that not over.
local function is_away(entry)
  return entry.kind == AWAY and entry.number > head.earned
end

local function stand_of(visitor, entry)
  local number = entry.number
  if is_away(entry) then
    return stand(AWAY, number - head.earned, entry.turn, entry.place + 1, entry.lane)
  elseif entry.kind == WAITING or entry.kind == AWAY then
    number = ahead_of(visitor, entry)
    return stand(WAITING, number, entry.turn, entry.place + 1, entry.lane)
  elseif entry.kind == RELEASED then
    number = math.max(0, number - head.claim_time)
  elseif entry.kind == ENDED or entry.kind == IN_LOBBY then
    return stand(entry.kind, number, entry.turn, 0, entry.lane)
  end
  return stand(entry.kind, number, entry.turn, entry.place + 1, entry.lane)
end

-- How many visitors go within so many microseconds at the pace in force.
local function gone_within(span, terms)
  local rate = head.rate > 0 and head.rate or terms.rate
  return math.max(1, math.floor(times(terms.correction, span * rate) / VISITOR))
end

-- Whether a check-in there is worth a record: the horizon covered the place, or will do so
-- before the check-in is over. Farther away it would be over before anybody asked for it. Any
-- lane may get the whole pace, when nobody waits in the others.
local function is_near(lane, place, ahead, lasts, terms)
  return place <= head[lane.covered] or place <= head[lane.front]
    or ahead < gone_within(terms.horizon + lasts, terms)
end

-- Marks a visitor present for so long, and says where it stands. Who stepped away is brought back
-- by coming itself, not by its page's polls.
local function see(visitor, entry, lasts, terms, returns)
  if entry.kind == AWAY and (returns or not is_away(entry)) then
    entry.kind, entry.number = WAITING, 0
  end
  if entry.kind ~= WAITING then return stand_of(visitor, entry) end
  local place, lane = entry.place, lane_of(entry)
  local ahead = call('ZRANK', lane.queue, visitor)
  if ahead then
    entry.number = math.max(entry.number, head.earned + lasts)
  else
    local score = text(place)
    ahead = call('ZCOUNT', lane.queue, '-inf', '(' .. score)
    call('ZADD', lane.queue, score, visitor)
    call('ZREM', lane.absent, visitor)
    entry.number = head.earned + lasts
    moved()
  end
  ahead = ahead + undrawn_before(lane, place)
  if entry.kept or not plain(entry) or is_near(lane, place, ahead, lasts, terms) then
    keep(visitor, entry)
  end
  return stand(WAITING, ahead, entry.turn, place + 1, entry.lane)
end
