-- Loaded by wrk: its figures as one JSON object, the last line of its output.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"operations":%d,"req_per_s":%.3f,"p50_us":%.3f,"p99_us":%.3f,"errors":%d}\n',
    summary.requests, summary.requests * 1e6 / summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
