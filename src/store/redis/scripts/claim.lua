-- Makes sessions of released turns, or says again that they were made.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 claims of 46 bytes: visitor (16), window (4),
-- turn (2), session (16), wall time in milliseconds (8).
-- Answers LOST where a claim is of a newer window than the room's, else epoch (4), tick (8), rev
-- (4), and for each claim a stand and 8 bytes: ADMITTED with number 1 + the session's beginning where
-- it got in, and the wall time until which the site keeps it; ADMITTED with 0 or anything else where
-- it did not.

local refused = load({'epoch', 'tick', 'earned', 'claim_time', 'window', 'state', 'rev',
  'claims_total', 'out', 'moved', 'undrawn', 'behind'}, {'unplaced'})
if refused then return refused end

local claims, visitors, names = {}, {}, {}
for at = 1, #ARGV[3] / 46 do
  local one = {}
  one.visitor, one.window, one.turn, one.jti, one.at =
    struct.unpack('>c16I4Hc16I8', ARGV[3], at * 46 - 45)
  if one.window > head.window then return LOST end
  claims[at], visitors[at], names[at] = one, one.visitor, one.jti
end
find(visitors)
local records, ends = gather(names, 'HMGET', SESSIONS), gather(names, 'HMGET', ENDS)
local sessions, guests, slots, admitted = {}, {}, {}, {}
for at, name in ipairs(names) do admitted[name] = records[at] end

-- Holds a slot for a token that lives so many milliseconds from now; never shortens it.
local function hold(claim, life)
  local at = #slots
  slots[at + 1], slots[at + 2] = text(head.earned + life * 1000 + LEEWAY), claim.jti
end

-- The same admission again, while its absolute end is to come or the site keeps it.
local function again(claim, since, kept)
  local usual = math.min(since + terms.absolute - claim.at, terms.idle)
  local life = math.max(usual, kept - claim.at)
  if life <= 0 then return stand(ENDED, EXPIRED, claim.turn, 0) end
  hold(claim, life)
  return stand(ADMITTED, since + 1, claim.turn, 0), kept
end

local function admit(claim, entry)
  local guest = guest_of(claim.window, claim.visitor)
  local record = guest .. struct.pack('>HI8', claim.turn, claim.at)
  local at = #sessions
  sessions[at + 1], sessions[at + 2] = claim.jti, record
  guests[at + 1], guests[at + 2] = guest, claim.jti
  admitted[claim.jti] = record
  hold(claim, math.min(terms.idle, terms.absolute))
  set('claims_total', head.claims_total + 1)
  leave_line(claim.visitor, entry)
  keep(claim.visitor, {kind = ADMITTED, missed = entry.missed, before = entry.before,
    turn = entry.turn, place = entry.place, number = head.rev, lane = entry.lane,
    aways = entry.aways, extensions = entry.extensions})
  return stand(ADMITTED, claim.at + 1, claim.turn, 0)
end

local function answer(at, claim)
  local record = admitted[claim.jti]
  if record then
    local turn, since = struct.unpack('>HI8', record, 21)
    if record:sub(1, 20) == guest_of(claim.window, claim.visitor) and turn == claim.turn then
      return again(claim, since, #record > 30 and struct.unpack('>I8', record, 31) or 0)
    end
  end
  local entry, said = stay(claim.window, claim.visitor, claim.turn)
  if not entry then return said end
  if entry.kind == ADMITTED then
    return stand(ADMITTED, 0, entry.turn, entry.place + 1, entry.lane)
  end
  if entry.kind ~= RELEASED or not (head.state == OPEN or head.state == PAUSED) then
    return stand_of(claim.visitor, entry)
  end
  if ends[at] then
    finish(claim.visitor, entry, struct.unpack('>B', ends[at]))
    return stand_of(claim.visitor, known[claim.visitor])
  end
  return admit(claim, entry)
end

local answers = {}
for at, claim in ipairs(claims) do
  local said, kept = answer(at, claim)
  answers[at] = said .. struct.pack('>I8', kept or 0)
end
bulk(sessions, 'HSET', SESSIONS)
bulk(guests, 'HSET', GUESTS)
for from = 1, #slots, 6000 do
  call('ZADD', SLOTS, 'GT', unpack(slots, from, math.min(from + 5999, #slots)))
end
write()
return struct.pack('>I4I8I4', head.epoch, head.tick, head.rev) .. table.concat(answers)
