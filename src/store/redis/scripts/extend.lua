-- Visitors who were called get another claim window of time, from now on.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 tokens as in tokens.lua.
-- Answers as step_away.lua does: 0 has the time, by this ask or an earlier one; 1 as often as may
-- be; 2 not called. With 1 and 2 nothing changed.
--
-- While more than three quarters of a claim window are left an ask changes nothing and is not
-- counted: so it may be sent twice. The turn stays in TURNS under its old time too, which then
-- passes over it, because its record says another.

local refused = load({'epoch', 'tick', 'earned', 'claim_time', 'window',
  'state', 'rate', 'rev', 'moved', 'undrawn', 'behind'},
  {'front', 'covered', 'unplaced'})
if refused then return refused end

local DONE, SPENT, NOT = '\0', '\1', '\2'

local function extend(visitor, entry)
  if entry.kind ~= RELEASED then return NOT end
  if (entry.number - head.claim_time) * 4 > terms.claim_window * 3 then return DONE end
  if entry.extensions >= terms.extensions then return SPENT end
  entry.number = math.max(entry.number, head.claim_time + terms.claim_window)
  entry.extensions = entry.extensions + 1
  add(TURNS, entry.number, visitor)
  keep(visitor, entry)
  return DONE
end

local tokens = read_tokens()
if not tokens then return LOST end
local answers = {}
for at, token in ipairs(tokens) do
  local entry, said = entry_of(token)
  if entry then
    answers[at] = extend(token.visitor, entry) .. stand_of(token.visitor, entry)
  else
    answers[at] = NOT .. said
  end
end
write()
return struct.pack('>I4I8', head.epoch, head.tick) .. table.concat(answers)
