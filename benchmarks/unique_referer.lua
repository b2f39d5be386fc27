-- A Referer that was never sent before with every request: `wrk ... -- RUN`, RUN being new for every run.
local threads, before, count = 0, "", 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(arguments)
  local plain = wrk.format()
  before = plain:sub(1, -3) .. "Referer: https://shop.example/" .. arguments[1] .. "/" .. number .. "/"
end

function request()
  count = count + 1
  return before .. count .. "\r\n\r\n"
end
