-- A room's keys and its head, and writing in bulk. Stands in front of every script.
--
-- KEYS are the same for every script, in the order in which `keys.rs` names them:
--   1 head      hash: what the room knows besides its visitors and sessions (fields below)
--   2 queue     sorted set: visitor -> place, for all who wait and were not found absent
--   3 absent    sorted set: visitor -> place, for those who were
--   4 entries   hash: visitor -> record, for all but those who plainly wait far from the front
--   5 turns     sorted set: up to 50 visitors released at one tick, 16 bytes each -> claim time
--               until which they may claim; it stays until then, whatever became of them
--   6 sessions  hash: session -> window, visitor, turn and beginning, where these are known, and the
--               wall time until which the site keeps it (8 bytes more), where it does
--   7 slots     sorted set: session -> room time until which its slot is held
--   8 guests    hash: window and visitor -> session
--   9 ends      hash: session -> why it ended, and its number among the ends told
--  10 told      sorted set: session -> number of its end
--  11 forget    sorted set: session -> room time until which its end is remembered
--  12 samples   string: the last samples of the queues, and what they were taken from
--  13 lobby     sorted set: visitor -> lane, for those in the running lobby
--  14 frozen    the same of the frozen one: all who were in it, until the last has its place
--  15 roster    hash: block -> so many visitors of the drawn order of a window's prequeue, 16 bytes
--               each, as far as they were placed; it stays until the next is frozen. As one string
--               it would be copied as a whole from time to time while it grows
--  16 spent     hash: single-use thing -> window and visitor that used it, and the next
--  17 unspend   sorted set: single-use thing -> room time until which its use is remembered
-- Where a room has more lanes than the general one, two keys for each of them follow: its queue
-- and its absent. A script that was not given the keys of all lanes in which somebody waits does
-- nothing and answers LANES and their number.
--
-- ARGV[1] is what a room is made with where there is none: epoch (4 bytes), incarnation (16 hex
-- digits). Numbers within arguments, records and answers are big-endian. All numbers stay below
-- 2^53, where Lua's doubles are exact.
--
-- A script does not roll back. So what is new is written before what is old is taken away: if a
-- write in the middle fails, somebody may stand twice and is put right by the next call; nobody
-- is lost.

local HEAD, QUEUE, ABSENT, ENTRIES, TURNS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local SESSIONS, SLOTS, GUESTS, ENDS, TOLD = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local FORGET, SAMPLES, LOBBY, FROZEN, ROSTER = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local SPENT, UNSPEND = KEYS[16], KEYS[17]
local ROOM_KEYS = 17

local FORMAT = 2
local NUMBERS, BLOCK = 536870912, 500
local CLOSED, OPEN, PAUSED, ENDED_ROOM, PREQUEUE, DRAWING = 0, 1, 2, 3, 4, 5

-- The head's fields as numbers, 0 where there is none, and those of them that changed:
--   format             of all of these keys; another one is not read
--   epoch, last_number what places are made from
--   lanes              how many lanes somebody has waited in; 0 where only in the general one
--   tick, earned, credit, spent, slack, anchor, last_rate, last_burst, last_correction
--                      see domain/tick.rs
--   claim_time, grants_met, joins_total, claims_total, releases_total, granted_total,
--   missed_total       turns that nobody took
--   out                how many are released and have not claimed
--   newest_end, recovering_until, missing, missing_until
--   swept              1 + the tick that a sweep last began at
--   version, window, state, rate, burst (0: the file's), capacity (0: the file's, -1: none),
--   grants, rev        the standing orders, as far as scripts act on them
--   draw (0: none, 1: not frozen, 2: frozen), frozen_epoch, frozen_base, frozen_count
--                      what they tell of the draw
--   cut (1: a lobby is frozen), cut_round, cut_epoch, cut_base, cut_count, cut_placed
--                      see `Cut` in store/lobby.rs
--   undrawn, behind    how many of the frozen wait for their place, and the last place kept for them
--   lobby_since        room time of the first join of the running lobby
--   rounds             rounds frozen in this window after the prequeue's
--   roster_of, roster_count   the window of the roster, and how many are in it
--   moved              grows with every change of a queue: samples of it are then stale
-- and as text: incarnation, orders (JSON), gateways.
--
-- And for each lane, with its number behind the name except for the general one:
--   front, covered     highest place released, and highest that the horizon ever covered
--   carry              what is left of a half for those from behind the front
--   cursor             where the sweep goes on
--   lead, called       see domain/share.rs; and how many were ever called
--   unplaced           how many of `undrawn` are of the lane
--   history, horizons  text, see history.lua and presence.lua
local head, changed = {}, {}
local call = redis.call

