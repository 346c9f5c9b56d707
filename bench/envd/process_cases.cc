#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "base/strings.h"
#include "bench/envd/cases.h"
#include "net/scope.h"
#include "net/sync.h"

namespace wrenn::bench {
namespace {

constexpr std::size_t kAtATime = 16;

Task<Result<void>> run_true(Agent& agent, Codec codec) {
  WRENN_CO_TRY_ASSIGN(auto stream, co_await agent.start(command("/bin/true"), codec));
  WRENN_CO_TRY_ASSIGN(const auto exit_code, co_await stream->finish());
  if (exit_code == 0) co_return {};
  co_return base::fail(base::Code::kInternal, base::concat("true ended with ", exit_code));
}

struct Pool {
  std::size_t left = 0;
  Result<void> outcome;
};

Task<void> run_from(Pool& pool, Agent& agent, Codec codec) {
  while (pool.left > 0 && pool.outcome) {
    --pool.left;
    auto done = co_await run_true(agent, codec);
    if (!done) pool.outcome = std::move(done);
  }
}

Task<Result<void>> run_at_once(Agent& agent, Codec codec, std::size_t count) {
  const net::Context context = co_await net::current_context();
  Pool pool{.left = count, .outcome = {}};
  net::TaskScope scope(*context.loop);
  for (std::size_t i = 0; i < kAtATime; ++i) scope.spawn(run_from(pool, agent, codec));
  co_await scope.join();
  co_return std::move(pool.outcome);
}

process::ProcessSelector select(std::uint32_t pid) {
  process::ProcessSelector selector;
  selector.set_pid(pid);
  return selector;
}

Task<Result<void>> send_signal(Agent& agent, std::uint32_t pid) {
  process::SendSignalRequest request;
  *request.mutable_process() = select(pid);
  request.set_signal(process::SIGNAL_SIGKILL);
  const auto answer = co_await agent.unary("/process.Process/SendSignal", request, Codec::kProto);
  if (!answer) co_return base::fail(answer.error());
  co_return {};
}

struct Sleeper {
  std::uint32_t pid = 0;
  std::unique_ptr<EventStream> stream;
};

struct Sleepers {
  std::vector<Sleeper> all;
  std::size_t next = 0;
  Result<void> outcome;
};

Task<void> start_sleepers(Sleepers& sleepers, Agent& agent, Codec codec) {
  while (sleepers.next < sleepers.all.size() && sleepers.outcome) {
    Sleeper& mine = sleepers.all[sleepers.next++];
    auto started = co_await agent.start(command("/bin/sleep", {"1000"}), codec, &mine.pid);
    if (started) {
      mine.stream = std::move(*started);
    } else if (sleepers.outcome) {
      sleepers.outcome = base::fail(std::move(started).error());
    }
  }
}

Task<void> end_sleepers(Sleepers& sleepers, Agent& agent) {
  while (sleepers.next < sleepers.all.size()) {
    Sleeper& mine = sleepers.all[sleepers.next++];
    if (mine.stream == nullptr) continue;
    auto done = co_await send_signal(agent, mine.pid);
    if (done) {
      const auto finished = co_await mine.stream->finish();
      if (!finished) done = base::fail(finished.error());
    }
    if (!done && sleepers.outcome) sleepers.outcome = std::move(done);
  }
}

template <class Worker, class... Args>
Task<void> at_once(Sleepers& sleepers, Worker worker, Agent& agent, Args... args) {
  const net::Context context = co_await net::current_context();
  sleepers.next = 0;
  net::TaskScope scope(*context.loop);
  for (std::size_t i = 0; i < kAtATime; ++i) scope.spawn(worker(sleepers, agent, args...));
  co_await scope.join();
}

double resident_mb(pid_t pid) {
  const auto statm = base::read_file(base::concat("/proc/", pid, "/statm"));
  if (!statm) return 0;
  const auto fields = base::split(*statm, ' ');
  const auto pages = fields.size() > 1 ? base::parse_int<std::uint64_t>(fields[1]) : std::nullopt;
  return static_cast<double>(pages.value_or(0)) * 4096 / (1 << 20);
}

}  // namespace

double us_since(base::SteadyTime begin) {
  return static_cast<double>((base::steady_now() - begin).count()) / 1000;
}

Figures percentiles(std::vector<double> values, std::string_view unit) {
  std::ranges::sort(values);
  const auto at = [&](double part) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(static_cast<double>(values.size()) * part));
    return values.at(rank > 0 ? rank - 1 : 0);
  };
  return {{base::concat("p50_", unit), at(0.5)}, {base::concat("p99_", unit), at(0.99)}};
}

