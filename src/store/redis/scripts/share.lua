-- How the lanes share releases: the rule of domain/share.rs, told in Lua. A test compares the two.

local RELEASE = 1099511627776

-- One lane while a batch is shared; `waits` says how many are there.
local function runner(lane, waits)
  local weight = terms.weights[lane.number + 1] or terms.weights[1]
  local stride = math.floor(RELEASE / weight)
  return {weight = weight, stride = stride, at = math.min(head[lane.lead], stride), left = waits,
    share = 0}
end

local function go(one, count)
  one.left, one.share, one.at = one.left - count, one.share + count, one.at + count * one.stride
end

-- One release: the lane that is least ahead. Gives back how many went, and how far the lane was.
local function step(runners)
  local first
  for _, one in ipairs(runners) do
    if one.left > 0 and (not first or one.at < first.at) then first = one end
  end
  if not first then return 0, 0 end
  go(first, 1)
  return 1, first.at - first.stride
end

-- About so many releases at once: all that lie before the point where the lanes would be then.
local function leap(runners, passed, about)
  local weights, gone, farthest = 0, 0, 0
  for _, one in ipairs(runners) do
    if one.left > 0 then weights = weights + one.weight end
  end
  local point = passed + math.floor(about * RELEASE / weights)
  for _, one in ipairs(runners) do
    local count = math.min(one.left, math.ceil(math.max(0, point - one.at) / one.stride))
    if count > 0 then
      go(one, count)
      gone, farthest = gone + count, math.max(farthest, one.at - one.stride)
    end
  end
  return gone, farthest
end

-- How many of the next releases each of the first lanes has, of which so many wait in each.
local function share(waits, most)
  local runners, passed, shares = {}, 0, {}
  for at, count in ipairs(waits) do runners[at] = runner(lanes[at], count) end
  while most > 0 do
    local running, gone, farthest = 0
    for _, one in ipairs(runners) do
      if one.left > 0 then running = running + 1 end
    end
    if most > 2 * running + 1 then
      gone, farthest = leap(runners, passed, most - running - 1)
    else
      gone, farthest = step(runners)
    end
    if gone == 0 then break end
    most, passed = most - gone, math.max(passed, farthest)
  end
  for at, one in ipairs(runners) do
    set(lanes[at].lead, math.max(0, one.at - passed))
    shares[at] = one.share
  end
  return shares
end
