-- Keeps sessions for a while, whatever their visitors do.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 holds of 53 bytes: session (16), whether a token proves it
-- (1), the rev of that token (4), wall time now, until when, the longest that any session may last
-- (milliseconds, 8 each), how much longer the slot is held (microseconds, 8). Answers 9 bytes for
-- each: 0 kept and until when, 1 ended and why, 2 unknown and 0.
--
-- A session that was lost is made again on the proof of a token only: a name alone may be made up,
-- and would take a slot.

local refused = load({'earned', 'rev', 'missing'})
if refused then return refused end

local KEPT, ENDED, UNKNOWN, REVOKED, RECORD = 0, 1, 2, 6, 30
local holds, names = {}, {}
for at = 1, #ARGV[2] / 53 do
  local one = {}
  one.jti, one.proven, one.rev, one.at, one.till, one.longest, one.leeway =
    struct.unpack('>c16BI4I8I8I8I8', ARGV[2], at * 53 - 52)
  holds[at], names[at] = one, one.jti
end
local ends, slots = gather(names, 'HMGET', ENDS), gather(names, 'ZMSCORE', SLOTS)
local records, living, noted = gather(names, 'HMGET', SESSIONS), {}, {}
for at, jti in ipairs(names) do living[jti], noted[jti] = slots[at], records[at] end

local function say(kind, number)
  return struct.pack('>BI8', kind, number)
end

-- Notes it beside the session's beginning, where that is known.
local function note(one)
  local record = noted[one.jti]
  if not record then return one.till end
  local since = struct.unpack('>I8', record, 23)
  local till = since > 0 and math.min(one.till, since + one.longest) or one.till
  local before = #record > RECORD and struct.unpack('>I8', record, RECORD + 1) or 0
  noted[one.jti] = record:sub(1, RECORD) .. struct.pack('>I8', math.max(before, till))
  call('HSET', SESSIONS, one.jti, noted[one.jti])
  return till, before
end

local answers = {}
for at, one in ipairs(holds) do
  if ends[at] then
    answers[at] = say(ENDED, ends[at]:byte())
  elseif one.proven == 1 and one.rev < head.rev then
    answers[at] = say(ENDED, REVOKED)
  elseif one.proven == 0 and not living[one.jti] then
    answers[at] = say(UNKNOWN, 0)
  else
    if not living[one.jti] and head.missing > 0 then set('missing', head.missing - 1) end
    living[one.jti] = true
    local till, before = note(one)
    local life = math.max(0, till - one.at) * 1000 + one.leeway
    call('ZADD', SLOTS, 'GT', text(head.earned + life), one.jti)
    answers[at] = say(KEPT, math.max(till, before or 0))
  end
end
save()
return table.concat(answers)
