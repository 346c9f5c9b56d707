#include "control/builds/build_guest.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/hosts/lasting_stream.h"
#include "control/services.h"
#include "net/scope.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

// The end of a sandbox that nobody has destroyed.
constexpr int kMaxLifetimeSec = 2 * 3600;
constexpr std::size_t kMaxScriptOutput = std::size_t{1} << 20;
constexpr auto kScriptLimit = std::chrono::minutes(10);
// How much longer than the command the call may take: the agent kills the command, not this limit.
constexpr auto kGrace = std::chrono::seconds(10);

// As the steps of a build see it: an error they may try again after, or one that ends the build.
base::Error to_error(const ApiError& error) {
  switch (error.code) {
    case ApiCode::kNoHostsAvailable:
    case ApiCode::kHostUnavailable:
      return base::Error(Code::kUnavailable, error.message);
    case ApiCode::kQuotaExceeded:
      return base::Error(Code::kResourceExhausted, error.message);
    default:
      return base::Error(Code::kFailedPrecondition, error.message);
  }
}

// envd takes the name of a user; numbers and groups are for setpriv.
bool is_plain_user(std::string_view user) {
  return user.find(':') == std::string_view::npos && (user.front() < '0' || user.front() > '9');
}

struct Invocation {
  std::string user;
  std::vector<std::string> argv;
};

Invocation invocation_of(const recipe::Process& process) {
  if (process.user.empty() || is_plain_user(process.user)) return {process.user, process.argv};
  const std::size_t colon = process.user.find(':');
  const std::string user = process.user.substr(0, colon);
  const std::string group = colon == std::string::npos ? user : process.user.substr(colon + 1);
  std::vector<std::string> argv = {"setpriv", concat("--reuid=", user), concat("--regid=", group),
                                   "--clear-groups", "--"};
  argv.insert(argv.end(), process.argv.begin(), process.argv.end());
  return {"root", std::move(argv)};
}

template <class Request>
Request to_rpc(const std::string& sandbox_id, const recipe::Process& process) {
  const Invocation invocation = invocation_of(process);
  Request request;
  request.set_sandbox_id(sandbox_id);
  request.set_cmd(invocation.argv.front());
  for (std::size_t i = 1; i < invocation.argv.size(); ++i) request.add_args(invocation.argv[i]);
  request.mutable_envs()->insert(process.environment.begin(), process.environment.end());
  request.set_cwd(process.workdir);
  request.set_user(invocation.user);
  return request;
}

int seconds_of(base::Duration limit) {
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(limit).count());
}

}  // namespace

Task<Result<BuildGuest>> BuildGuest::start(Services& services, const db::Build& build,
                                           Origin origin, std::string template_name) {
  db::Sandbox row;
  row.id = base::new_id(base::kSandboxPrefix);
  row.team_id = build.team_id;
  row.template_name = std::move(template_name);
  row.vcpus = origin.vcpus;
  row.memory_mb = origin.memory_mb;
  row.disk_mb = origin.disk_mb;
  row.auto_resume = false;
  row.labels = {{std::string(kBuildLabel), build.id}};
  row.timeout_sec = 0;
  row.max_lifetime_sec = kMaxLifetimeSec;
  row.end_at = base::unix_ms_now() + std::int64_t{kMaxLifetimeSec} * 1000;
  row.on_timeout = "kill";
  // Whoever stops the build wants to know what of it there is.
  auto made = co_await net::with_stop(net::StopToken(),
                                      create_from(services, std::move(row), std::move(origin)));
  if (!made) co_return base::fail(to_error(made.error()));
  std::string host_id = made->sandbox.host_id.value_or("");
  co_return BuildGuest(services, std::move(made->sandbox), std::move(host_id));
}

Result<AgentClient*> BuildGuest::agent() const {
  return services_->directory.agent(host_id_);
}

