-- Visitors step away: they keep their places, count as absent, and are not called until they come
-- back or the time for it is over. Who was called gives the turn back, which is no miss.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 tokens as in tokens.lua.
-- Answers LOST where a token has seen more than the room has made, else epoch (4), tick (8), and
-- for each token what became of it (1 byte) and a stand: 0 away, by this ask or an earlier one; 1
-- as often as may be; 2 neither waiting nor called. With 1 and 2 nothing changed.

local refused = load({'epoch', 'tick', 'earned', 'claim_time', 'window',
  'state', 'rate', 'rev', 'out', 'moved', 'undrawn', 'behind'},
  {'front', 'covered', 'unplaced'})
if refused then return refused end

local DONE, SPENT, NOT = '\0', '\1', '\2'

local function step_away(visitor, entry)
  local called = entry.kind == RELEASED
  if is_away(entry) then return DONE end
  if called and is_held(entry.place) then return NOT end
  if not called and entry.kind ~= WAITING and entry.kind ~= AWAY then return NOT end
  if entry.aways >= terms.step_aways then return SPENT end
  add(lane_of(entry).absent, entry.place, visitor)
  if called then
    set('out', math.max(0, head.out - 1))
  else
    take(lane_of(entry).queue, visitor)
  end
  entry.kind, entry.number, entry.aways = AWAY, head.earned + terms.step_away, entry.aways + 1
  keep(visitor, entry)
  return DONE
end

local tokens = read_tokens()
if not tokens then return LOST end
local answers = {}
for at, token in ipairs(tokens) do
  local entry, said = entry_of(token)
  if entry then
    local done = step_away(token.visitor, entry)
    answers[at] = done .. stand_of(token.visitor, known[token.visitor])
  else
    answers[at] = NOT .. said
  end
end
write()
return struct.pack('>I4I8', head.epoch, head.tick) .. table.concat(answers)