Task<Result<Figures>> exec_latency(Agent& agent, CaseOptions options) {
  std::vector<double> times;
  for (std::size_t i = 0; i < options.count; ++i) {
    const auto begin = base::steady_now();
    WRENN_CO_TRY(co_await run_true(agent, options.codec));
    times.push_back(us_since(begin));
  }
  Figures figures = percentiles(std::move(times), "us");
  figures["operations"] = static_cast<double>(options.count);
  co_return figures;
}

Task<Result<Figures>> exec_rate(Agent& agent, CaseOptions options) {
  // The connections are there before the clock runs.
  WRENN_CO_TRY(co_await run_at_once(agent, options.codec, 2 * kAtATime));
  const auto begin = base::steady_now();
  WRENN_CO_TRY(co_await run_at_once(agent, options.codec, options.count));
  const auto count = static_cast<double>(options.count);
  co_return Figures{{"per_s", count / us_since(begin) * 1e6}, {"operations", count}};
}

Task<Result<Figures>> output(Agent& agent, CaseOptions options) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(options.count) << 20;
  const auto begin = base::steady_now();
  WRENN_CO_TRY_ASSIGN(
      auto stream, co_await agent.start(command("head", {"-c", base::concat(bytes), "/dev/zero"}),
                                        options.codec));
  WRENN_CO_TRY(co_await stream->finish());
  const double us = us_since(begin);
  if (stream->output_bytes() != bytes) {
    co_return base::fail(base::Code::kDataLoss,
                         base::concat(stream->output_bytes(), " of ", bytes, " bytes came"));
  }
  co_return Figures{{"mb_per_s", static_cast<double>(bytes) / us},
                    {"operations", static_cast<double>(options.count)}};
}

Task<Result<Figures>> pty_echo(Agent& agent, CaseOptions options) {
  process::StartRequest request = command("cat");
  request.mutable_pty()->mutable_size()->set_cols(80);
  request.mutable_pty()->mutable_size()->set_rows(24);
  request.clear_stdin();
  std::uint32_t pid = 0;
  WRENN_CO_TRY_ASSIGN(auto stream, co_await agent.start(request, options.codec, &pid));
  process::SendInputRequest input;
  *input.mutable_process() = select(pid);
  input.mutable_input()->set_pty("x");
  std::vector<double> times;
  for (std::size_t i = 0; i < options.count; ++i) {
    // A line is never long enough to fill the terminal's buffer.
    input.mutable_input()->set_pty(i % 64 == 63 ? "\n" : "x");
    const auto begin = base::steady_now();
    WRENN_CO_TRY(co_await agent.unary("/process.Process/SendInput", input, options.codec));
    WRENN_CO_TRY(co_await stream->until_data());
    times.push_back(us_since(begin));
    // After a line comes what cat makes of it, at a time of its own.
    if (i % 64 == 63) times.pop_back();
  }
  WRENN_CO_TRY(co_await send_signal(agent, pid));
  WRENN_CO_TRY(co_await stream->finish());
  Figures figures = percentiles(std::move(times), "us");
  figures["operations"] = static_cast<double>(options.count);
  co_return figures;
}

Task<Result<Figures>> many(Agent& agent, CaseOptions options) {
  Sleepers sleepers{.all = std::vector<Sleeper>(options.count), .next = 0, .outcome = {}};
  Figures figures{{"operations", static_cast<double>(options.count)}};
  auto begin = base::steady_now();
  co_await at_once(sleepers, start_sleepers, agent, options.codec);
  figures["start_ms"] = us_since(begin) / 1000;
  if (options.pid > 0) figures["rss_mb"] = resident_mb(options.pid);
  if (sleepers.outcome) {
    begin = base::steady_now();
    const auto listed =
        co_await agent.unary("/process.Process/List", process::ListRequest(), options.codec);
    figures["list_ms"] = us_since(begin) / 1000;
    if (!listed) sleepers.outcome = base::fail(listed.error());
  }
  begin = base::steady_now();
  co_await at_once(sleepers, end_sleepers, agent);
  figures["end_ms"] = us_since(begin) / 1000;
  if (!sleepers.outcome) co_return base::fail(std::move(sleepers.outcome).error());
  co_return figures;
}

}  // namespace wrenn::bench
