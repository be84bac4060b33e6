-- One tick: ends what expired, then calls those whose turn it is: from each lane its share, and
-- within a lane the lowest place first.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 proposal: tick seen, elapsed, waited (8 bytes
-- each, microseconds), whether another gateway had that tick (1).
-- Answers won (1 byte), the tick state (tick, earned, credit, slack, anchor, rate, burst and
-- correction of the last pace: 8 each), the version of the orders (8), and those released, 16 bytes each.
--
-- One proposal is accepted per tick number: compare and set. The work is bounded by what the pace
-- allows and by what Redis can do in a few milliseconds: so many are called, so many turns and
-- sessions end, so many lapsed places are met. What is beyond waits for the next tick, and who was
-- kept from going by that keeps the credit.

local MOST_CALLED, LATE_TOUCH = 2000, 60000000
local MOST_ENDED, MOST_LOOKS, TOGETHER = 200, 1000, 50

local refused = load(with_draw({'tick', 'earned', 'credit', 'spent', 'slack', 'anchor', 'last_rate',
  'last_burst', 'last_correction', 'claim_time', 'grants_met', 'releases_total', 'granted_total',
  'missed_total', 'newest_end', 'recovering_until', 'missing', 'missing_until', 'version',
  'window', 'state', 'rate', 'burst', 'capacity', 'grants', 'rev', 'out', 'moved'}),
  {'front', 'carry', 'lead', 'called', 'unplaced'})
if refused then return refused end

local proposal = {}
proposal.seen_tick, proposal.elapsed, proposal.waited, proposal.taken =
  struct.unpack('>I8I8I8B', ARGV[3])

local function released(won, batch)
  return struct.pack('>BI8I8I8I8I8I8I8I8I8', won, head.tick, head.earned, head.credit, head.slack,
    head.anchor, head.last_rate, head.last_burst, head.last_correction, head.version)
    .. table.concat(batch)
end

local pace = pace_in_force()
local claims = head.state == OPEN or head.state == PAUSED
local open = head.state == OPEN and head.recovering_until <= head.earned
local earned = head.earned
local paced = accept(proposal, pace, open)
if not paced then return released(0, {}) end
local now = head.earned
if claims then set('claim_time', head.claim_time + now - earned) end
local bound = math.min(MOST_ENDED, math.max(64, 2 * paced))

-- The first time the visitor keeps its place and counts as absent, the second time the turn is
-- over.
local function miss(visitor, entry)
  set('missed_total', head.missed_total + 1)
  if entry.missed == 1 or is_held(entry.place) then
    finish(visitor, entry, MISSED)
    known[visitor].missed = 1
    return
  end
  add(lane_of(entry).absent, entry.place, visitor)
  leave_line(visitor, entry)
  keep(visitor, {kind = WAITING, missed = 1, before = entry.before, turn = entry.turn,
    place = entry.place, number = 0, lane = entry.lane, aways = entry.aways,
    extensions = entry.extensions})
end