Task<Result<ExitStatus>> BuildGuest::run(const recipe::Process& process, base::Duration limit,
                                         BuildLog& log, int step) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  auto request = to_rpc<agent::ExecStreamRequest>(id(), process);
  request.set_timeout_sec(seconds_of(limit));
  WRENN_CO_TRY_ASSIGN(auto opened, co_await agent->exec(request, limit + kGrace));
  LastingExec stream(*agent, id(), std::move(opened));
  while (true) {
    WRENN_CO_TRY_ASSIGN(const auto event, co_await stream.next());
    if (!event) {
      co_return base::fail(Code::kUnavailable, "the host lost the command before it ended");
    }
    if (event->has_end()) co_return ExitStatus{event->end().exit_code(), event->end().error()};
    const auto& data = event->data();
    if (data.output_case() == agent::ExecData::kStdout) {
      WRENN_CO_TRY(co_await log.output(step, "stdout", data.stdout()));
    } else if (data.output_case() == agent::ExecData::kStderr) {
      WRENN_CO_TRY(co_await log.output(step, "stderr", data.stderr()));
    }
  }
}

Task<Result<std::string>> BuildGuest::script(std::string text, std::vector<std::string> arguments) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  agent::ExecStreamRequest request;
  request.set_sandbox_id(id());
  request.set_cmd("/bin/sh");
  for (const char* argument : {"-eu", "-c"}) request.add_args(argument);
  request.add_args(std::move(text));
  request.add_args("wrenn-build");
  for (auto& argument : arguments) request.add_args(std::move(argument));
  (*request.mutable_envs())["PATH"] = recipe::kDefaultPath;
  request.set_cwd("/");
  request.set_user("root");
  request.set_timeout_sec(seconds_of(kScriptLimit));
  WRENN_CO_TRY_ASSIGN(auto opened, co_await agent->exec(request, kScriptLimit + kGrace));
  LastingExec stream(*agent, id(), std::move(opened));
  std::string out;
  std::string complaints;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const auto event, co_await stream.next());
    if (!event) {
      co_return base::fail(Code::kUnavailable, "the host lost a step of the build");
    }
    if (event->has_end()) {
      if (event->end().exit_code() == 0) co_return out;
      co_return base::fail(Code::kFailedPrecondition,
                           complaints.empty() ? concat("exit status ", event->end().exit_code())
                                              : std::string(base::trim(complaints)));
    }
    out += event->data().stdout();
    complaints += event->data().stderr();
    if (out.size() + complaints.size() > kMaxScriptOutput) {
      co_return base::fail(Code::kResourceExhausted, "a step of the build matches too many files");
    }
  }
}

Task<Result<void>> BuildGuest::launch(const recipe::Process& process, std::string tag) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  auto request = to_rpc<agent::StartBackgroundRequest>(id(), process);
  request.set_tag(std::move(tag));
  WRENN_CO_TRY(co_await agent->start_background(request));
  co_return {};
}

Task<Result<bool>> BuildGuest::is_running(std::string tag) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  WRENN_CO_TRY_ASSIGN(const auto processes, co_await agent->list_processes(id()));
  co_return std::ranges::any_of(processes.processes(),
                                [&](const auto& one) { return one.tag() == tag; });
}

Task<Result<void>> BuildGuest::write_file(std::string path, net::ByteSource& content) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  co_return co_await agent->write_file(
      {.sandbox_id = id(), .path = std::move(path), .user = "root"}, content);
}

Task<Result<void>> BuildGuest::read_file(std::string path, int to, std::uint64_t limit) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  WRENN_CO_TRY_ASSIGN(
      auto response,
      co_await agent->read_file({.sandbox_id = id(), .path = std::move(path), .user = "root"}));
  std::vector<char> buffer(std::size_t{256} << 10);
  std::uint64_t done = 0;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await response.read(buffer));
    if (n == 0) co_return {};
    done += n;
    if (done > limit) {
      co_return base::fail(Code::kResourceExhausted, concat("a step of the build copies more than ",
                                                            base::human_bytes(limit)));
    }
    WRENN_CO_TRY(co_await services_->build_pool.run(
        [&] { return base::write_all(to, std::string_view(buffer.data(), n)); }));
  }
}

