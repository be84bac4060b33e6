-- Who comes into the lobby. Needs window, state, roster_of and draw of the head.

-- Whether the prequeue's lobby of the orders' window was frozen, here or as they tell. The head
-- has the orders in force.
local function has_frozen(orders)
  return head.roster_of == orders.window or orders.draw == 2
end

-- Whether who joins now has to wait for a draw.
local function gathers()
  if head.state == PREQUEUE then return true end
  -- The prequeue's lobby was lost before anything was published of it.
  if head.state == DRAWING then return not has_frozen(head) end
  return terms.fairness_window > 0 and (head.state == OPEN or head.state == PAUSED)
end
