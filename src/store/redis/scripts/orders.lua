-- Standing orders, as `order` and `recover` write them.
--
-- Packed, 56 bytes: version (8), window, state, rate, burst, capacity + 1 (0: the file's, 1: none),
-- rev (4 each), grants (8), what they tell of the draw (as in room.lua; 4 each), and the JSON text
-- after them.

local function read_orders(packed)
  local new = {}
  new.version, new.window, new.state, new.rate, new.burst, new.capacity, new.rev, new.grants,
    new.draw, new.frozen_epoch, new.frozen_base, new.frozen_count =
    struct.unpack('>I8I4I4I4I4I4I4I8I4I4I4I4', packed)
  if new.capacity == 1 then
    new.capacity = -1
  elseif new.capacity > 1 then
    new.capacity = new.capacity - 1
  end
  return new, packed:sub(57)
end

-- Sends everybody home who waits or was released. Sessions live on, and so does the roster.
local function dismiss()
  call('UNLINK', ENTRIES, TURNS, SAMPLES, LOBBY, FROZEN)
  for _, lane in ipairs(lanes) do
    call('UNLINK', lane.queue, lane.absent)
    set(lane.cursor, 0)
    set(lane.lead, 0)
    set(lane.history, string.rep('\0', 32))
  end
  set('lanes', 0)
  set('cut', 0)
  set_undrawn(0, nobody)
  set('rounds', 0)
  set('out', 0)
  set('grants_met', head.grants)
  set('moved', head.moved + 1)
end

-- Puts orders in force, whatever their version. A higher `rev` ends every session: their tokens
-- are void, so no gateway is told, and an admission under a lower one reads as revoked.
local function write_orders(new, json)
  if new.rev > head.rev then
    call('UNLINK', SESSIONS, SLOTS, GUESTS)
    set('missing', 0)
  end
  local ends = new.state == ENDED_ROOM and head.state ~= ENDED_ROOM
  if ends or new.window ~= head.window then dismiss() end
  for name, value in pairs(new) do set(name, value) end
  set('orders', json)
  if (new.state == OPEN or new.state == PAUSED) and head.cut_round == 0 then dismiss_complete() end
end
