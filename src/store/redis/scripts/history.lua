-- What was released and how far the horizon reached: the rules of `ReleaseHistory` in
-- domain/estimate.rs and of `HorizonHistory` in domain/presence.rs, told in Lua.
--
-- The release history is: last + 1 (0 for none), measured, into, running, and up to 30 complete
-- slots, 8 bytes each.

local SLOT, COMPLETE, SECOND = 10000000, 30, 1000000

local function measure(lane, now, released, moving)
  local history = call('HGET', HEAD, lane.history) or string.rep('\0', 32)
  local last, measured, into, running = struct.unpack('>I8I8I8I8', history)
  local complete = history:sub(33)
  if moving and last > 0 then
    into = into + math.max(0, now - (last - 1))
    local over = math.min(math.floor(into / SLOT), COMPLETE + 1)
    into = into % SLOT
    if over > 0 then
      complete = complete .. struct.pack('>I8', running) .. string.rep('\0', 8 * (over - 1))
      running = 0
    end
    complete = complete:sub(-8 * COMPLETE)
    running, measured = running + released, measured + released
  end
  set(lane.history, struct.pack('>I8I8I8I8', now + 1, measured, into, running) .. complete)
end

-- Notes how far the horizon of a lane reaches, at most once a second.
local function reach(lane, now)
  local reached = lane.reached
  local notes = #reached / 16
  local highest = 0
  if notes > 0 then
    local at
    at, highest = struct.unpack('>I8I8', reached, notes * 16 - 15)
    if now < at + SECOND then return end
  end
  local present = call('ZCARD', lane.queue)
  if present + call('ZCARD', lane.absent) == 0 then return end
  local rank = gone_within(terms.horizon, terms)
  local place = last_place()
  if rank < present then
    place = tonumber(call('ZRANGE', lane.queue, rank, rank, 'WITHSCORES')[2])
  end
  if notes > 0 and place <= highest then return end
  reached = reached .. struct.pack('>I8I8', now, place)
  while #reached >= 32 and long_ago(reached, 1) do reached = reached:sub(17) end
  set(lane.horizons, reached)
  set(lane.covered, place)
  save()
end
