-- Holds the slots of living sessions, and makes lost ones again.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 touches of 28 bytes: session (16), rev (4), life in
-- microseconds, leeway included (8). Answers one byte for each: 0 held, else why it ended.

local refused = load({'earned', 'rev', 'missing'})
if refused then return refused end

local REVOKED = 6
local names, revs, lives = {}, {}, {}
for at = 1, #ARGV[2] / 28 do
  names[at], revs[at], lives[at] = struct.unpack('>c16I4I8', ARGV[2], at * 28 - 27)
end
local ends, slots = gather(names, 'HMGET', ENDS), gather(names, 'ZMSCORE', SLOTS)
local made, held, answers = {}, {}, {}
for at, jti in ipairs(names) do
  if ends[at] then
    answers[at] = ends[at]:sub(1, 1)
  elseif revs[at] < head.rev then
    answers[at] = string.char(REVOKED)
  else
    if not slots[at] and not made[jti] then
      made[jti] = true
      if head.missing > 0 then set('missing', head.missing - 1) end
    end
    local last = #held
    held[last + 1], held[last + 2] = text(head.earned + lives[at]), jti
    answers[at] = '\0'
  end
end
for from = 1, #held, 6000 do
  call('ZADD', SLOTS, 'GT', unpack(held, from, math.min(from + 5999, #held)))
end
save()
return table.concat(answers)