Task<Result<recipe::TarOwner>> BuildGuest::find_owner(std::string owner) {
  const std::size_t colon = owner.find(':');
  const std::string user = owner.substr(0, colon);
  const std::string group = colon == std::string::npos ? std::string() : owner.substr(colon + 1);
  if (user == "root" && group.empty()) co_return recipe::TarOwner{};
  // Numbers need no entry; a user without a group has his own.
  constexpr const char* kLook = R"sh(
entry() { getent "$1" "$2" 2>/dev/null || grep "^$2:" "/etc/$1"; }
case $1 in *[!0-9]*) uid=$(entry passwd "$1" | head -n 1 | cut -d: -f3);; *) uid=$1;; esac
case ${2:-} in
  '') case $1 in *[!0-9]*) gid=$(entry passwd "$1" | head -n 1 | cut -d: -f4);; *) gid=$1;; esac;;
  *[!0-9]*) gid=$(entry group "$2" | head -n 1 | cut -d: -f3);;
  *) gid=$2;;
esac
echo "${uid:-none} ${gid:-none}")sh";
  WRENN_CO_TRY_ASSIGN(const std::string said, co_await script(kLook, {user, group}));
  const auto words = base::split(base::trim(said), ' ');
  const auto uid = words.size() == 2 ? base::parse_int<std::uint32_t>(words[0]) : std::nullopt;
  const auto gid = words.size() == 2 ? base::parse_int<std::uint32_t>(words[1]) : std::nullopt;
  if (uid && gid) co_return recipe::TarOwner{*uid, *gid};
  co_return base::fail(Code::kFailedPrecondition, concat("there is no user or group '", owner, "'"),
                       "make it in a step before, or give numbers");
}

Task<Result<std::int64_t>> BuildGuest::snapshot(std::string template_id,
                                                std::optional<recipe::ImageConfig> defaults) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, this->agent());
  agent::SnapshotSandboxRequest request;
  request.set_sandbox_id(id());
  request.set_name(std::move(template_id));
  if (defaults) {
    auto& message = *request.mutable_defaults();
    message.set_user(defaults->user.substr(0, defaults->user.find(':')));
    if (defaults->workdir != "/") message.set_workdir(defaults->workdir);
    message.mutable_envs()->insert(defaults->environment.begin(), defaults->environment.end());
  }
  WRENN_CO_TRY_ASSIGN(const auto made, co_await agent->snapshot(request));
  co_return made.template_().size_bytes();
}

Task<void> BuildGuest::destroy() {
  const auto destroyed =
      co_await net::with_stop(net::StopToken(), destroy_sandbox(*services_, sandbox_));
  if (!destroyed) {
    base::log_warn("the sandbox of a build is there until its time is over",
                   {{"sandbox", id()}, {"error", destroyed.error().message}});
  }
}

Task<Result<void>> destroy_leftovers(Services& services, const db::Build& build) {
  const db::SandboxQuery query{.states = {},
                               .template_name = {},
                               .labels = {{std::string(kBuildLabel), build.id}},
                               .limit = db::kMaxSandboxPage,
                               .before_created_at = {},
                               .before_id = {}};
  WRENN_CO_TRY_ASSIGN(const auto left, co_await services.database_pool.run([&] {
    return services.sandboxes.list(build.team_id, query);
  }));
  for (const db::Sandbox& sandbox : left) {
    if (auto destroyed = co_await destroy_sandbox(services, sandbox); !destroyed) {
      base::log_warn("what is left of a build is there until its time is over",
                     {{"sandbox", sandbox.id}, {"error", destroyed.error().message}});
    }
  }
  co_return {};
}

}  // namespace wrenn::control
