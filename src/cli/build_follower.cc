#include "cli/build_follower.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/exec_stream.h"
#include "net/scope.h"

namespace wrenn::cli {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

constexpr base::Duration kLongestPause = std::chrono::seconds(3);

bool is_passing(const base::Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
}

}  // namespace

Result<std::optional<Build>> BuildFollower::take(std::string_view json) {
  WRENN_TRY_ASSIGN(BuildLine line, parse_build_line(json));
  WRENN_TRY(listener_.on_line(json, line));
  after_ = std::max(after_, line.number);
  return std::move(line.build);
}

Task<Result<std::optional<Build>>> BuildFollower::read_stream(bool is_following) {
  net::ClientRequest request{.target = concat("/v1/builds/", base::percent_encode(build_id_),
                                              "/logs?after=", after_,
                                              is_following ? "&follow=true" : "")};
  request.headers.set("Accept", "application/x-ndjson");
  WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await api_.send(std::move(request)));
  LineSplitter lines;
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const auto n = co_await net::with_timeout(limits_.silence, response.read(buffer));
    if (!n) co_return base::fail(n.error());
    if (*n == 0) co_return std::optional<Build>();
    if (lost_since_) listener_.on_note("connected again");
    lost_since_.reset();
    WRENN_CO_TRY(lines.feed({buffer.data(), *n}));
    while (const auto line = lines.next()) {
      if (line->empty()) continue;
      WRENN_CO_TRY_ASSIGN(std::optional<Build> build, take(*line));
      if (build) co_return build;
    }
  }
}

Task<Result<Build>> BuildFollower::follow() {
  base::Duration pause = limits_.first_pause;
  while (true) {
    auto build = co_await read_stream(true);
    if (build && *build) co_return **std::move(build);
    if (!build && !is_passing(build.error())) co_return base::fail(std::move(build).error());
    const auto now = base::steady_now();
    if (!lost_since_) {
      lost_since_ = now;
      pause = limits_.first_pause;
      listener_.on_note("the connection is lost, the build goes on; trying again");
    } else if (now - *lost_since_ > limits_.give_up) {
      base::Error error = build ? base::Error(Code::kUnavailable, "the log of the build ends early")
                                : std::move(build).error();
      error.remedy = concat("`wrenn template logs --follow ", build_id_, "` goes on with it");
      co_return base::fail(std::move(error));
    }
    WRENN_CO_TRY(co_await net::sleep_for(pause));
    pause = std::min(pause * 2, kLongestPause);
  }
}

Task<Result<void>> BuildFollower::read() {
  // In pages: one that brings nothing new is the last.
  while (true) {
    const std::int64_t before = after_;
    WRENN_CO_TRY(co_await read_stream(false));
    if (after_ == before) co_return {};
  }
}

}  // namespace wrenn::cli
