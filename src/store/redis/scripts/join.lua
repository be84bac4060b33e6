-- Gives visitors places, or puts them into the lobby, once each.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 the longest time that one of the joins lasts as a
-- check-in (8 bytes, microseconds), the oldest and the newest window (4 each), the lowest and the
-- highest lane (1 each), and for each ask its window (4), its time (8) and its lane (1); from 4 on
-- the visitors.
-- Answers LOST where an ask is of a newer window than the room's, else epoch (4 bytes), tick (8),
-- and a stand for each ask, among them FULL, SHUT and RUN: so many newcomers (in place of the
-- turn) who came one after another into one lane; number and place are those of the first. Or
-- GATHERED: so many who are in the lobby in their first turn, for one lane.
--
-- New places are higher than all others, so a newcomer has everybody ahead who waits in its lane,
-- also those of a frozen lobby who have no place yet: no rank is looked up. Who has a place, or is
-- in the lobby, stays in the lane, whichever is asked for. A visitor with a living turn is answered
-- in every state, so that a join may be sent again. Like a pass it is refused when memory is full:
-- all others only end things or make records of those that are there.

local refused = load({'epoch', 'last_number', 'tick', 'earned', 'claim_time', 'window', 'state',
  'rate', 'rev', 'joins_total', 'moved', 'undrawn', 'behind', 'roster_of', 'draw'},
  {'front', 'covered', 'unplaced'})
if refused then return refused end

local asks = ARGV[3]
local longest, oldest, newest, lowest, highest = struct.unpack('>I8I4I4BB', asks)
if newest > head.window then return LOST end
local visitors = {unpack(ARGV, 4)}
local count = #visitors
local present, absent = {}, {}
local gathered = call('ZCARD', LOBBY)
local waiting = gathered + head.undrawn
for at, lane in ipairs(lanes) do
  present[at], absent[at] = call('ZCARD', lane.queue), call('ZCARD', lane.absent)
  waiting = waiting + present[at] + absent[at]
end
local joins = head.state ~= CLOSED and head.state ~= ENDED_ROOM
local to_lobby = gathers()
local current = oldest == newest and oldest == head.window
local base, number = head.epoch * NUMBERS, head.last_number
local most = math.min(terms.max_waiting, waiting + NUMBERS - 1 - number - gathered)
local far = gone_within(terms.horizon + longest, terms)

local function ask_of(at)
  local window, lasts, number = struct.unpack('>I4I8B', asks, at * 13 + 6)
  return window, lasts, lane_asked(number)
end

local function answered(answers)
  return struct.pack('>I4I8', head.epoch, head.tick) .. answers
end

local function none(found)
  for at = 1, count do
    if found[at] then return false end
  end
  return true
end

-- Whether nobody of the batch is in this sorted set, of so many members.
local function all_new_to(key, size)
  return size == 0 or none(call('ZMSCORE', key, unpack(visitors)))
end

-- Whether nobody of the batch waits in a lane, or was found absent there, except in one's queue.
local function all_new_to_lanes(except)
  for at, lane in ipairs(lanes) do
    if lane ~= except and not all_new_to(lane.queue, present[at]) then return false end
    if not all_new_to(lane.absent, absent[at]) then return false end
  end
  return true
end

-- What to answer a batch that is in the lobby: so many after one another who are there for a lane.
local function gathered_all(added)
  if added == count and lowest == highest then
    local _, _, lane = ask_of(1)
    use(lane)
    save()
    return answered(stand(GATHERED, 0, count, 0, lane.number))
  end
  local numbers, answers = call('ZMSCORE', LOBBY, unpack(visitors)), {}
  for at = 1, count do
    local number = tonumber(numbers[at])
    use(lanes[number + 1] or lanes[1])
    answers[at] = stand(GATHERED, 0, 1, 0, number)
  end
  save()
  return answered(table.concat(answers))
end

if to_lobby and current and waiting + count <= most then
  -- Puts the whole batch into the lobby where nobody in it has a turn but there.
  if none(call('HMGET', ENTRIES, unpack(visitors))) and all_new_to_lanes()
    and all_new_to(FROZEN, head.undrawn) then
    local members = {}
    for at = 1, count do
      local _, _, lane = ask_of(at)
      members[2 * at - 1], members[2 * at] = lane.number, visitors[at]
    end
    if gathered == 0 then set('lobby_since', head.earned) end
    local added = call('ZADD', LOBBY, 'NX', unpack(members))
    set('joins_total', head.joins_total + added)
    return gathered_all(added)
  end
end

