// envd_bench: one measurement of an agent, printed as a JSON object.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/strings.h"
#include "bench/envd/cases.h"
#include "net/stream.h"

namespace wrenn::bench {
namespace {

constexpr std::string_view kUsage =
    "usage: envd_bench CASE ADDRESS [--codec json|proto] [--count N] [--dir DIR] [--pid PID]\n"
    "       envd_bench start PROGRAM [--count N]\n"
    "One measurement of the agent at ADDRESS (host:port), as a JSON object of figures.\n"
    "CASE: exec, rate, output, pty, many, upload, upload-form, download, list, stat\n"
    "The agent's token, if it has one: ENVD_TOKEN in the environment.\n";

using Case = Task<Result<Figures>> (*)(Agent&, CaseOptions);

struct CaseEntry {
  std::string_view name;
  Case run;
  std::size_t count;
};

constexpr CaseEntry kCases[] = {
    {"exec", exec_latency, 500},
    {"rate", exec_rate, 1000},
    {"output", output, 256},
    {"pty", pty_echo, 1000},
    {"many", many, 1000},
    {"upload", upload, 256},
    {"upload-form", upload_form, 256},
    {"download", download, 256},
    {"list", list, 10000},
    {"stat", stat, 2000},
};

Result<CaseOptions> parse_options(std::span<char*> args, std::size_t count) {
  CaseOptions options{.count = count, .directory = "/dev/shm/envd-bench"};
  for (std::size_t i = 0; i + 1 < args.size(); i += 2) {
    const std::string_view name = args[i];
    const std::string_view value = args[i + 1];
    if (name == "--codec" && (value == "json" || value == "proto")) {
      options.codec = value == "json" ? Codec::kJson : Codec::kProto;
    } else if (name == "--count" && base::parse_int<std::size_t>(value).value_or(0) > 0) {
      options.count = *base::parse_int<std::size_t>(value);
    } else if (name == "--dir" && value.starts_with('/') && !value.contains('\'')) {
      options.directory = value;
    } else if (name == "--pid" && base::parse_int<pid_t>(value)) {
      options.pid = *base::parse_int<pid_t>(value);
    } else {
      return base::fail(base::Code::kInvalidArgument, base::concat(name, " ", value, "?"));
    }
  }
  return options;
}

Result<Figures> measure(std::string_view name, const std::string& target, std::span<char*> rest) {
  if (name == "start") {
    WRENN_TRY_ASSIGN(const auto options, parse_options(rest, 20));
    return start_to_listening(target, options.count);
  }
  for (const CaseEntry& entry : kCases) {
    if (entry.name != name) continue;
    WRENN_TRY_ASSIGN(auto options, parse_options(rest, entry.count));
    WRENN_TRY_ASSIGN(auto endpoint, net::Endpoint::parse(target));
    const char* token = std::getenv("ENVD_TOKEN");
    net::Loop loop;
    Agent agent(std::move(endpoint), token == nullptr ? "" : token);
    return loop.block_on(entry.run(agent, std::move(options)));
  }
  return base::fail(base::Code::kInvalidArgument, base::concat("unknown case ", name));
}

// Each running command has a connection of its own.
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
  std::printf("}\n");
}

}  // namespace
}  // namespace wrenn::bench

// 0, or 1 for a failure, 2 for wrong arguments, 3 when the agent does not have what is measured.
int main(int argc, char** argv) {
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() < 3) {
    std::fprintf(stderr, "%s", wrenn::bench::kUsage.data());
    return 2;
  }
  wrenn::net::ignore_sigpipe();
  wrenn::bench::raise_file_limit();
  const auto figures = wrenn::bench::measure(args[1], args[2], args.subspan(3));
  if (figures) {
    wrenn::bench::print(*figures);
    return 0;
  }
  std::fprintf(stderr, "envd_bench %s: %s\n", args[1], figures.error().to_string().c_str());
  using enum wrenn::base::Code;
  if (figures.error().code == kInvalidArgument) return 2;
  return figures.error().code == kUnimplemented ? 3 : 1;
}
