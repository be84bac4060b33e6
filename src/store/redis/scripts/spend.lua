-- Uses single-use things, each once.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 things of 44 bytes: key (16), visitor (16), window (4),
-- for how long the use is remembered in microseconds (8).
-- Answers LOST where a visitor is of a newer window than the room's, else one byte for each: 0
-- used now, 1 by the same visitor before, 2 by another.
--
-- The same visitor may ask again: an answer that was lost costs nobody a code.

local refused = load({'earned', 'window'})
if refused then return refused end

local asks, keys = {}, {}
for at = 1, #ARGV[2] / 44 do
  local one = {}
  one.key, one.visitor, one.window, one.keep = struct.unpack('>c16c16I4I8', ARGV[2], at * 44 - 43)
  if one.window > head.window then return LOST end
  asks[at], keys[at] = one, one.key
end
local kept, used = gather(keys, 'HMGET', SPENT), {}
for at, key in ipairs(keys) do
  if kept[at] then
    local forget = struct.unpack('>I8', kept[at], 21)
    if forget > head.earned then used[key] = {by = kept[at]:sub(1, 20), forget = forget} end
  end
end

local records, forgets, answers = {}, {}, {}
for at, one in ipairs(asks) do
  local by, before = guest_of(one.window, one.visitor), used[one.key]
  local forget = head.earned + one.keep
  if before and before.by ~= by then
    answers[at] = '\2'
  else
    answers[at] = before and '\1' or '\0'
    if not before or forget > before.forget then
      used[one.key] = forget > head.earned and {by = by, forget = forget} or nil
      local last = #records
      records[last + 1], records[last + 2] = one.key, by .. struct.pack('>I8', forget)
      forgets[last + 1], forgets[last + 2] = text(forget), one.key
    end
  end
end
save()
-- Who used it is written first: a use that is never forgotten harms nobody.
bulk(records, 'HSET', SPENT)
bulk(forgets, 'ZADD', UNSPEND)
return table.concat(answers)
