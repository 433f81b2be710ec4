-- One request of wrk after another, each in the name of the next user.
-- BENCH_TOKENS: file with a bearer token per line. BENCH_ROUTE: orders, list or summary.
-- BENCH_RUN: makes idempotency keys of different runs differ.
local tokens, route, run = {}, os.getenv("BENCH_ROUTE"), os.getenv("BENCH_RUN")
for line in io.lines(os.getenv("BENCH_TOKENS")) do
  tokens[#tokens + 1] = "Bearer " .. line
end

local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local count = 0
local body = '{"symbol":"005930","quantity":1,"price":1000,"order_type":"limit","side":"buy"}'
local paths = { list = "/api/v1/trading/orders?limit=20", summary = "/api/v1/portfolio/summary" }

function request()
  count = count + 1
  local headers = { Authorization = tokens[(count + number * 7) % #tokens + 1] }
  if route ~= "orders" then
    return wrk.format("GET", paths[route], headers)
  end
  headers["Content-Type"] = "application/json"
  headers["Idempotency-Key"] = run .. "-" .. number .. "-" .. count
  return wrk.format("POST", "/api/v1/trading/orders", headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"micros":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
