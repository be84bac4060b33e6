-- Takes a gateway's memory of a room that the store lost, all or in part.
--
-- KEYS as in room.lua. ARGV: 1 birth, 2 orders as in orders.lua, 3: epoch (4 bytes), pause, how
-- many were inside, for how long they count (8 each, microseconds), whether to rest in any case
-- (1). Answers the epoch.
--
-- What another gateway brought before changes nothing.

local refused = load(with_draw({'earned', 'version', 'window', 'state', 'grants', 'rev', 'moved',
  'recovering_until', 'missing', 'missing_until', 'anchor', 'out'}))
if refused then return refused end

local new, json = read_orders(ARGV[2])
local epoch, pause, inside, inside_for, rests = struct.unpack('>I4I8I8I8B', ARGV[3])
local older = new.version > head.version
if older then write_orders(new, json) end
local enters = epoch > head.epoch and epoch < 16777216
if enters then
  set('epoch', epoch)
  set('last_number', 0)
end
if older or enters or rests == 1 then
  local known = head.out + call('ZCARD', SLOTS)
  set('recovering_until', math.max(head.recovering_until, head.earned + pause))
  set('missing', math.max(head.missing, inside - known))
  set('missing_until', math.max(head.missing_until, head.earned + inside_for))
  set('credit', 0)
  set('spent', 0)
  set('slack', 0)
  set('last_rate', 0)
  set('last_burst', 0)
  set('last_correction', 0)
  set('anchor', head.anchor + 1)
end
save()
return head.epoch
