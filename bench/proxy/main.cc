// proxy_load: load for two proxies in a row, one measurement a call, printed as a JSON object; and
// the upstream behind them.
#include <sys/resource.h>

#include <cstdio>
#include <span>

#include "base/strings.h"
#include "bench/proxy/load.h"

namespace wrenn::bench {
namespace {

constexpr std::string_view kUsage =
    "usage: proxy_load upstream ADDRESS\n"
    "       proxy_load CASE ADDRESS [--path PATH] [--host NAME] [--token TOKEN]\n"
    "                               [--connections N] [--seconds N] [--mib N]\n"
    "Load on the proxy at ADDRESS (IP:port), as a JSON object of figures.\n"
    "CASE: ws-echo, idle-ws (until standard input ends), download, upload\n";

struct Words {
  Target target;
  LoadOptions options;
};

bool set_number(std::size_t& number, std::string_view text) {
  number = base::parse_int<std::size_t>(text).value_or(0);
  return number > 0;
}

bool set_option(Words& words, std::string_view name, std::string_view value) {
  std::size_t seconds = 0;
  if (value.empty()) return false;
  if (name == "--path") {
    words.target.path = value;
  } else if (name == "--host") {
    words.target.host = value;
  } else if (name == "--token") {
    words.target.token = value;
  } else if (name == "--connections") {
    return set_number(words.options.connections, value);
  } else if (name == "--mib") {
    return set_number(words.options.mib, value);
  } else if (name == "--seconds" && set_number(seconds, value)) {
    words.options.time = std::chrono::seconds(seconds);
  } else {
    return false;
  }
  return true;
}

Result<Words> parse(std::string_view address, std::span<char*> rest) {
  WRENN_TRY_ASSIGN(auto endpoint, net::Endpoint::parse(address));
  Words words{.target = {.endpoint = std::move(endpoint)}, .options = {}};
  for (std::size_t i = 0; i < rest.size(); i += 2) {
    const std::string_view value = i + 1 < rest.size() ? rest[i + 1] : "";
    if (!set_option(words, rest[i], value))
      return base::fail(base::Code::kInvalidArgument, base::concat(rest[i], " ", value, "?"));
  }
  return words;
}

Result<Figures> run(std::string_view name, Words words) {
  net::Loop loop;
  if (name == "upstream") {
    WRENN_TRY(loop.block_on(serve_upstream(std::move(words.target.endpoint))));
    return Figures{};
  }
  if (name == "idle-ws") return hold_idle(loop, std::move(words.target), words.options);
  if (name == "ws-echo") return loop.block_on(echo_load(std::move(words.target), words.options));
  if (name == "download") return loop.block_on(download(std::move(words.target), words.options));
  if (name == "upload") return loop.block_on(upload(std::move(words.target), words.options));
  return base::fail(base::Code::kInvalidArgument, base::concat("unknown case ", name));
}

// Each WebSocket is a descriptor.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void print(const Figures& figures) {
  std::string_view separator = "{";
  for (const auto& [name, value] : figures) {
    std::printf("%.*s\"%s\":%.3f", static_cast<int>(separator.size()), separator.data(),
                name.c_str(), value);
    separator = ",";
  }
  if (!figures.empty()) std::printf("}\n");
}

Result<void> measure(std::span<char*> args) {
  WRENN_TRY_ASSIGN(auto words, parse(args[2], args.subspan(3)));
  WRENN_TRY_ASSIGN(const auto figures, run(args[1], std::move(words)));
  print(figures);
  return {};
}

}  // namespace
}  // namespace wrenn::bench

// 0, or 1 for a failure, 2 for wrong arguments.
int main(int argc, char** argv) {
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() < 3) {
    std::fprintf(stderr, "%s", wrenn::bench::kUsage.data());
    return 2;
  }
  wrenn::net::ignore_sigpipe();
  wrenn::bench::raise_file_limit();
  const auto done = wrenn::bench::measure(args);
  if (done) return 0;
  std::fprintf(stderr, "proxy_load %s: %s\n", args[1], done.error().to_string().c_str());
  return done.error().code == wrenn::base::Code::kInvalidArgument ? 2 : 1;
}
