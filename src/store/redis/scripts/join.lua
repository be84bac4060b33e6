-- Gives visitors places, once each.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 asks of 28 bytes: visitor (16), window (4), how
-- long the join lasts as a check-in (8, microseconds).
-- Answers LOST where an ask is of a newer window than the room's, else epoch (4 bytes), tick (8),
-- and a stand for each ask, among them FULL and SHUT.
--
-- New places are higher than all others, so a newcomer has everybody ahead who waits: no rank is
-- looked up. A visitor with a living turn is answered in every state, so that a join may be sent
-- again. The only visitor's verb that is refused when memory is full: all others only end things
-- or make records of those that are there.

local refused = load({'epoch', 'last_number', 'front', 'covered', 'tick', 'earned', 'claim_time',
  'window', 'state', 'rate', 'rev', 'joins_total', 'moved'})
if refused then return refused end

local asks = ARGV[3]
local count = #asks / 28
local visitors, windows, lasts = {}, {}, {}
for at = 1, count do
  visitors[at], windows[at], lasts[at] = struct.unpack('>c16I4I8', asks, at * 28 - 27)
  if windows[at] > head.window then return LOST end
end
find(visitors)

local present = call('ZCARD', QUEUE)
local waiting = present + call('ZCARD', ABSENT)
local joins = head.state == OPEN or head.state == PAUSED
local base, number = head.epoch * NUMBERS, head.last_number
local near = gone_within(terms.horizon, terms)
local fresh, places, answers = {}, {}, {}
local shut, full = stand(SHUT, 0, 1, 0), stand(FULL, 0, 1, 0)

local function join(visitor, entry, lasting)
  if not joins then return shut end
  if waiting >= terms.max_waiting or number + 1 >= NUMBERS then return full end
  local turn, before = 1, 0
  if entry then turn, before = entry.turn + 1, entry.number end
  number = number + 1
  local place = base + number
  places[#places + 1], places[#places + 2] = text(place), visitor
  if turn > 1 or present < near or is_near(place, present, lasting, terms) then
    records[visitor] = {kind = WAITING, missed = 0, before = before, turn = turn, place = place,
      number = head.earned + lasting}
  end
  local answer = stand(WAITING, present, turn, place + 1)
  fresh[visitor] = answer
  present, waiting = present + 1, waiting + 1
  return answer
end

for at = 1, count do
  local visitor = visitors[at]
  local entry = known[visitor]
  if windows[at] ~= head.window then
    answers[at] = shut
  elseif fresh[visitor] then
    answers[at] = fresh[visitor]
  elseif entry and (entry.kind ~= ENDED or entry.turn == 65535) then
    local held = head.moved
    answers[at] = see(visitor, entry, lasts[at], terms)
    if head.moved ~= held then present = present + 1 end
  else
    answers[at] = join(visitor, entry, lasts[at])
  end
end

if number > head.last_number then
  set('joins_total', head.joins_total + number - head.last_number)
  set('last_number', number)
  adds[QUEUE] = places
end
write()
return struct.pack('>I4I8', head.epoch, head.tick) .. table.concat(answers)
