-- The requests of the benchmark: 20 routes in turn, one request in ten with the header that selects the canary.
local requests, position = {}, 0

function init()
  for page = 1, 10 do
    for route = 0, 19 do
      local headers = { ["x-tenant"] = "bench" }
      if page == 10 then
        headers["x-beta-user"] = "true"
      end
      requests[#requests + 1] = wrk.format("GET", "/svc" .. route .. "/items?page=" .. page, headers)
    end
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end
