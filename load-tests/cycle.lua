-- Sends the requests of many visitors in turn. Arguments: a file with one Cookie header a line,
-- the request's other headers as `Name: value` lines in a second file, and the mean rest in
-- milliseconds between two requests of one connection (0: none).

local requests, at = {}, 0

function init(args)
  local headers = { Host = wrk.headers["Host"] }
  for line in io.lines(args[2]) do
    local name, value = line:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  for cookie in io.lines(args[1]) do
    headers["Cookie"] = cookie
    requests[#requests + 1] = wrk.format("GET", wrk.path, headers)
  end
  local rest = tonumber(args[3])
  if rest > 0 then
    delay = function() return math.random(0, 2 * rest) end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
