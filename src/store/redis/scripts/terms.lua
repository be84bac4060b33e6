-- The room's terms, ARGV[2], 48 bytes: rate and burst of the pace, capacity (0 for none), most
-- waiting (4 bytes each), claim window, horizon (microseconds), idle limit, absolute limit
-- (milliseconds, 8 bytes each). And the numbers that the program shares with its scripts.

local VISITOR, TICK = 60000000, 250000
local LEEWAY, EXPECTED_AFTER = 5000000, 66000000

local terms = {}
terms.rate, terms.burst, terms.capacity, terms.max_waiting, terms.claim_window, terms.horizon,
  terms.idle, terms.absolute = struct.unpack('>I4I4I4I4I8I8I8I8', ARGV[2])
