-- The lobby, how it is frozen, and how far it was drawn: the rules of embedded/draw.rs, told in
-- Lua. What they are for is told in store/lobby.rs.

-- The fields of the head that these rules need, besides window and state.
local function with_draw(names)
  for _, name in ipairs({'epoch', 'last_number', 'cut', 'cut_round', 'cut_epoch', 'cut_base',
    'cut_count', 'cut_placed', 'undrawn', 'behind', 'lobby_since', 'rounds', 'roster_of',
    'roster_count', 'draw', 'frozen_epoch', 'frozen_base', 'frozen_count'}) do
    names[#names + 1] = name
  end
  return names
end

-- How many of the present window's drawn order are kept.
local function drawn()
  return head.roster_of == head.window and head.roster_count or 0
end

-- Whether places that the orders tell of are not there.
local function lacks_places(orders)
  return orders.draw == 2 and orders.frozen_count > drawn()
end

local function is_half_placed()
  return head.cut == 1 and head.cut_placed < head.cut_count
end

-- Whether orders freeze the lobby.
local function freezes(new)
  local begins = new.window ~= head.window or head.state ~= DRAWING
  return new.state == DRAWING and begins and not has_frozen(new)
end

-- Whether orders would go on with a window although a draw of it has to be done before.
local function go_too_far(new)
  if new.window ~= head.window then return false end
  if new.state == DRAWING then return is_half_placed() and freezes(new) end
  if new.state ~= OPEN and new.state ~= PAUSED then return false end
  if is_half_placed() and head.cut_round == 0 then return true end
  if has_frozen(new) then return head.state == DRAWING and lacks_places(new) end
  local before = head.state == PREQUEUE or head.state == DRAWING
  return (before or new.draw > 0) and call('EXISTS', LOBBY) == 1
end

-- Notes how many of a frozen lobby wait for their place, in all and in each lane.
local function set_undrawn(count, of_lane)
  set('undrawn', count)
  for _, lane in ipairs(lanes) do set(lane.unplaced, of_lane(lane)) end
end

local function nobody() return 0 end

local function begin_roster()
  set('roster_of', head.window)
  set('roster_count', 0)
  call('UNLINK', ROSTER)
end

-- Freezes the running lobby: it gets the next numbers, and nobody comes into it any more.
local function freeze(round)
  local count = call('ZCARD', LOBBY)
  set('cut', 1)
  set('cut_round', round)
  set('cut_epoch', head.epoch)
  set('cut_base', head.last_number)
  set('cut_count', count)
  set('cut_placed', 0)
  set_undrawn(count, function(lane)
    if #lanes == 1 then return count end
    return call('ZCOUNT', LOBBY, lane.number, lane.number)
  end)
  set('last_number', head.last_number + count)
  set('behind', head.epoch * NUMBERS + head.last_number)
  moved()
  if round == 0 then begin_roster() end
  save()
  if count > 0 then call('RENAME', LOBBY, FROZEN) end
end

-- Freezes the next round, if one is due. Whoever is left in the lobby of a room that draws no
-- rounds, after a loss, is drawn at once.
local function freeze_round()
  if head.cut == 1 or call('EXISTS', LOBBY) == 0 or lacks_places(head) then return end
  if head.lobby_since + terms.fairness_window <= head.earned then
    set('rounds', head.rounds + 1)
    freeze(head.rounds)
  end
end

-- Gives up the frozen lobby, once all of it have their places.
local function dismiss_complete()
  if head.cut == 1 and not is_half_placed() then
    set('cut', 0)
    set_undrawn(0, nobody)
    call('UNLINK', FROZEN)
  end
end

-- The last place given out so far; those kept free and not yet given are not.
local function last_place()
  if is_half_placed() then return head.cut_epoch * NUMBERS + head.cut_base + head.cut_placed end
  return head.epoch * NUMBERS + head.last_number
end
