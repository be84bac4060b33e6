-- Says where visitors near the front stand, marks them present, and puts lost places back.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 tokens of 51 bytes: visitor (16), window, epoch
-- (4 each), turn (2), place, tick, how long the check-in lasts in microseconds (8 each), lane (1).
-- Answers LOST where a token has seen more than the room has made, else epoch (4), tick (8) and a
-- stand for each token.
--
-- A missing place is put back only if its token is of an older epoch: in the same epoch, missing
-- means ended. It may be written when memory is full: whoever shows such a token was there before.

local refused = load({'epoch', 'tick', 'earned', 'claim_time', 'window', 'state', 'rate', 'rev',
  'moved'}, {'front', 'covered'})
if refused then return refused end

local tokens, visitors = {}, {}
for at = 1, #ARGV[3] / 51 do
  local one = {}
  one.visitor, one.window, one.epoch, one.turn, one.place, one.tick, one.lasts, one.lane =
    struct.unpack('>c16I4I4HI8I8I8B', ARGV[3], at * 51 - 50)
  local newer = one.window > head.window
  if one.window == head.window then
    newer = one.epoch > head.epoch or (one.epoch == head.epoch and one.tick > head.tick)
  end
  if newer then return LOST end
  tokens[at], visitors[at] = one, one.visitor
end
find(visitors)

-- Why the turn before the token's ended; nothing where the token must not be put back.
local function turn_before(token)
  local entry = known[token.visitor]
  local before = 0
  if entry then
    if entry.turn >= token.turn or entry.kind == RELEASED or entry.kind == ADMITTED then
      return nil
    end
    before = entry.kind == ENDED and entry.number or entry.before
  end
  if before == 0 and session_of(guest_of(token.window, token.visitor)) then return nil end
  return before
end

-- Takes somebody who stands in the queue of a lane out of whatever else there is.
local function leave_other_lines(visitor, lane)
  for _, other in ipairs(lanes) do
    if other ~= lane then call('ZREM', other.queue, visitor) end
    call('ZREM', other.absent, visitor)
  end
end

local function put_back(token)
  local lost = token.window == head.window and head.state ~= ENDED_ROOM
    and token.epoch < head.epoch
  if not lost then return nil end
  local before = turn_before(token)
  if not before or is_held(token.place) then return nil end
  local visitor, old, lane = token.visitor, known[token.visitor], lane_asked(token.lane)
  use(lane)
  call('ZADD', lane.queue, text(token.place), visitor)
  if old then leave_other_lines(visitor, lane) end
  moved()
  local ahead = call('ZRANK', lane.queue, visitor)
  local entry = {kind = WAITING, missed = 0, before = before, turn = token.turn,
    place = token.place, number = head.earned + token.lasts, lane = lane.number, aways = 0, extensions = 0}
  known[visitor] = entry
  if old or not plain(entry) or is_near(lane, token.place, ahead, token.lasts, terms) then
    keep(visitor, entry)
  end
  return stand(WAITING, ahead, token.turn, token.place + 1, lane.number)
end

local answers = {}
for at, token in ipairs(tokens) do
  local entry, said = stay(token.window, token.visitor, token.turn)
  if entry then
    answers[at] = see(token.visitor, entry, token.lasts, terms)
  else
    answers[at] = put_back(token) or said
  end
end
write()
return struct.pack('>I4I8', head.epoch, head.tick) .. table.concat(answers)
