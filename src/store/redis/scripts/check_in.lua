-- Says where visitors near the front stand, marks them present, and puts lost places back.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 tokens as in tokens.lua.
-- Answers LOST where a token has seen more than the room has made, else epoch (4), tick (8) and a
-- stand for each token.

local refused = load({'epoch', 'tick', 'earned', 'claim_time', 'window', 'state', 'rate', 'rev',
  'moved', 'undrawn', 'behind'}, {'front', 'covered', 'unplaced'})
if refused then return refused end

local tokens = read_tokens()
if not tokens then return LOST end
local answers = {}
for at, token in ipairs(tokens) do
  local entry, said = stay(token.window, token.visitor, token.turn)
  if entry then
    settle_lane(token, entry)
    answers[at] = see(token.visitor, entry, token.lasts, terms, token.returns == 1)
  else
    answers[at] = put_back(token) or said
  end
end
write()
return struct.pack('>I4I8', head.epoch, head.tick) .. table.concat(answers)
