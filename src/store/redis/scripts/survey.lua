-- What is known of the room, with the ends recorded after a number.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 the last end that was seen (8 bytes), 4 which
-- gateway asks (8 bytes).
-- Answers the orders as JSON, the incarnation, numbers (8 bytes each, in the order below), the
-- release history (see history.lua), samples of 12 bytes (place, 8; how many are ahead, 4), and
-- the sessions that ended, 17 bytes each: session (16), why (1).
--
-- Sampling a long queue costs two milliseconds, and every gateway asks four times a second. So the
-- samples are kept: until the queue changes, or, where more wait than there are samples, for
-- four ticks. A room that nobody asked about yet is made.

local MOST_SAMPLES, EVEN, MOST_ENDS = 1024, 500, 4096
local MOST_GATEWAYS = 64
-- Both are written and forgotten together; an end without its reason is nobody's to guess.
local NO_REASON = string.char(REVOKED)

local refused = load(with_draw({'window', 'covered', 'tick', 'earned', 'credit', 'slack',
  'anchor', 'last_rate', 'last_burst', 'last_correction', 'releases_total', 'granted_total',
  'joins_total', 'claims_total', 'missed_total', 'newest_end', 'recovering_until', 'missing',
  'missing_until', 'rate', 'rev', 'out', 'moved'}))
if refused then return refused end

local present, absent = call('ZCARD', QUEUE), call('ZCARD', ABSENT)

local function place_at(rank)
  return tonumber(call('ZRANGE', QUEUE, rank, rank, 'WITHSCORES')[2])
end

-- Everybody while few wait, else every EVEN-th part of the queue, the powers of two near the
-- front, and the last place. More would keep Redis busy for longer than a call may.
local function take_samples()
  local samples = {}
  if present <= MOST_SAMPLES then
    local all = call('ZRANGE', QUEUE, 0, -1, 'WITHSCORES')
    for at = 2, #all, 2 do
      local place = tonumber(all[at])
      samples[#samples + 1] = struct.pack('>I8I4', place, #samples + undrawn_before(place))
    end
    return table.concat(samples)
  end
  local ranks = {present - 1}
  for step = 0, EVEN - 1 do ranks[#ranks + 1] = math.floor(step * present / EVEN) end
  for power = 0, 19 do ranks[#ranks + 1] = 2 ^ power end
  table.sort(ranks)
  local last
  for _, rank in ipairs(ranks) do
    if rank ~= last and rank < present then
      local place = place_at(rank)
      samples[#samples + 1] = struct.pack('>I8I4', place, rank + undrawn_before(place))
      last = rank
    end
  end
  return table.concat(samples)
end

local function samples()
  if present == 0 then return '' end
  local held = call('GET', SAMPLES)
  if held then
    local tick, at = struct.unpack('>I8I8', held)
    local recent = present > MOST_SAMPLES and tick <= head.tick and head.tick < tick + 4
    if at == head.moved or recent then return held:sub(17) end
  end
  local fresh = take_samples()
  call('SET', SAMPLES, struct.pack('>I8I8', head.tick, head.moved) .. fresh)
  return fresh
end

local function horizon()
  if present + absent == 0 then return 0 end
  local rank = gone_within(terms.horizon, terms)
  local place = last_place()
  if rank < present then place = place_at(rank) end
  return math.max(place, head.covered) + 1
end

-- How many gateways there are: who asked within the last ten seconds of room time. Each is noted
-- once a second: 16 bytes, its number and the tick.
local function count_gateways()
  local notes, kept, known = call('HGET', HEAD, 'gateways') or '', {}, false
  for at = 1, #notes, 16 do
    local _, tick = struct.unpack('>c8I8', notes, at)
    if notes:sub(at, at + 7) == ARGV[4] then
      known = tick <= head.tick and head.tick < tick + 4
      tick = known and tick or head.tick
    end
    if tick <= head.tick and head.tick < tick + 40 and #kept < MOST_GATEWAYS then
      kept[#kept + 1] = notes:sub(at, at + 7) .. struct.pack('>I8', tick)
    end
  end
  local text = table.concat(kept)
  if not text:find(ARGV[4], 1, true) then text = text .. ARGV[4] .. struct.pack('>I8', head.tick) end
  if not known then set('gateways', text) end
  return #text / 16
end

local gateways = count_gateways()
save()
local seen, newest = struct.unpack('>I8', ARGV[3]), head.newest_end
local ends = call('ZRANGEBYSCORE', TOLD, '(' .. text(seen), '+inf', 'LIMIT', 0, MOST_ENDS)
if #ends == MOST_ENDS then newest = tonumber(call('ZSCORE', TOLD, ends[MOST_ENDS])) end
local reasons = gather(ends, 'HMGET', ENDS)
for at, jti in ipairs(ends) do ends[at] = jti .. (reasons[at] or NO_REASON):sub(1, 1) end
local time = call('TIME')
local texts = call('HMGET', HEAD, 'orders', 'incarnation', 'history')
local recovering = math.max(0, head.recovering_until - head.earned)
local missing = head.missing_until > head.earned and head.missing or 0
local gathered = call('ZCARD', LOBBY)
local waiting = present + absent + gathered + head.undrawn
local numbers = struct.pack('>I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8', head.epoch, head.tick,
  head.earned, head.credit, head.slack, head.anchor, head.last_rate, head.last_burst,
  head.last_correction, recovering, time[1] * 1000 + math.floor(time[2] / 1000), waiting,
  absent, head.out, call('ZCARD', SLOTS), missing, horizon(), head.releases_total,
  head.granted_total, head.joins_total, head.claims_total, head.missed_total, newest, gateways)
numbers = numbers .. struct.pack('>I8I8I8I4I4I4I4I4', gathered, drawn(), head.cut, head.cut_round,
  head.cut_epoch, head.cut_base, head.cut_count, head.cut_placed)
return {texts[1] or '', texts[2] or '', numbers, texts[3] or '', samples(), table.concat(ends)}
