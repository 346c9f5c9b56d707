#include <algorithm>

#include "base/strings.h"
#include "bench/envd/cases.h"
#include "proto/filesystem.pb.h"

namespace wrenn::bench {
namespace {

constexpr std::string_view kBoundary = "envd-bench-boundary";

// A head, `size` bytes of a pattern, a tail.
class PatternSource final : public net::ByteSource {
 public:
  PatternSource(std::string head, std::uint64_t size, std::string tail)
      : head_(std::move(head)), tail_(std::move(tail)), left_(size) {}
  std::uint64_t length() const { return head_.size() + left_ + tail_.size(); }

  Task<Result<std::size_t>> read(std::span<char> buffer) override {
    if (!head_.empty()) co_return take(head_, buffer);
    if (left_ == 0) co_return take(tail_, buffer);
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
    std::ranges::fill(buffer.first(n), 'w');
    left_ -= n;
    co_return n;
  }

 private:
  static std::size_t take(std::string& text, std::span<char> buffer) {
    const std::size_t n = text.copy(buffer.data(), buffer.size());
    text.erase(0, n);
    return n;
  }
  std::string head_;
  std::string tail_;
  std::uint64_t left_;
};

std::string files_target(const std::string& path) {
  return base::concat("/files?path=", base::percent_encode(path));
}

Figures rate_of(const CaseOptions& options, double us) {
  const auto bytes = static_cast<double>(static_cast<std::uint64_t>(options.count) << 20);
  return {{"mb_per_s", bytes / us}, {"operations", static_cast<double>(options.count)}};
}

std::string path_in(const CaseOptions& options, std::string_view name) {
  return base::concat(options.directory, "/", name);
}

Task<Result<void>> make_directory(Agent& agent, const CaseOptions& options) {
  return agent.sh(base::concat("mkdir -p '", options.directory, "'"));
}

Task<Result<Figures>> send_file(Agent& agent, CaseOptions options, std::string content_type,
                                PatternSource source) {
  WRENN_CO_TRY(co_await make_directory(agent, options));
  const std::string path = path_in(options, "upload");
  auto request = agent.request("POST", files_target(path));
  request.headers.set("Content-Type", content_type);
  request.stream = &source;
  request.stream_length = source.length();
  const auto begin = base::steady_now();
  WRENN_CO_TRY(co_await agent.http(std::move(request)));
  const double us = us_since(begin);
  const std::uint64_t size = static_cast<std::uint64_t>(options.count) << 20;
  WRENN_CO_TRY(co_await agent.sh(
      base::concat("test $(stat -c %s '", path, "') = ", size, " && rm '", path, "'")));
  co_return rate_of(options, us);
}

Task<Result<std::uint64_t>> drain(net::ClientResponse& response) {
  std::vector<char> buffer(256 * 1024);
  std::uint64_t total = 0;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await response.read(buffer));
    if (n == 0) co_return total;
    total += n;
  }
}

}  // namespace

Task<Result<Figures>> upload(Agent& agent, CaseOptions options) {
  PatternSource source({}, static_cast<std::uint64_t>(options.count) << 20, {});
  return send_file(agent, std::move(options), "application/octet-stream", std::move(source));
}

Task<Result<Figures>> upload_form(Agent& agent, CaseOptions options) {
  std::string head = base::concat(
      "--", kBoundary, "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"upload\"\r\n",
      "Content-Type: application/octet-stream\r\n\r\n");
  PatternSource source(std::move(head), static_cast<std::uint64_t>(options.count) << 20,
                       base::concat("\r\n--", kBoundary, "--\r\n"));
  return send_file(agent, std::move(options),
                   base::concat("multipart/form-data; boundary=", kBoundary), std::move(source));
}

Task<Result<Figures>> download(Agent& agent, CaseOptions options) {
  WRENN_CO_TRY(co_await make_directory(agent, options));
  const std::string path = path_in(options, "download");
  const std::uint64_t size = static_cast<std::uint64_t>(options.count) << 20;
  WRENN_CO_TRY(
      co_await agent.sh(base::concat("head -c ", size, " /dev/zero | tr '\\0' w > '", path, "'")));
  const auto begin = base::steady_now();
  WRENN_CO_TRY_ASSIGN(auto response,
                      co_await agent.client().send(agent.request("GET", files_target(path))));
  WRENN_CO_TRY_ASSIGN(const std::uint64_t got, co_await drain(response));
  const double us = us_since(begin);
  WRENN_CO_TRY(co_await agent.sh(base::concat("rm '", path, "'")));
  if (response.status() != 200 || got != size) {
    co_return base::fail(base::Code::kDataLoss, base::concat("status ", response.status(), ", ",
                                                             got, " of ", size, " bytes"));
  }
  co_return rate_of(options, us);
}

Task<Result<Figures>> list(Agent& agent, CaseOptions options) {
  constexpr std::size_t kTimes = 15;
  const std::string path = path_in(options, "list");
  WRENN_CO_TRY(co_await agent.sh(base::concat("mkdir -p '", path, "' && cd '", path, "' && seq ",
                                              options.count, " | xargs touch")));
  filesystem::ListDirRequest request;
  request.set_path(path);
  request.set_depth(1);
  std::vector<double> times;
  std::string answer;
  for (std::size_t i = 0; i < kTimes; ++i) {
    const auto begin = base::steady_now();
    WRENN_CO_TRY_ASSIGN(
        answer, co_await agent.unary("/filesystem.Filesystem/ListDir", request, options.codec));
    times.push_back(us_since(begin) / 1000);
  }
  WRENN_CO_TRY(co_await agent.sh(base::concat("rm -r '", path, "'")));
  filesystem::ListDirResponse entries;
  WRENN_CO_TRY(connect::decode(answer, options.codec, entries));
  if (static_cast<std::size_t>(entries.entries_size()) != options.count) {
    co_return base::fail(base::Code::kDataLoss,
                         base::concat(entries.entries_size(), " of ", options.count, " entries"));
  }
  Figures figures = percentiles(std::move(times), "ms");
  figures["operations"] = kTimes;
  co_return figures;
}

Task<Result<Figures>> stat(Agent& agent, CaseOptions options) {
  filesystem::StatRequest request;
  request.set_path("/etc/passwd");
  std::vector<double> times;
  for (std::size_t i = 0; i < options.count; ++i) {
    const auto begin = base::steady_now();
    WRENN_CO_TRY(co_await agent.unary("/filesystem.Filesystem/Stat", request, options.codec));
    times.push_back(us_since(begin));
  }
  Figures figures = percentiles(std::move(times), "us");
  figures["operations"] = static_cast<double>(options.count);
  co_return figures;
}

}  // namespace wrenn::bench
