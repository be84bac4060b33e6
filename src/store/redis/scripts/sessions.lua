-- Sessions: whose they are, and how they end.

-- The session of a visitor's stay in any window, while it lives: its name, its turn and its
-- beginning.
local function session_of(guest)
  local jti = call('HGET', GUESTS, guest)
  local record = jti and call('HGET', SESSIONS, jti)
  if not record then return nil end
  local turn, since = struct.unpack('>HI8', record, 21)
  return jti, turn, since
end

local function guest_of(window, visitor)
  return struct.pack('>I4', window) .. visitor
end

-- The entry of a stay, or what is to be said where there is none: the turn is over, the visitor
-- is inside although the queue was dismissed, or nothing is known.
local function stay(window, visitor, turn)
  local unknown = stand(UNKNOWN, 0, 1, 0)
  if window ~= head.window then return nil, unknown end
  local entry = known[visitor]
  if entry then
    if entry.turn == turn then return entry end
    if entry.turn < turn then return nil, unknown end
    return nil, stand(ENDED, entry.before > 0 and entry.before or EXPIRED, turn, 0)
  end
  local jti, held = session_of(guest_of(window, visitor))
  if jti and held == turn then return nil, stand(ADMITTED, 0, turn, 0) end
  return nil, unknown
end

-- One of those missing since a loss was found, or has ended.
local function one_found()
  if head.missing > 0 then set('missing', head.missing - 1) end
end

-- Ends sessions, known or not, and the turns of their visitors. Each ending has `jti`, `why`,
-- `forget` (room time) and `told`: whether gateways must hear of it. The first reason stays.
-- Needs the head's window, rev, missing and newest_end.
local function end_sessions(endings)
  local names = {}
  for at, ending in ipairs(endings) do names[at] = ending.jti end
  local ends, slots = gather(names, 'HMGET', ENDS), gather(names, 'ZMSCORE', SLOTS)
  local sessions, forgets = gather(names, 'HMGET', SESSIONS), gather(names, 'ZMSCORE', FORGET)
  local guests, visitors = {}, {}
  for at = 1, #names do
    local record = sessions[at]
    if record then
      guests[#guests + 1] = record:sub(1, 20)
      if struct.unpack('>I4', record) == head.window then
        visitors[#visitors + 1] = record:sub(5, 20)
      end
    end
  end
  find(visitors)
  local held, whose, done = gather(guests, 'HMGET', GUESTS), {}, {}
  for at, guest in ipairs(guests) do whose[guest] = held[at] end
  local kept, gone, gone_guests = {}, {}, {}

  for at, ending in ipairs(endings) do
    local jti = ending.jti
    local before = done[jti]
    if not before and ends[at] then
      local why, number = struct.unpack('>BI8', ends[at])
      before = {why = why, number = number, forget = tonumber(forgets[at] or 0)}
    end
    local lives = not done[jti] and slots[at]
    local now = before or {why = ending.why, number = 0, forget = 0}
    now.forget = math.max(now.forget, ending.forget)
    if ending.told and now.number == 0 then
      set('newest_end', head.newest_end + 1)
      now.number = head.newest_end
    end
    done[jti] = now
    if not lives and not before then one_found() end
    local record = lives and sessions[at]
    if record then
      local guest, visitor = record:sub(1, 20), record:sub(5, 20)
      local window, turn = struct.unpack('>I4', record), struct.unpack('>H', record, 21)
      if whose[guest] == jti then gone_guests[#gone_guests + 1] = guest end
      local entry = window == head.window and known[visitor]
      if entry and entry.turn == turn and entry.kind == ADMITTED then
        finish(visitor, entry, ending.why)
      end
    end
    if lives then gone[#gone + 1] = jti end
  end

  for jti, now in pairs(done) do
    local at = #kept
    kept[at + 1], kept[at + 2] = jti, struct.pack('>BI8', now.why, now.number)
    add(FORGET, now.forget, jti)
    if now.number > 0 then add(TOLD, now.number, jti) end
  end
  bulk(kept, 'HSET', ENDS)
  write()
  bulk(gone, 'ZREM', SLOTS)
  bulk(gone, 'HDEL', SESSIONS)
  bulk(gone_guests, 'HDEL', GUESTS)
end
