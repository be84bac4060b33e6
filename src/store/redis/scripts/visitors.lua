-- Visitors' entries, where they stand, and how they are seen.
--
-- A record is: kind, missed, before (1 byte each), turn (2), place, number (8 each), lane, and how
-- often the visitor stepped away and asked for more time (1 each). `number` is
-- the room time until which a waiting visitor counts as present, or one who stepped away is not
-- called, the claim time until which a released one may claim, the room's `rev` at an admission,
-- or why a turn ended. Reasons are numbered from 1 as in `EndedBy::ALL`; 0 is none.
--
-- Whoever waits in the first turn, missed nothing and is too far from the front to have to check
-- in has no record: the place is its score in the queue. Without a record nobody was seen. Who is
-- in a lobby in its first turn has none either; in a later one it has, without a place.

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

local function first_wait(place)
  return {kind = WAITING, missed = 0, before = 0, turn = 1, place = place, number = 0, lane = 0,
    aways = 0, extensions = 0}
end

local function in_lobby(lane)
  return {kind = IN_LOBBY, missed = 0, before = 0, turn = 1, place = 0, number = 0, lane = lane,
    aways = 0, extensions = 0}
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
  for _, key in ipairs({QUEUE, ABSENT, LOBBY, FROZEN}) do
    if #bare > 0 and call('EXISTS', key) == 1 then
      local places, rest = gather(bare, 'ZMSCORE', key), {}
      for at = 1, #bare do
        if places[at] then
          local score, waits = tonumber(places[at]), key == QUEUE or key == ABSENT
          known[bare[at]] = waits and first_wait(score) or in_lobby(score)
        else
          rest[#rest + 1] = bare[at]
        end
      end
      bare = rest
    end
  end
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
    take(QUEUE, visitor)
    take(ABSENT, visitor)
  elseif entry.kind == RELEASED then
    set('out', math.max(0, head.out - 1))
  elseif entry.kind == IN_LOBBY then
    if call('ZSCORE', LOBBY, visitor) then
      take(LOBBY, visitor)
    else
      set('undrawn', math.max(0, head.undrawn - 1))
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
  return call('ZCOUNT', QUEUE, score, score) > 0 or call('ZCOUNT', ABSENT, score, score) > 0
end

-- Writes all that was noted: what is new before what is old goes.
local function write()
  if adds[QUEUE] or takes[QUEUE] then moved() end
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

-- One visitor's stand, 19 bytes: standing, number, turn, place + 1 (0 for none).
local function stand(standing, number, turn, place)
  return struct.pack('>BI8HI8', standing, number, turn, place)
end

-- How many will get lower places than this one who have none yet.
local function undrawn_before(place)
  return head.undrawn > 0 and place > head.behind and head.undrawn or 0
end

local function ahead_of(visitor, place)
  local ahead = call('ZRANK', QUEUE, visitor) or call('ZCOUNT', QUEUE, '-inf', '(' .. text(place))
  return ahead + undrawn_before(place)
end

-- Whether somebody who stepped away is not back yet, and the time for that not over.
local function is_away(entry)
  return entry.kind == AWAY and entry.number > head.earned
end

local function stand_of(visitor, entry)
  local number = entry.number
  if is_away(entry) then
    return stand(AWAY, number - head.earned, entry.turn, entry.place + 1)
  elseif entry.kind == WAITING or entry.kind == AWAY then
    number = ahead_of(visitor, entry.place)
    return stand(WAITING, number, entry.turn, entry.place + 1)
  elseif entry.kind == RELEASED then
    number = math.max(0, number - head.claim_time)
  elseif entry.kind == ENDED or entry.kind == IN_LOBBY then
    return stand(entry.kind, number, entry.turn, 0)
  end
  return stand(entry.kind, number, entry.turn, entry.place + 1)
end

-- How many visitors go within so many microseconds at the pace in force.
local function gone_within(span, terms)
  local rate = head.rate > 0 and head.rate or terms.rate
  return math.max(1, math.floor(times(terms.correction, span * rate) / VISITOR))
end

-- Whether a check-in there is worth a record: the horizon covered the place, or will do so
-- before the check-in is over. Farther away it would be over before anybody asked for it.
local function is_near(place, ahead, lasts, terms)
  return place <= head.covered or place <= head.front
    or ahead < gone_within(terms.horizon + lasts, terms)
end

-- Marks a visitor present for so long, and says where it stands. Who stepped away is brought back
-- by coming itself, not by its page's polls.
local function see(visitor, entry, lasts, terms, returns)
  if entry.kind == AWAY and (returns or not is_away(entry)) then
    entry.kind, entry.number = WAITING, 0
  end
  if entry.kind ~= WAITING then return stand_of(visitor, entry) end
  local place = entry.place
  local ahead = call('ZRANK', QUEUE, visitor)
  if ahead then
    entry.number = math.max(entry.number, head.earned + lasts)
  else
    local score = text(place)
    ahead = call('ZCOUNT', QUEUE, '-inf', '(' .. score)
    call('ZADD', QUEUE, score, visitor)
    call('ZREM', ABSENT, visitor)
    entry.number = head.earned + lasts
    moved()
  end
  ahead = ahead + undrawn_before(place)
  if entry.kept or not plain(entry) or is_near(place, ahead, lasts, terms) then
    keep(visitor, entry)
  end
  return stand(WAITING, ahead, entry.turn, place + 1)
end
