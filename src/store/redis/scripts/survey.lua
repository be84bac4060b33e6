-- What is known of the room, with the ends recorded after a number.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 terms, 3 the last end that was seen (8 bytes), 4 which
-- gateway asks (8 bytes).
-- Answers the orders as JSON, the incarnation, numbers (8 bytes each, in the order below), the
-- sessions that ended, 17 bytes each (session, 16; why, 1), and for each lane: numbers (waiting,
-- absent, in the lobby, horizon + 1, ever called: 8 bytes each), the release history (see
-- history.lua), and samples of 12 bytes (place, 8; how many are ahead, 4).
--
-- Sampling long queues costs two milliseconds, and every gateway asks four times a second. So the
-- lanes share one number of samples, and these are kept: until a queue changes, or, where more
-- wait than there are samples, for four ticks. A room that nobody asked about yet is made.

local MOST_SAMPLES, EVEN, MOST_ENDS = 1024, 500, 4096
local MOST_GATEWAYS = 64
-- Both are written and forgotten together; an end without its reason is nobody's to guess.
local NO_REASON = string.char(REVOKED)

local refused = load(with_draw({'window', 'tick', 'earned', 'credit', 'slack',
  'anchor', 'last_rate', 'last_burst', 'last_correction', 'releases_total', 'granted_total',
  'joins_total', 'claims_total', 'missed_total', 'newest_end', 'recovering_until', 'missing',
  'missing_until', 'rate', 'rev', 'out', 'moved'}), {'covered', 'called', 'unplaced'})
if refused then return refused end

local count = lane_count()
local present, absent = {}, {}
local all_present, all_absent = 0, 0
for at = 1, count do
  present[at], absent[at] = call('ZCARD', lanes[at].queue), call('ZCARD', lanes[at].absent)
  all_present, all_absent = all_present + present[at], all_absent + absent[at]
end

local function place_at(lane, rank)
  return tonumber(call('ZRANGE', lane.queue, rank, rank, 'WITHSCORES')[2])
end

-- Everybody while few wait, else every EVEN-th part of the queue (of a lane: fewer), the powers of
-- two near the front, and the last place. More would keep Redis busy for longer than a call may.
local function take_samples(lane, present)
  local samples, even = {}, math.floor(EVEN / count)
  if present <= math.floor(MOST_SAMPLES / count) then
    local all = call('ZRANGE', lane.queue, 0, -1, 'WITHSCORES')
    for at = 2, #all, 2 do
      local place = tonumber(all[at])
      samples[#samples + 1] = struct.pack('>I8I4', place, #samples + undrawn_before(lane, place))
    end
    return table.concat(samples)
  end
  local ranks = {present - 1}
  for step = 0, even - 1 do ranks[#ranks + 1] = math.floor(step * present / even) end
  for power = 0, 19 do ranks[#ranks + 1] = 2 ^ power end
  table.sort(ranks)
  local last
  for _, rank in ipairs(ranks) do
    if rank ~= last and rank < present then
      local place = place_at(lane, rank)
      samples[#samples + 1] = struct.pack('>I8I4', place, rank + undrawn_before(lane, place))
      last = rank
    end
  end
  return table.concat(samples)
end

-- The samples that were kept, by lane, if they are good and of as many lanes as there are.
local function kept_samples()
  local held = call('GET', SAMPLES)
  if not held then return nil end
  local tick, at, lanes_then = struct.unpack('>I8I8B', held)
  local recent = all_present > MOST_SAMPLES and tick <= head.tick and head.tick < tick + 4
  if lanes_then ~= count or not (at == head.moved or recent) then return nil end
  local samples, from = {}, 18
  for lane = 1, count do
    samples[lane], from = struct.unpack('>I4c0', held, from)
  end
  return samples
end

local function samples()
  if all_present == 0 then return {} end
  local samples = kept_samples()
  if samples then return samples end
  samples = {}
  local held = {struct.pack('>I8I8B', head.tick, head.moved, count)}
  for at = 1, count do
    samples[at] = take_samples(lanes[at], present[at])
    held[at + 1] = struct.pack('>I4', #samples[at]) .. samples[at]
  end
  call('SET', SAMPLES, table.concat(held))
  return samples
end

local function horizon(lane, present, absent)
  if present + absent == 0 then return 0 end
  local rank = gone_within(terms.horizon, terms)
  local place = last_place()
  if rank < present then place = place_at(lane, rank) end
  return math.max(place, head[lane.covered]) + 1
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
local names = {'orders', 'incarnation'}
for at = 1, count do names[at + 2] = lanes[at].history end
local texts = call('HMGET', HEAD, unpack(names))
local recovering = math.max(0, head.recovering_until - head.earned)
local missing = head.missing_until > head.earned and head.missing or 0
local gathered = call('ZCARD', LOBBY)
local waiting = all_present + all_absent + gathered + head.undrawn
local numbers = struct.pack('>I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8I8', head.epoch, head.tick,
  head.earned, head.credit, head.slack, head.anchor, head.last_rate, head.last_burst,
  head.last_correction, recovering, time[1] * 1000 + math.floor(time[2] / 1000), waiting,
  all_absent, head.out, call('ZCARD', SLOTS), missing, head.releases_total,
  head.granted_total, head.joins_total, head.claims_total, head.missed_total, newest, gateways)
numbers = numbers .. struct.pack('>I8I8I8I4I4I4I4I4', gathered, drawn(), head.cut, head.cut_round,
  head.cut_epoch, head.cut_base, head.cut_count, head.cut_placed)
local answer, sampled = {texts[1] or '', texts[2] or '', numbers, table.concat(ends)}, samples()

-- How many of the running lobby are of a lane.
local function gathered_in(lane)
  if count == 1 or gathered == 0 then return gathered end
  return call('ZCOUNT', LOBBY, lane.number, lane.number)
end

for at = 1, count do
  local lane, from = lanes[at], #answer
  local lobby = gathered_in(lane)
  local waits = present[at] + absent[at] + lobby + head[lane.unplaced]
  answer[from + 1] = struct.pack('>I8I8I8I8I8', waits, absent[at], lobby,
    horizon(lane, present[at], absent[at]), head[lane.called])
  answer[from + 2], answer[from + 3] = texts[at + 2] or '', sampled[at] or ''
end
return answer