-- The lanes, the general one first: number, keys, the names of their fields, and how the record
-- of somebody who did nothing else ends.
local lanes = {}
for at = 1, (#KEYS - ROOM_KEYS) / 2 + 1 do
  local number, own = at - 1, ROOM_KEYS + 2 * at - 3
  local lane = {number = number, tail = string.char(number, 0, 0)}
  if number == 0 then
    lane.queue, lane.absent = QUEUE, ABSENT
  else
    lane.queue, lane.absent = KEYS[own], KEYS[own + 1]
  end
  for _, name in ipairs({'front', 'covered', 'carry', 'cursor', 'lead', 'called', 'unplaced',
    'history', 'horizons'}) do
    lane[name] = number == 0 and name or name .. number
  end
  lanes[at] = lane
end

-- Numbers as text: Lua itself would write large ones with an exponent.
local function text(value)
  return type(value) == 'number' and string.format('%.0f', value) or value
end

-- Scores as text, for many places in a row. Writing all their digits anew for each visitor would
-- cost as much as its place.
local prefix, prefix_of = '', 0
local function as_score(place)
  local high = math.floor(place / 10000000)
  if high ~= prefix_of then prefix, prefix_of = text(high), high end
  return prefix .. string.format('%07d', place - high * 10000000)
end

local function set(name, value)
  head[name], changed[name] = value, value
end

-- Reads these fields, those of each lane, and the room's format. Gives back what to answer where
-- they cannot be used.
local function load(names, of_lanes)
  for _, lane in ipairs(lanes) do
    for _, name in ipairs(of_lanes or {}) do names[#names + 1] = lane[name] end
  end
  names[#names + 1] = 'lanes'
  names[#names + 1] = 'format'
  local found = call('HMGET', HEAD, unpack(names))
  for at, name in ipairs(names) do
    head[name] = tonumber(found[at] or 0)
    if not head[name] then
      return {ok = 'UNREADABLE the field ' .. name .. ' is no number'}
    end
  end
  if head.format == 0 then
    local epoch, incarnation = struct.unpack('>I4c16', ARGV[1])
    set('format', FORMAT)
    set('epoch', epoch)
    set('incarnation', incarnation)
  elseif head.format ~= FORMAT then
    return {ok = 'UNREADABLE it was written by another version of Anteroom'}
  end
  if head.lanes > #lanes then return {ok = 'LANES ' .. head.lanes} end
end

local LOST = {ok = 'LOST'}


-- Calls a command with many arguments, in parts that Lua can unpack; pairs stay together.
local function bulk(args, command, key)
  for from = 1, #args, 6000 do
    call(command, key, unpack(args, from, math.min(from + 5999, #args)))
  end
end

-- The same for commands that answer something for each argument.
local function gather(args, command, key)
  local count = #args
  if count == 0 then return {} end
  if count <= 6000 then return call(command, key, unpack(args)) end
  local all = {}
  for from = 1, count, 6000 do
    local part = call(command, key, unpack(args, from, math.min(from + 5999, count)))
    for at = 1, #part do all[from + at - 1] = part[at] end
  end
  return all
end

-- Members to be added to sorted sets and taken out of them, by key, until `write`.
local adds, takes = {}, {}

local function add(key, score, member)
  local args = adds[key]
  if not args then
    args = {}
    adds[key] = args
  end
  local at = #args
  args[at + 1], args[at + 2] = text(score), member
end

local function take(key, member)
  local args = takes[key]
  if not args then
    args = {}
    takes[key] = args
  end
  args[#args + 1] = member
end

-- Notes that somebody waits in a lane.
local function use(lane)
  if lane.number > 0 and lane.number >= head.lanes then set('lanes', lane.number + 1) end
end

local function moved()
  set('moved', head.moved + 1)
end

local function save()
  local args = {}
  for name, value in pairs(changed) do
    args[#args + 1], args[#args + 2] = name, text(value)
  end
  changed = {}
  bulk(args, 'HSET', HEAD)
end