-- Joins the whole batch where all in it are new and ask for one lane, which is what a queue that
-- grows is made of. One command says whether they were; where not, nothing is left of this. Says
-- whether it did so.
local function join_newcomers(lane)
  if not (current and joins) or to_lobby or waiting + count > most then return false end
  if lowest ~= highest or not none(call('HMGET', ENTRIES, unpack(visitors))) then return false end
  if not (all_new_to_lanes(lane) and all_new_to(LOBBY, gathered)) then return false end
  if not all_new_to(FROZEN, head.undrawn) then return false end
  local places = {}
  for at = 1, count do
    places[2 * at - 1], places[2 * at] = as_score(base + number + at), visitors[at]
  end
  set('last_number', number + count)
  use(lane)
  save()
  if call('ZADD', lane.queue, 'NX', unpack(places)) == count then return true end
  set('last_number', number)
  local scores = call('ZMSCORE', lane.queue, unpack(visitors))
  for at = 1, count do
    if scores[at] and tonumber(scores[at]) > base + number then take(lane.queue, visitors[at]) end
  end
  write()
  return false
end

local all_ask = lane_asked(lowest)
if join_newcomers(all_ask) then
  local ahead = present[all_ask.number + 1] + head[all_ask.unplaced]
  for at = 1, math.min(count, far - ahead) do
    local _, lasts = ask_of(at)
    local place = base + number + at
    if is_near(all_ask, place, ahead + at - 1, lasts, terms) then
      local entry = first_wait(place, all_ask)
      entry.number = head.earned + lasts
      keep(visitors[at], entry)
    end
  end
  set('joins_total', head.joins_total + count)
  moved()
  write()
  return answered(stand(RUN, ahead, count, base + number + 2, all_ask.number))
end

-- Somebody is known, came twice, or may not join: one after another.
find(visitors)
local fresh, come, answers = {}, {}, {}
local run, run_ahead, run_number, run_lane, came = 0, 0, 0, lanes[1], 0

local function end_run()
  if run > 0 then
    answers[#answers + 1] = stand(RUN, run_ahead, run, base + run_number + 1, run_lane.number)
    run = 0
  end
end

local function say(answer)
  end_run()
  answers[#answers + 1] = answer
end

-- A new place at the back of a lane; `waiting` is below `most`. How many have come into the lane
-- says later how many of those in it came after.
local function add_newcomer(visitor, lane)
  local own = lane.number + 1
  number, waiting = number + 1, waiting + 1
  local places = adds[lane.queue] or {}
  local at = #places
  places[at + 1], places[at + 2] = as_score(base + number), visitor
  adds[lane.queue] = places
  present[own], come[own] = present[own] + 1, (come[own] or 0) + 1
  fresh[visitor] = {number = number, lane = lane, order = come[own]}
  use(lane)
end

-- Into the lobby, for a draw; `waiting` is below `most`.
local function add_member(visitor, turn, before, lane)
  if gathered == 0 then set('lobby_since', head.earned) end
  local entry = in_lobby(lane.number)
  entry.turn, entry.before = turn, before
  known[visitor] = entry
  if turn > 1 then records[visitor] = entry end
  add(LOBBY, lane.number, visitor)
  use(lane)
  gathered, waiting, came = gathered + 1, waiting + 1, came + 1
end

local function join(at, visitor, entry)
  if not joins then return say(stand(SHUT, 0, 1, 0)) end
  if waiting >= most then return say(stand(FULL, 0, 1, 0)) end
  local _, lasts, lane = ask_of(at)
  local turn, before, ahead = 1, 0, present[lane.number + 1] + head[lane.unplaced]
  if entry then turn, before = entry.turn + 1, entry.number end
  if to_lobby then
    add_member(visitor, turn, before, lane)
    return say(stand(IN_LOBBY, 0, turn, 0, lane.number))
  end
  add_newcomer(visitor, lane)
  local place = base + number
  if turn > 1 or is_near(lane, place, ahead, lasts, terms) then
    records[visitor] = {kind = WAITING, missed = 0, before = before, turn = turn, place = place,
      number = head.earned + lasts, lane = lane.number, aways = 0, extensions = 0}
  end
  if turn > 1 then return say(stand(WAITING, ahead, turn, place + 1, lane.number)) end
  if run_lane ~= lane then end_run() end
  if run == 0 then run_ahead, run_number, run_lane = ahead, number, lane end
  run = run + 1
end

-- Somebody who came before in this very batch.
local function again(visitor, new)
  local own = new.lane.number + 1
  local ahead = present[own] + head[new.lane.unplaced] - 1 - come[own] + new.order
  local turn = records[visitor] and records[visitor].turn or 1
  say(stand(WAITING, ahead, turn, base + new.number + 1, new.lane.number))
end

local function answer(at, visitor)
  local window, lasts = ask_of(at)
  local entry, new = known[visitor], fresh[visitor]
  if window ~= head.window then return say(stand(SHUT, 0, 1, 0)) end
  if new then return again(visitor, new) end
  if not entry or (entry.kind == ENDED and entry.turn < 65535) then
    return join(at, visitor, entry)
  end
  local held = head.moved
  say(see(visitor, entry, lasts, terms, true))
  if head.moved ~= held then present[entry.lane + 1] = present[entry.lane + 1] + 1 end
end

for at, visitor in ipairs(visitors) do answer(at, visitor) end
end_run()

came = came + number - head.last_number
if came > 0 then set('joins_total', head.joins_total + came) end
if number > head.last_number then set('last_number', number) end
write()
return answered(table.concat(answers))
