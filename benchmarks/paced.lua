-- A rest before every request: `wrk ... -- MILLISECONDS`, that long on average, evenly spread so that connections do not march in step.
local longest = 0

function init(arguments)
  longest = 2 * tonumber(arguments[1])
end

function delay()
  return math.random(0, longest)
end
