-- Which proposals are accepted and what a tick earns: the rule of domain/tick.rs, told in Lua.
-- A test compares the two on random proposals. A pace is rate, burst and correction.

-- The longest time that earns no more than so many parts.
local function time_for(pace, parts)
  return math.floor(parts_of(pace.correction, parts) / pace.rate)
end

local function note_pace(rate, burst, correction)
  set('last_rate', rate)
  set('last_burst', burst)
  set('last_correction', correction)
end

local function earn(time, pace)
  local last = {rate = head.last_rate, burst = head.last_burst, correction = head.last_correction}
  local earning, changes = pace, false
  if last.rate > 0 then
    earning = {}
    for name, value in pairs(last) do
      earning[name] = math.min(pace[name], value)
      changes = changes or pace[name] ~= value
    end
  else
    time = 0
  end
  local fresh = times(earning.correction, time * earning.rate)
  local credit = math.min(head.credit + fresh, ceiling(earning))
  set('slack', changes and 0 or time_for(pace, math.max(0, ceiling(pace) - credit)))
  -- Who passed since the last tick is paid for now, as if released at this one.
  credit = math.max(0, credit - head.spent)
  set('credit', credit)
  set('spent', 0)
  note_pace(pace.rate, pace.burst, pace.correction)
  return math.floor(credit / VISITOR)
end

local function rest()
  set('credit', 0)
  set('spent', 0)
  set('slack', 0)
  note_pace(0, 0, 0)
  return 0
end

-- Takes the next tick; how many may go at it, or nothing where another tick is due.
local function accept(proposal, pace, open)
  if proposal.seen_tick ~= head.tick then return nil end
  local longest = time_for(pace, ceiling(pace))
  local elapsed = math.min(proposal.elapsed, longest)
  local surely = proposal.waited + head.slack
  set('tick', head.tick + 1)
  set('earned', head.earned + elapsed)
  if proposal.elapsed > longest or proposal.taken == 1 then set('anchor', head.anchor + 1) end
  if open then return earn(math.min(elapsed, surely), pace) end
  return rest()
end
