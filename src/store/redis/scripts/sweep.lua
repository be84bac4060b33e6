-- Clears away a bounded number of things: those found absent within the horizon, and ends and uses
-- that need no longer be remembered.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms. Answers how many things it cleared.
--
-- Dismissed queues are unlinked whole, so nothing of them is left to clear. Many gateways sweep,
-- each after its tick; but time passes with ticks alone, so only the first finds anything.

local MOST = 500
local refused = load({'tick', 'earned', 'front', 'rev', 'cursor', 'swept', 'moved'})
if refused then return refused end
if head.cursor == 0 and head.swept == head.tick + 1 then return 0 end
set('swept', head.tick + 1)

local function find_absent()
  local from, to = head.cursor, expected_place()
  if head.cursor > 0 then set('cursor', 0) end
  if from > to then return 0 end
  local looked = call('ZRANGEBYSCORE', QUEUE, text(from), text(to), 'WITHSCORES', 'LIMIT', 0,
    MOST + 1)
  if #looked > 2 * MOST then set('cursor', tonumber(looked[2 * MOST + 2])) end
  local visitors = {}
  for at = 1, math.min(#looked, 2 * MOST), 2 do visitors[#visitors + 1] = looked[at] end
  local kept, rewrites, found = gather(visitors, 'HMGET', ENTRIES), {}, 0
  for at, visitor in ipairs(visitors) do
    if has_lapsed(kept[at]) then
      lose(visitor, looked[2 * at], kept[at], rewrites)
      take(QUEUE, visitor)
      found = found + 1
    end
  end
  bulk(rewrites, 'HSET', ENTRIES)
  return found
end

local found = find_absent()
write()
local over = call('ZRANGEBYSCORE', FORGET, '-inf', text(head.earned), 'LIMIT', 0, MOST)
if #over > 0 then
  call('ZREM', TOLD, unpack(over))
  call('HDEL', ENDS, unpack(over))
  call('ZREM', FORGET, unpack(over))
end
local unspent = call('ZRANGEBYSCORE', UNSPEND, '-inf', text(head.earned), 'LIMIT', 0, MOST)
if #unspent > 0 then
  call('HDEL', SPENT, unpack(unspent))
  call('ZREM', UNSPEND, unpack(unspent))
end
return found + #over + #unspent
