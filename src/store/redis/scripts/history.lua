-- What was released and how far the horizon reached: the rules of `ReleaseHistory` in
-- domain/estimate.rs and of `HorizonHistory` in domain/presence.rs, told in Lua.
--
-- The release history is: last + 1 (0 for none), measured, into, running, and up to 30 complete
-- slots, 8 bytes each.

local SLOT, COMPLETE, SECOND = 10000000, 30, 1000000

local function measure(now, released, moving)
  local history = call('HGET', HEAD, 'history') or string.rep('\0', 32)
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
  set('history', struct.pack('>I8I8I8I8', now + 1, measured, into, running) .. complete)
end

-- Notes how far the horizon reaches, at most once a second.
local function reach(now)
  local notes = #horizons / 16
  local highest = 0
  if notes > 0 then
    local at
    at, highest = struct.unpack('>I8I8', horizons, notes * 16 - 15)
    if now < at + SECOND then return end
  end
  local present = call('ZCARD', QUEUE)
  if present + call('ZCARD', ABSENT) == 0 then return end
  local rank = gone_within(terms.horizon, terms)
  local place = last_place()
  if rank < present then
    place = tonumber(call('ZRANGE', QUEUE, rank, rank, 'WITHSCORES')[2])
  end
  if notes > 0 and place <= highest then return end
  horizons = horizons .. struct.pack('>I8I8', now, place)
  while #horizons >= 32 and long_ago(1) do horizons = horizons:sub(17) end
  set('horizons', horizons)
  set('covered', place)
  save()
end
