-- Lets visitors in at once where nobody waits: joins, releases and claims in one step.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 asks of 53 bytes: visitor (16), window (4), time
-- that the join lasts as a check-in (8, microseconds), session of the first turn (16), wall time in
-- milliseconds (8), lane (1).
-- Answers LOST where an ask is of a newer window than the room's, else epoch (4), tick (8), rev
-- (4), and for each ask a stand: ADMITTED with number 1 + the session's beginning where it got in
-- just now, else as a join answers, among them FULL and SHUT.
--
-- Nobody passes while somebody is present in any lane, or waits for a draw. Whoever cannot pass
-- joins. Somebody back for another turn is released and claims then, for that session has another
-- name. What passes takes is paid for at the next tick: see tick.lua. Like a join it makes the room
-- larger, so it is refused while memory is full.

local refused = load({'epoch', 'last_number', 'tick', 'earned', 'credit', 'spent', 'claim_time',
  'window', 'state', 'rate', 'burst', 'capacity', 'rev', 'recovering_until', 'missing', 'missing_until',
  'joins_total', 'claims_total', 'releases_total', 'out', 'moved', 'undrawn', 'behind',
  'roster_of', 'draw'}, {'front', 'covered', 'called', 'unplaced'})
if refused then return refused end

local asks, visitors = {}, {}
for at = 1, #ARGV[3] / 53 do
  local ask = {}
  ask.visitor, ask.window, ask.lasts, ask.jti, ask.at, ask.lane =
    struct.unpack('>c16I4I8c16I8B', ARGV[3], at * 53 - 52)
  if ask.window > head.window then return LOST end
  asks[at], visitors[at] = ask, ask.visitor
end
find(visitors)

-- Who is present in each lane, and in all.
local in_lane, present, absent = {}, 0, 0
for at, lane in ipairs(lanes) do
  in_lane[at] = call('ZCARD', lane.queue)
  present, absent = present + in_lane[at], absent + call('ZCARD', lane.absent)
end
local slots, gathered = call('ZCARD', SLOTS), call('ZCARD', LOBBY)
local joins = head.state ~= CLOSED and head.state ~= ENDED_ROOM
local rested = head.recovering_until <= head.earned

local function count(lane, more)
  local at = lane.number + 1
  in_lane[at], present = in_lane[at] + more, present + more
end

local function capacity_left()
  local capacity = head.capacity == 0 and terms.capacity or head.capacity
  if capacity <= 0 then return true end
  local missing = head.missing_until > head.earned and head.missing or 0
  return head.out + slots + missing < capacity
end

-- After a lower pace was ordered and before its first tick, the bucket may hold more than it may.
local most_credit = ceiling(pace_in_force())

local function is_free()
  return head.state == OPEN and rested and present + gathered + head.undrawn == 0 and capacity_left()
    and math.min(head.credit, most_credit) - head.spent >= VISITOR
end

-- Makes a session of the visitor's first turn; one that ended before it began stays so.
local function admit(ask, entry)
  local over = call('HGET', ENDS, ask.jti)
  if over then
    entry.kind, entry.number = ENDED, struct.unpack('>B', over)
    keep(ask.visitor, entry)
    return stand_of(ask.visitor, entry)
  end
  local guest = guest_of(ask.window, ask.visitor)
  local till = head.earned + math.min(terms.idle, terms.absolute) * 1000 + LEEWAY
  call('HSET', SESSIONS, ask.jti, guest .. struct.pack('>HI8', entry.turn, ask.at))
  call('HSET', GUESTS, guest, ask.jti)
  call('ZADD', SLOTS, 'GT', text(till), ask.jti)
  slots = slots + 1
  set('claims_total', head.claims_total + 1)
  entry.kind, entry.number = ADMITTED, head.rev
  keep(ask.visitor, entry)
  return stand(ADMITTED, ask.at + 1, entry.turn, entry.place + 1, entry.lane)
end

-- Lets somebody go who would wait at this place.
local function let_go(ask, entry)
  set('spent', head.spent + VISITOR)
  set('releases_total', head.releases_total + 1)
  local lane = lane_of(entry)
  set(lane.front, math.max(head[lane.front], entry.place))
  set(lane.called, head[lane.called] + 1)
  if entry.turn == 1 then return admit(ask, entry) end
  entry.kind, entry.number = RELEASED, head.claim_time + terms.claim_window
  add(TURNS, entry.number, ask.visitor)
  set('out', head.out + 1)
  keep(ask.visitor, entry)
  return stand_of(ask.visitor, entry)
end

-- Somebody who waits or is inside already: one who was absent or away has come back.
local function come_back(ask, entry)
  -- A record's number would be taken for the session's beginning.
  if entry.kind == ADMITTED then
    return stand(ADMITTED, 0, entry.turn, entry.place + 1, entry.lane)
  end
  local waits = entry.kind == WAITING or entry.kind == AWAY
  local free = waits and is_free()
  local held, lane = head.moved, lane_of(entry)
  local said = see(ask.visitor, entry, ask.lasts, terms, true)
  if head.moved ~= held then
    count(lane, 1)
    absent = absent - 1
  end
  if not free then return said end
  count(lane, -1)
  take(lane.queue, ask.visitor)
  return let_go(ask, entry)
end

-- Into the lobby, for a draw.
local function gather_one(ask, turn, before)
  if gathered == 0 then set('lobby_since', head.earned) end
  local lane = lane_asked(ask.lane)
  local entry = in_lobby(lane.number)
  use(lane)
  entry.turn, entry.before = turn, before
  known[ask.visitor] = entry
  if turn > 1 then keep(ask.visitor, entry) end
  add(LOBBY, lane.number, ask.visitor)
  gathered = gathered + 1
  set('joins_total', head.joins_total + 1)
  return stand(IN_LOBBY, 0, turn, 0, lane.number)
end

local function pass(ask)
  local entry = known[ask.visitor]
  if entry and entry.fresh then
    return stand(WAITING, entry.fresh, entry.turn, entry.place + 1, entry.lane)
  end
  if ask.window ~= head.window then return stand(SHUT, 0, 1, 0) end
  local back = entry and entry.kind == ENDED and entry.turn < 65535
  if entry and not back then return come_back(ask, entry) end
  if not joins then return stand(SHUT, 0, 1, 0) end
  if present + absent + gathered + head.undrawn >= terms.max_waiting
    or head.last_number + gathered + 1 >= NUMBERS then
    return stand(FULL, 0, 1, 0)
  end
  local free, turn, before = is_free(), 1, 0
  if back then turn, before = entry.turn + 1, entry.number end
  if not free and gathers() then return gather_one(ask, turn, before) end
  set('last_number', head.last_number + 1)
  set('joins_total', head.joins_total + 1)
  local lane = lane_asked(ask.lane)
  use(lane)
  local new = first_wait(head.epoch * NUMBERS + head.last_number, lane)
  new.turn, new.before = turn, before
  if free then return let_go(ask, new) end
  local ahead = in_lane[lane.number + 1] + head[lane.unplaced]
  count(lane, 1)
  add(lane.queue, new.place, ask.visitor)
  known[ask.visitor] = new
  new.fresh = ahead
  new.number = head.earned + ask.lasts
  if not plain(new) or is_near(lane, new.place, ahead, ask.lasts, terms) then
    keep(ask.visitor, new)
  end
  return stand(WAITING, ahead, new.turn, new.place + 1, new.lane)
end

local answers = {}
for at, ask in ipairs(asks) do answers[at] = pass(ask) end
write()
return struct.pack('>I4I8I4', head.epoch, head.tick, head.rev) .. table.concat(answers)
