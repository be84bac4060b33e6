-- Clears away a bounded number of things: those found absent within the horizon, and ends and uses
-- that need no longer be remembered.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms. Answers how many things it cleared.
--
-- Dismissed queues are unlinked whole, so nothing of them is left to clear. Many gateways sweep,
-- each after its tick; but time passes with ticks alone, so only the first finds anything.

local MOST = 500
local refused = load({'tick', 'earned', 'rev', 'swept', 'moved'}, {'front', 'cursor'})
if refused then return refused end

local used = math.max(1, head.lanes)
local goes_on = false
for at = 1, used do goes_on = goes_on or head[lanes[at].cursor] > 0 end
if not goes_on and head.swept == head.tick + 1 then return 0 end
set('swept', head.tick + 1)

local function find_absent(lane, most)
  local from, to = head[lane.cursor], expected_place(lane)
  if from > 0 then set(lane.cursor, 0) end
  if from > to then return 0 end
  local looked = call('ZRANGEBYSCORE', lane.queue, text(from), text(to), 'WITHSCORES', 'LIMIT', 0,
    most + 1)
  if #looked > 2 * most then set(lane.cursor, tonumber(looked[2 * most + 2])) end
  local visitors = {}
  for at = 1, math.min(#looked, 2 * most), 2 do visitors[#visitors + 1] = looked[at] end
  local kept, rewrites, found = gather(visitors, 'HMGET', ENTRIES), {}, 0
  for at, visitor in ipairs(visitors) do
    if has_lapsed(kept[at]) then
      lose(lane, visitor, looked[2 * at], kept[at], rewrites)
      take(lane.queue, visitor)
      found = found + 1
    end
  end
  bulk(rewrites, 'HSET', ENTRIES)
  return found
end

local found = 0
for at = 1, used do found = found + find_absent(lanes[at], math.floor(MOST / used)) end
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
