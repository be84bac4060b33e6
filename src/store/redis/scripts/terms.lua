-- The room's terms, ARGV[2]: rate and burst of the pace, capacity (0 for none), most waiting (4
-- bytes each), claim window, horizon (microseconds), idle limit, absolute limit (milliseconds),
-- fairness window (0 for none), longest absence of those who step away (microseconds; 8 each),
-- correction for no-shows (thousandths, 2), step-aways and extensions (1 each), and the weight of
-- each lane (2 each), general lane first. And the numbers that the program shares with its scripts.

local VISITOR, TICK = 60000000, 250000
local LEEWAY, EXPECTED_AFTER = 5000000, 66000000

local terms = {}
terms.rate, terms.burst, terms.capacity, terms.max_waiting, terms.claim_window, terms.horizon,
  terms.idle, terms.absolute, terms.fairness_window, terms.step_away, terms.correction,
  terms.step_aways, terms.extensions =
  struct.unpack('>I4I4I4I4I8I8I8I8I8I8HBB', ARGV[2])
terms.weights = {struct.unpack('>' .. string.rep('H', (#ARGV[2] - 68) / 2), ARGV[2], 69)}
-- The position behind them.
terms.weights[#terms.weights] = nil

-- How many lanes there are: those of the terms, and those in which somebody has waited.
local function lane_count()
  return math.max(#terms.weights, head.lanes)
end

-- Where somebody who comes now queues: the lane asked for, or the general one where there is none
-- of that number (any more).
local function lane_asked(number)
  return number < #terms.weights and lanes[number + 1] or lanes[1]
end

-- `parts` times and divided by a correction, rounded down. In two steps, because a product beyond
-- 2^53 would not be exact; `Correction` in domain/pace.rs does the same.
local function times(correction, parts)
  local thousands = math.floor(parts / 1000)
  return thousands * correction + math.floor((parts - thousands * 1000) * correction / 1000)
end

local function parts_of(correction, parts)
  local whole = math.floor(parts / correction)
  return whole * 1000 + math.floor((parts - whole * correction) * 1000 / correction)
end

-- The pace in force: an order's where there is one.
local function pace_in_force()
  local pace = {rate = terms.rate, burst = terms.burst, correction = terms.correction}
  if head.rate > 0 then pace.rate, pace.burst = head.rate, head.burst end
  return pace
end

-- What the bucket of a pace holds at most.
local function ceiling(pace)
  return times(pace.correction, pace.burst * VISITOR + 2 * TICK * pace.rate)
end
