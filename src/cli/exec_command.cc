// wrenn sandbox exec.
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/files.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/exec_stream.h"
#include "cli/json_text.h"
#include "cli/remote_run.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

// The API gives a command 30 s unless told otherwise; people expect as long as it takes.
constexpr std::int64_t kNoTimeoutSeconds = 86400;

struct ExecOptions {
  std::string id;
  CommandPlace place;
  bool interactive = false;
  bool terminal = false;
  std::int64_t timeout_sec = 0;
  bool background = false;
  std::string tag;
  bool json = false;
  std::vector<std::string> command;
};

std::string exec_body(const ExecOptions& options) {
  boost::json::object body;
  body["cmd"] = options.command.front();
  boost::json::array args;
  for (std::size_t i = 1; i < options.command.size(); ++i) args.emplace_back(options.command[i]);
  body["args"] = std::move(args);
  body["timeout_sec"] = options.timeout_sec > 0 ? options.timeout_sec : kNoTimeoutSeconds;
  if (options.background) body["background"] = true;
  if (!options.tag.empty()) body["tag"] = options.tag;
  if (!options.place.cwd.empty()) body["cwd"] = options.place.cwd;
  if (!options.place.user.empty()) body["user"] = options.place.user;
  boost::json::object envs;
  for (const auto& pair : options.place.env) {
    const auto equals = pair.find('=');
    envs[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (!envs.empty()) body["envs"] = std::move(envs);
  return boost::json::serialize(body);
}

// The remote command dies with its connection, and the kernel closes that for us.
void end_on_interrupt() {
  struct sigaction action{};
  action.sa_handler = [](int) { ::_exit(kInterrupted); };
  ::sigaction(SIGINT, &action, nullptr);
}

// How a command ended that did not end by itself.
class Failure {
 public:
  explicit Failure(const ExecOptions& options) {
    if (options.timeout_sec > 0) deadline_ = begin_ + std::chrono::seconds(options.timeout_sec);
  }
  // Says so; the exit status is kTimedOut if the time that was asked for is over.
  int report(const Console& console, const base::Error& error, int status = kFailed) const {
    console.report(error);
    const bool over = deadline_ && base::steady_now() >= *deadline_;
    return over || error.code == base::Code::kDeadlineExceeded ? kTimedOut : status;
  }

 private:
  const base::SteadyTime begin_ = base::steady_now();
  std::optional<base::SteadyTime> deadline_;
};

// The exit status, once the command has one.
base::Result<std::optional<int>> on_event(const Console& console, const Failure& failure,
                                          const ExecEvent& event) {
  switch (event.kind) {
    case ExecEvent::Kind::kStdout:
      WRENN_TRY(console.out(event.data));
      break;
    case ExecEvent::Kind::kStderr:
      WRENN_TRY(base::write_all(STDERR_FILENO, event.data));
      break;
    case ExecEvent::Kind::kExit:
      if (event.error.message.empty()) return exit_status_of(event.exit_code);
      return failure.report(console, event.error,
                            event.exit_code == 0 ? kFailed : exit_status_of(event.exit_code));
    case ExecEvent::Kind::kError:
      return failure.report(console, event.error);
    case ExecEvent::Kind::kStart:
    case ExecEvent::Kind::kUnknown:
      break;
  }
  return std::nullopt;
}

net::Task<base::Result<int>> show_stream(net::ClientResponse& response, const Console& console,
                                         const Failure& failure) {
  LineSplitter lines;
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const auto n = co_await response.read(buffer);
    if (!n || *n == 0) {
      co_return base::fail(base::Code::kUnavailable, "the connection ended before the command did",
                           "look at the sandbox with `wrenn sandbox info`");
    }
    WRENN_CO_TRY(lines.feed({buffer.data(), *n}));
    while (const auto line = lines.next()) {
      if (line->empty()) continue;
      WRENN_CO_TRY_ASSIGN(const ExecEvent event, parse_exec_event(*line));
      WRENN_CO_TRY_ASSIGN(const std::optional<int> status, on_event(console, failure, event));
      if (status) co_return *status;
    }
  }
}

net::Task<base::Result<int>> exec_streaming(ApiClient& api, const Console& console,
                                            std::string path, const ExecOptions& options,
                                            const Failure& failure) {
  net::ClientRequest request{.method = "POST", .target = std::move(path)};
  request.headers.set("Accept", "application/x-ndjson");
  request.headers.set("Content-Type", "application/json");
  request.body = exec_body(options);
  WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await api.send(std::move(request)));
  const auto type = response.headers().find("content-type");
  if (!type || !type->starts_with("application/x-ndjson")) {
    co_return base::fail(base::Code::kUnimplemented,
                         "the API does not stream the output of commands",
                         "is it older than this `wrenn`? `--json` works with any");
  }
  co_return co_await show_stream(response, console, failure);
}

