-- Which proposals are accepted and what a tick earns: the rule of domain/tick.rs, told in Lua.
-- A test compares the two on random proposals.

local function ceiling(pace)
  return pace.burst * VISITOR + 2 * TICK * pace.rate
end

local function earn(time, pace)
  local last = {rate = head.last_rate, burst = head.last_burst}
  local earning = pace
  if last.rate > 0 then
    earning = {rate = math.min(pace.rate, last.rate), burst = math.min(pace.burst, last.burst)}
  else
    time = 0
  end
  local credit = math.min(head.credit + time * earning.rate, ceiling(earning))
  local changes = last.rate > 0 and (last.rate ~= pace.rate or last.burst ~= pace.burst)
  local room = math.max(0, ceiling(pace) - credit)
  -- Who passed since the last tick is paid for now, as if released at this one.
  credit = math.max(0, credit - head.spent)
  set('slack', changes and 0 or math.floor(room / pace.rate))
  set('credit', credit)
  set('spent', 0)
  set('last_rate', pace.rate)
  set('last_burst', pace.burst)
  return math.floor(credit / VISITOR)
end

local function rest()
  set('credit', 0)
  set('spent', 0)
  set('slack', 0)
  set('last_rate', 0)
  set('last_burst', 0)
  return 0
end

-- Takes the next tick; how many may go at it, or nothing where another tick is due.
local function accept(proposal, pace, open)
  if proposal.seen_tick ~= head.tick then return nil end
  local longest = math.floor(ceiling(pace) / pace.rate)
  local elapsed = math.min(proposal.elapsed, longest)
  local surely = proposal.waited + head.slack
  set('tick', head.tick + 1)
  set('earned', head.earned + elapsed)
  if proposal.elapsed > longest or proposal.taken == 1 then set('anchor', head.anchor + 1) end
  if open then return earn(math.min(elapsed, surely), pace) end
  return rest()
end