-- Takes back turns that were not claimed.
local function end_missed_turns()
  local over = call('ZRANGEBYSCORE', TURNS, '-inf', text(head.claim_time), 'WITHSCORES', 'LIMIT',
    0, 64)
  local visitors, tills = {}, {}
  for at = 1, #over, 2 do
    if #visitors >= bound then break end
    local till = tonumber(over[at + 1])
    for from = 1, #over[at], 16 do
      visitors[#visitors + 1] = over[at]:sub(from, from + 15)
      tills[#visitors] = till
    end
    take(TURNS, over[at])
  end
  find(visitors)
  for at, visitor in ipairs(visitors) do
    local entry = known[visitor]
    if entry and entry.kind == RELEASED and entry.number == tills[at] then miss(visitor, entry) end
  end
end

-- Ends sessions whose slot ran out. Their tokens have run out before, so nobody is told.
local function end_run_out_sessions()
  local over, endings = call('ZRANGEBYSCORE', SLOTS, '-inf', text(now), 'LIMIT', 0, bound), {}
  for at, jti in ipairs(over) do
    endings[at] = {jti = jti, why = EXPIRED, forget = now + LATE_TOUCH, told = false}
  end
  end_sessions(endings)
end

if claims then end_missed_turns() end
end_run_out_sessions()

local rested = head.recovering_until <= now
local opens, grants = head.state == OPEN and rested, claims and rested

local function capacity_left()
  local capacity = head.capacity == 0 and terms.capacity or head.capacity
  if capacity <= 0 then return MOST_CALLED end
  local missing = head.missing_until > now and head.missing or 0
  local inside = head.out + call('ZCARD', SLOTS) + missing
  return math.min(MOST_CALLED, math.max(0, capacity - inside))
end

local left = capacity_left()
local due = math.max(0, head.grants - head.grants_met)
local granted = grants and math.min(due, left) or 0
local most = math.min(left, granted + (opens and paced or 0))
local looks = math.min(MOST_LOOKS, 4 * most + 256)
-- Whom it calls, and records to write. Counted by hand: these loops run a thousand times a call,
-- and Lua would search for a table's length each time.
local batch, called, rewrites, written = {}, 0, {}, 0

-- A range of a lane's places, and until when those called in it may claim: longer where nobody
-- could expect them to know that they are near.
local function range_of(lane, from, to, late)
  local till = head.claim_time + terms.claim_window + (late and EXPECTED_AFTER or 0)
  return {lane = lane, first = from, from = from, to = to, late = late, till = till,
    till_bytes = struct.pack('>I8', till), turns = {}}
end

-- A lane as it stood when the tick began: behind the front, then where visitors are expected to
-- know that they are near, then the rest.
local function line_of(lane)
  local edge, far = text(head[lane.front]), text(expected_place(lane))
  local waits = (opens or most > 0) and call('ZCARD', lane.queue) or 0
  return {lane = lane, called = 0, waits = waits, moving = opens and waits > 0,
    behind = range_of(lane, '-inf', edge, false), near = range_of(lane, '(' .. edge, far, false),
    late = range_of(lane, '(' .. far, '+inf', true)}
end

local lines = {}
for at = 1, lane_count() do lines[at] = line_of(lanes[at]) end

-- The record of somebody called who had none. Only the far have none: others would have lapsed.
local function new_record(range, score)
  return '\1' .. PLAIN .. struct.pack('>I8', tonumber(score)) .. range.till_bytes
    .. range.lane.tail
end

local function score_of(range, visitor, record)
  if record then return text((struct.unpack('>I8', record, 6))) end
  return call('ZSCORE', range.lane.queue, visitor)
end

-- Loses somebody who should have checked in; not where enough such places were met.
local function pass_over(range, visitor, record)
  if looks == 0 then return false end
  looks = looks - 1
  lose(range.lane, visitor, score_of(range, visitor, record), record, rewrites)
  written = #rewrites
  return true
end

-- Calls or passes over those found until so many are called; how many it dealt with.
local function deal_with(range, found, scores, kept, most)
  local near, till_bytes, done = not range.late, range.till_bytes, 0
  local cut, read_struct, now = string.sub, struct.unpack, head.earned
  for at = 1, #found do
    if called == most then break end
    local visitor, record = found[at], kept[at]
    if near and (not record or read_struct('>I8', record, 14) <= now) then
      if not pass_over(range, visitor, record) then break end
    else
      rewrites[written + 1] = visitor
      rewrites[written + 2] = record and '\1' .. cut(record, 2, 13) .. till_bytes .. cut(record, 22)
        or new_record(range, scores[at])
      written, called = written + 2, called + 1
      batch[called] = visitor
      range.front, range.front_record = visitor, record
    end
    done = at
  end
  return done
end

-- Those of a range who are next, with their scores where they have no records.
local function next_of(range, count)
  local limit = math.min(1000, math.max(64, count))
  local queue = range.lane.queue
  if not range.late then
    return call('ZRANGEBYSCORE', queue, range.from, range.to, 'LIMIT', 0, limit), {}
  end
  local found, scores = {}, {}
  local both = call('ZRANGEBYSCORE', queue, range.from, range.to, 'WITHSCORES', 'LIMIT', 0, limit)
  for at = 1, #both / 2 do found[at], scores[at] = both[2 * at - 1], both[2 * at] end
  return found, scores
end

-- Calls the lowest places of a range until so many are called in all; whether it came to the
-- range's end. Whoever is passed is called or lost, so a range goes on where it stopped, and what
-- was passed can go in one piece.
local function call_within(range, most)
  while called < most do
    local found, scores = next_of(range, most - called)
    if #found == 0 then return true end
    local kept, before = call('HMGET', ENTRIES, unpack(found)), called
    local done = deal_with(range, found, scores, kept, most)
    if done > 0 then
      range.last = scores[done] or score_of(range, found[done], kept[done])
      range.from = '(' .. range.last
    end
    if called > before then
      range.turns[#range.turns + 1] = table.concat(batch, '', before + 1, called)
    end
    if done < #found then return false end
  end
  return false
end

-- Calls so many of one lane; how many it did. Those who came back from behind the front take at
-- most half while others wait; whatever one side cannot use the other may.
local function call_in_order(line, most)
  if most == 0 then return 0 end
  local before, lane, behind = called, line.lane, line.behind
  if call('ZCOUNT', lane.queue, behind.from, behind.to) > 0 then
    local halves = most + math.min(1, head[lane.carry])
    set(lane.carry, halves % 2)
    call_within(behind, before + math.min(most, math.floor(halves / 2)))
  end
  if call_within(line.near, before + most) then call_within(line.late, before + most) end
  call_within(behind, before + most)
  line.called = line.called + called - before
  return called - before
end

-- Calls from each lane its share. A lane that has fewer to call leaves the rest to the others.
local function call_by_share()
  local waits = {}
  for at, line in ipairs(lines) do waits[at] = line.waits end
  while called < most do
    local shares, all = share(waits, most - called), 0
    for at, line in ipairs(lines) do
      all = all + shares[at]
      local went = call_in_order(line, shares[at])
      waits[at] = went < shares[at] and 0 or waits[at] - shares[at]
    end
    if all == 0 then return end
  end
end

-- Notes the turns of a range: one member of the sorted set for many of them.
local function note(range)
  moved()
  if range.front then
    local score, front = score_of(range, range.front, range.front_record), range.lane.front
    set(front, math.max(head[front], tonumber(score)))
    local turns = table.concat(range.turns)
    for from = 1, #turns, 16 * TOGETHER do
      add(TURNS, range.till, turns:sub(from, from + 16 * TOGETHER - 1))
    end
  end
end

if most > 0 and #lines == 1 then
  call_in_order(lines[1], most)
elseif most > 0 then
  call_by_share()
end
local by_order = math.min(called, granted)
local by_pace = called - by_order
set('granted_total', head.granted_total + by_order)
set('releases_total', head.releases_total + by_pace)
-- What was ordered and could not be done now lapses, unless only this tick's bounds were in the way.
set('grants_met', head.grants_met + ((looks == 0 or called == MOST_CALLED) and by_order or due))
set('credit', math.max(0, head.credit - by_pace * VISITOR))
set('out', head.out + called)

-- Notes what went of each lane in which somebody has waited. Which of those called went by order
-- makes no difference to anybody: the first are taken for it.
local passed, ordered = {}, by_order
for at = 1, math.max(1, head.lanes) do
  local line = lines[at]
  local by_order_here = math.min(ordered, line.called)
  ordered = ordered - by_order_here
  measure(line.lane, now, line.called - by_order_here, line.moving)
  set(line.lane.called, head[line.lane.called] + line.called)
  for _, range in ipairs({line.behind, line.near, line.late}) do
    if range.last then passed[#passed + 1] = range end
  end
end
for _, range in ipairs(passed) do note(range) end
save()
bulk(rewrites, 'HSET', ENTRIES)
write()
for _, range in ipairs(passed) do
  call('ZREMRANGEBYSCORE', range.lane.queue, range.first, range.last)
end
if open then
  freeze_round()
  for _, line in ipairs(lines) do reach(line.lane, now) end
end
return released(1, batch)