base::Result<int> print_reply(const Console& console, const std::string& reply,
                              const ExecOptions& options) {
  WRENN_TRY_ASSIGN(const auto value, parse_json(reply));
  const auto* object = value.if_object();
  if (object == nullptr) return base::fail(base::Code::kInternal, "the API's reply makes no sense");
  if (options.json) {
    WRENN_TRY(console.out_json(reply));
  } else {
    WRENN_TRY(console.out(base::concat(int_field(*object, "pid"), '\n')));
    if (console.err_is_terminal) {
      console.say(
          console.err_paint.dim("running in the background, tag " + string_field(*object, "tag")));
    }
  }
  return options.background ? 0 : exit_status_of(int_field(*object, "exit_code"));
}

net::Task<base::Result<int>> exec(ApiClient& api, const Console& console, ExecOptions options,
                                  const Failure& failure) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, options.id));
  const std::string path = base::concat("/v1/capsules/", id, "/exec");
  if (!options.json && !options.background) {
    co_return co_await exec_streaming(api, console, path, options, failure);
  }
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("POST", path, exec_body(options)));
  co_return print_reply(console, reply, options);
}

// With our input, or in a terminal.
base::Result<int> run_attached(Session& session, const ExecOptions& options) {
  const Console& console = session.console;
  if (options.background || options.json || options.timeout_sec > 0) {
    return console.usage(
        "-i and -t do not go with --background, --json and --timeout",
        "a background command has no input; `timeout 60 COMMAND` ends one in time");
  }
  if (options.interactive && options.terminal && ::isatty(STDIN_FILENO) == 0) {
    return console.usage("standard input is not a terminal",
                         "leave -t out; -i passes on any input");
  }
  return run_remote(session, {.id = options.id,
                              .command = options.command,
                              .place = options.place,
                              .tag = {},
                              .has_terminal = options.terminal,
                              .takes_input = options.interactive});
}

base::Result<int> run(Session& session, ExecOptions& options) {
  constexpr std::string_view kExample = "wrenn sandbox exec cl-0q3v -- python3 -c 'print(1)'";
  const Console& console = session.console;
  options.command = session.trailing;
  if (options.command.empty()) {
    return console.usage("there is no command to run",
                         base::concat("it stands after --, e.g. ", kExample));
  }
  if (const int status = check_place(console, options.place); status != 0) return status;
  if (options.interactive || options.terminal) return run_attached(session, options);
  end_on_interrupt();
  const std::int64_t seconds = options.timeout_sec > 0 ? options.timeout_sec : kNoTimeoutSeconds;
  const auto patience = std::chrono::seconds(std::min(seconds, kNoTimeoutSeconds) + 60);
  const Failure failure(options);
  auto status = with_api(
      session, [&](ApiClient& api) { return exec(api, console, options, failure); }, patience);
  if (!status) return failure.report(console, status.error());
  return status;
}

}  // namespace

void add_exec_command(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("exec", "Run a command and show its output as it comes");
  auto options = std::make_shared<ExecOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_flag("-i,--interactive", options->interactive, "Pass standard input on");
  command->add_flag("-t,--tty", options->terminal, "Run it in a terminal");
  add_place_options(*command, options->place);
  command->add_option("--timeout", options->timeout_sec, "Seconds after which it is killed")
      ->check(CLI::PositiveNumber);
  command->add_flag("--background", options->background, "Start it, print its pid, do not wait");
  command->add_option("--tag", options->tag, "Name for a background command");
  command->add_flag("--json", options->json, "Wait and print the API's whole answer");
  command->footer(
      "The exit status is that of the command; 124 after a timeout, 130 after Ctrl-C (which\n"
      "kills the command).");
  command->callback([&session, options] {
    session.action = [&session, options] { return run(session, *options); };
  });
}

}  // namespace wrenn::cli
