-- Tokens with a place, as visitors near the front show them, and putting back what a token proves.
--
-- ARGV[3] are tokens of 52 bytes: visitor (16), window, epoch (4 each), turn (2), place, tick, how
-- long the check-in lasts in microseconds (8 each), lane and whether the visitor came itself (1
-- each).
--
-- A missing place is put back only if its token is of an older epoch: in the same epoch, missing
-- means ended. It may be written when memory is full: whoever shows such a token was there before.

-- Reads the tokens and the entries of their visitors; nothing where a token has seen more than the
-- room has made.
local function read_tokens()
  local tokens, visitors = {}, {}
  for at = 1, #ARGV[3] / 52 do
    local one = {}
    one.visitor, one.window, one.epoch, one.turn, one.place, one.tick, one.lasts, one.lane,
      one.returns = struct.unpack('>c16I4I4HI8I8I8BB', ARGV[3], at * 52 - 51)
    local newer = one.window > head.window
    if one.window == head.window then
      newer = one.epoch > head.epoch or (one.epoch == head.epoch and one.tick > head.tick)
    end
    if newer then return nil end
    tokens[at], visitors[at] = one, one.visitor
  end
  find(visitors)
  return tokens
end

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

-- Takes somebody who stands in the queue of a lane out of whatever other line there is.
local function leave_other_lines(visitor, lane)
  for _, other in ipairs(lanes) do
    if other ~= lane then call('ZREM', other.queue, visitor) end
    call('ZREM', other.absent, visitor)
  end
end

-- Puts a lost place back; the stand of its visitor, or nothing where that may not be.
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
  if old and old.kind == IN_LOBBY then leave_line(visitor, old) end
  moved()
  local entry = {kind = WAITING, missed = 0, before = before, turn = token.turn,
    place = token.place, number = head.earned + token.lasts, lane = lane.number, aways = 0,
    extensions = 0}
  local ahead = ahead_of(visitor, entry)
  known[visitor] = entry
  if old or not plain(entry) or is_near(lane, token.place, ahead, token.lasts, terms) then
    keep(visitor, entry)
  end
  return stand(WAITING, ahead, token.turn, token.place + 1, entry.lane)
end

-- A drawn place that a gateway put back after a loss is in the general lane until a token from
-- before the loss tells its own: the drawn order says nothing of lanes.
local function settle_lane(token, entry)
  local lane, waits = lane_asked(token.lane), entry.kind == WAITING or entry.kind == AWAY
  local proves = token.epoch < head.epoch and token.place == entry.place
  if not (waits and proves) or entry.lane > 0 or lane.number == 0 then return end
  local visitor = token.visitor
  local line = call('ZSCORE', QUEUE, visitor) and 'queue' or 'absent'
  use(lane)
  call('ZADD', lane[line], text(entry.place), visitor)
  call('ZREM', lanes[1][line], visitor)
  moved()
  entry.lane = lane.number
  if entry.kept then keep(visitor, entry) end
end

-- The entry that a token speaks of, put back where the store lost it; else what is to be said.
local function entry_of(token)
  local entry, said = stay(token.window, token.visitor, token.turn)
  if entry then
    settle_lane(token, entry)
    return entry
  end
  if put_back(token) then return known[token.visitor] end
  return nil, said
end
