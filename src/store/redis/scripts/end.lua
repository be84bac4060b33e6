-- Ends sessions, known or not; unknown ones are remembered as ended.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 endings of 25 bytes: session (16), why (1), for how long
-- to remember it in microseconds (8). Answers nothing.

local refused = load({'earned', 'window', 'rev', 'missing', 'newest_end', 'moved'})
if refused then return refused end

local endings = {}
for at = 1, #ARGV[2] / 25 do
  local jti, why, life = struct.unpack('>c16BI8', ARGV[2], at * 25 - 24)
  endings[at] = {jti = jti, why = why, forget = head.earned + life, told = true}
end
end_sessions(endings)
return {ok = 'OK'}
