-- Gives the next of a frozen lobby the places that were drawn for them.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2: window, round, epoch, base, rank of the first (4 bytes
-- each); from 3 on the visitors, in drawn order. Answers how many of the round were dealt with; 0
-- where nothing of the kind is to be placed.
--
-- What was placed before changes nothing, and a chunk that would leave a gap writes nothing. The
-- head is written last: a chunk that was cut off in the middle is done again and writes the same.
-- Where the orders tell of a draw that the room does not know, it is put back; what was lost is of
-- an older epoch. It may be written when memory is full: these visitors are there already, and the
-- frozen lobby goes at the end.

local refused = load(with_draw({'window', 'state', 'rev', 'out', 'moved'}), {'unplaced'})
if refused then return refused end

local window, round, epoch, base, from = struct.unpack('>I4I4I4I4I4', ARGV[2])
local frozen = head.cut == 1 and round == head.cut_round and epoch == head.cut_epoch
  and base == head.cut_base
local told = not frozen and head.draw == 2 and round == 0 and epoch == head.frozen_epoch
  and base == head.frozen_base
if window ~= head.window or head.state == ENDED_ROOM or not (frozen or told) then
  save()
  return 0
end

local placed = frozen and head.cut_placed or drawn()
local count = frozen and head.cut_count or head.frozen_count
local first = 3 + placed - from
local last = math.min(#ARGV, first + count - placed - 1)
if from > placed or last < first or (told and epoch >= head.epoch) then
  save()
  return placed
end
local visitors = {unpack(ARGV, first, last)}
local before = epoch * NUMBERS + base + placed
-- How many of the chunk had waited for this draw, in all and in each lane.
local live, live_in = 0, {}

-- Those who wait for this draw are still known by the lobby only, or have a record of the turn they
-- wait in. Others went, and may have come back to the lobby that is running, or were put back at
-- the place of a draw that was lost.
local function place_frozen()
  local numbers = call('ZMSCORE', FROZEN, unpack(visitors))
  for at = 1, #visitors do
    if not numbers[at] then return false end
  end
  find(visitors)
  for at, visitor in ipairs(visitors) do
    local entry = known[visitor]
    if entry.kind == IN_LOBBY and not (entry.kept and call('ZSCORE', LOBBY, visitor)) then
      local lane = lanes[tonumber(numbers[at]) + 1] or lanes[1]
      live, live_in[lane] = live + 1, (live_in[lane] or 0) + 1
      local places = adds[lane.queue] or {}
      local last = #places
      places[last + 1], places[last + 2] = as_score(before + at), visitor
      adds[lane.queue] = places
      if entry.kept then
        entry.kind, entry.place, entry.number = WAITING, before + at, 0
        keep(visitor, entry)
      end
    end
  end
  return true
end

-- The places of this chunk at which somebody waits.
local function held_places()
  local held = {}
  local from, to = text(before + 1), text(before + #visitors)
  for _, lane in ipairs(lanes) do
    for _, key in ipairs({lane.queue, lane.absent}) do
      local both = call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES')
      for at = 2, #both, 2 do held[tonumber(both[at])] = true end
    end
  end
  return held
end

-- Who of them is inside, as far as the room knows.
local function guests_inside()
  local guests, inside = {}, {}
  for at, visitor in ipairs(visitors) do guests[at] = guest_of(window, visitor) end
  local names = call('HMGET', GUESTS, unpack(guests))
  for at, visitor in ipairs(visitors) do
    inside[visitor] = names[at] and call('HEXISTS', SESSIONS, names[at]) == 1
  end
  return inside
end

-- Puts them where they were drawn, unless more is known of them than that they wait since the loss.
-- Whose lane is not known gets into it with the token: see tokens.lua.
local function place_lost()
  find(visitors)
  local held, inside = held_places(), guests_inside()
  for at, visitor in ipairs(visitors) do
    local entry, place = known[visitor], before + at
    local free = not held[place]
    if free and (entry and entry.kind == IN_LOBBY or not entry and not inside[visitor]) then
      if entry then leave_line(visitor, entry) end
      entry = entry or in_lobby(0)
      entry.kind, entry.place, entry.number = WAITING, place, 0
      add(lane_of(entry).queue, place, visitor)
      if entry.kept then keep(visitor, entry) end
    elseif free and entry and (entry.kind == WAITING or entry.kind == AWAY) and entry.turn == 1
      and entry.place >= (epoch + 1) * NUMBERS then
      local lane = lane_of(entry)
      entry.place = place
      add(call('ZSCORE', lane.absent, visitor) and lane.absent or lane.queue, place, visitor)
      if entry.kept then keep(visitor, entry) end
    end
  end
  if head.roster_of ~= window then begin_roster() end
end

-- Adds them to the drawn order; what of them is in it already is written over.
local function add_to_roster()
  local at, upto = placed, placed + #visitors
  while at < upto do
    local block = math.floor(at / BLOCK)
    local over = math.min(upto, (block + 1) * BLOCK)
    local held = at > block * BLOCK and call('HGET', ROSTER, block):sub(1, 16 * (at - block * BLOCK))
    local more = table.concat(visitors, '', at - placed + 1, over - placed)
    call('HSET', ROSTER, block, (held or '') .. more)
    at = over
  end
  set('roster_count', upto)
end

if frozen then
  if not place_frozen() then
    save()
    return 0
  end
else
  place_lost()
end
-- A sweep of this tick has not seen them.
set('swept', 0)
write()
if round == 0 then add_to_roster() end
placed = placed + #visitors
if frozen then
  set('cut_placed', placed)
  set('undrawn', math.max(0, head.undrawn - live))
  for lane, count in pairs(live_in) do
    set(lane.unplaced, math.max(0, head[lane.unplaced] - count))
  end
  moved()
  if round > 0 or head.state == OPEN or head.state == PAUSED then dismiss_complete() end
end
save()
return placed
