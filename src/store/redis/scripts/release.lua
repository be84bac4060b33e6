-- One tick: ends what expired, then calls those whose turn it is, lowest place first.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 proposal: tick seen, elapsed, waited (8 bytes
-- each, microseconds), whether another gateway had that tick (1).
-- Answers won (1 byte), the tick state (tick, earned, credit, slack, anchor, rate and burst of
-- the last pace: 8 each), the version of the orders (8), and those released, 16 bytes each.
--
-- One proposal is accepted per tick number: compare and set. The work is bounded by what the pace
-- allows: at most MOST_CALLED are called, twice that many turns and sessions end, and so many
-- lapsed places are looked at.

local MOST_CALLED, LATE_TOUCH = 2000, 60000000

local refused = load({'epoch', 'last_number', 'front', 'tick', 'earned', 'credit', 'slack',
  'anchor', 'last_rate', 'last_burst', 'claim_time', 'carry', 'grants_met', 'releases_total',
  'granted_total', 'newest_end', 'recovering_until', 'missing', 'missing_until', 'version',
  'window', 'state', 'rate', 'burst', 'capacity', 'grants', 'rev', 'moved'})
if refused then return refused end

local proposal = {}
proposal.seen_tick, proposal.elapsed, proposal.waited, proposal.taken =
  struct.unpack('>I8I8I8B', ARGV[3])

local function released(won, batch)
  return struct.pack('>BI8I8I8I8I8I8I8I8', won, head.tick, head.earned, head.credit, head.slack,
    head.anchor, head.last_rate, head.last_burst, head.version) .. table.concat(batch)
end

local pace = {rate = terms.rate, burst = terms.burst}
if head.rate > 0 then pace = {rate = head.rate, burst = head.burst} end
local claims = head.state == OPEN or head.state == PAUSED
local open = head.state == OPEN and head.recovering_until <= head.earned
local earned = head.earned
local paced = accept(proposal, pace, open)
if not paced then return released(0, {}) end
local now = head.earned
if claims then set('claim_time', head.claim_time + now - earned) end
local bound = math.max(64, 2 * math.min(paced, MOST_CALLED))

-- Takes back turns that were not claimed: the first time the visitor keeps its place and counts
-- as absent, the second time the turn is over.
local function end_missed_turns()
  local missed = call('ZRANGEBYSCORE', TURNS, '-inf', text(head.claim_time), 'LIMIT', 0, bound)
  find(missed)
  for _, visitor in ipairs(missed) do
    local entry = known[visitor]
    if entry and entry.kind == RELEASED then
      local score = text(entry.place)
      -- Only places of an older epoch can have been given to somebody who put them back.
      local held = entry.place < head.epoch * NUMBERS
        and (call('ZCOUNT', QUEUE, score, score) > 0 or call('ZCOUNT', ABSENT, score, score) > 0)
      if entry.missed == 1 or held then
        finish(visitor, entry, MISSED)
        known[visitor].missed = 1
      else
        add(ABSENT, entry.place, visitor)
        leave_line(visitor, entry)
        keep(visitor, {kind = WAITING, missed = 1, before = entry.before, turn = entry.turn,
          place = entry.place, number = 0})
      end
    else
      take(TURNS, visitor)
    end
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
  local inside = call('ZCARD', TURNS) + call('ZCARD', SLOTS) + missing
  return math.min(MOST_CALLED, math.max(0, capacity - inside))
end

local left = capacity_left()
local due = math.max(0, head.grants - head.grants_met)
local granted = grants and math.min(due, left) or 0
local most = math.min(left, granted + (opens and paced or 0))
local moving = opens and call('ZCARD', QUEUE) > 0
local looks, expected, front = 4 * most + 256, expected_place(), head.front
local batch, gone = {}, {}
local till = head.claim_time + terms.claim_window
local late = till + EXPECTED_AFTER
local till_text, late_text = text(till), text(late)

local function call_one(visitor, place, entry)
  entry = entry or first_wait(place)
  local soon = place <= expected
  entry.kind, entry.number = RELEASED, soon and till or late
  records[visitor] = entry
  add(TURNS, soon and till_text or late_text, visitor)
  if place > head.front then set('front', place) end
  batch[#batch + 1] = visitor
end

-- Calls the lowest places of a range until so many are called in all. Whoever is passed is
-- called or lost, so a range goes on where it stopped, and what was passed can go in one piece.
local function call_within(range, most)
  while #batch < most do
    local found = call('ZRANGEBYSCORE', QUEUE, range.from, range.to, 'WITHSCORES', 'LIMIT', 0,
      math.min(1000, math.max(64, most - #batch)))
    if #found == 0 then return end
    local visitors = {}
    for at = 1, #found, 2 do visitors[#visitors + 1] = found[at] end
    local entries = call('HMGET', ENTRIES, unpack(visitors))
    for at, visitor in ipairs(visitors) do
      if #batch == most then return end
      local score = found[2 * at]
      local place, entry = tonumber(score), entries[at] and read(entries[at])
      if place <= expected and has_lapsed(entry) then
        if looks == 0 then return end
        looks = looks - 1
        lose(visitor, place, entry)
      else
        call_one(visitor, place, entry)
      end
      range.last = score
      range.from = '(' .. score
    end
  end
end

-- Those who came back from behind the front take at most half while others wait; whatever one
-- side cannot use the other may.
local function call_in_order()
  local edge = text(front)
  local behind = {from = '-inf', to = edge, first = '-inf'}
  local beyond = {from = '(' .. edge, to = '+inf', first = '(' .. edge}
  if call('ZCOUNT', QUEUE, '-inf', edge) > 0 then
    local halves = most + math.min(1, head.carry)
    set('carry', halves % 2)
    call_within(behind, math.min(most, math.floor(halves / 2)))
  end
  call_within(beyond, most)
  call_within(behind, most)
  for _, range in ipairs({behind, beyond}) do
    if range.last then gone[#gone + 1] = range end
  end
end

if most > 0 then call_in_order() end
local called = #batch
local by_order = math.min(called, granted)
local by_pace = called - by_order
set('granted_total', head.granted_total + by_order)
set('releases_total', head.releases_total + by_pace)
-- What was ordered and could not be done now lapses, unless only this tick's bounds were in the way.
set('grants_met', head.grants_met + ((looks == 0 or called == MOST_CALLED) and by_order or due))
set('credit', math.max(0, head.credit - by_pace * VISITOR))
measure(now, by_pace, moving)
if #gone > 0 then moved() end
write()
for _, range in ipairs(gone) do
  call('ZREMRANGEBYSCORE', QUEUE, range.first, range.last)
end
if open then reach(now) end
return released(1, batch)
