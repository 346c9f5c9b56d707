#include "control/api/downloads.h"

#include <boost/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/files.h"
#include "control/api/requests.h"
#include "control/hosts/lasting_stream.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

constexpr std::int64_t kGoodForSec = 60;
constexpr std::size_t kMaxComplaint = 500;
constexpr int kNoDirectory = 66;
constexpr int kChangedMeanwhile = 1;  // tar's: the archive is whole all the same.

// $1 the directory. Below the archive's top is the directory's own name, and of a link what it
// leads to.
constexpr const char* kPack = R"sh(
case $1 in
  "~") dir=$HOME ;;
  "~/"*) dir=$HOME/${1#"~/"} ;;
  *) dir=$1 ;;
esac
cd -P -- "$dir" 2>/dev/null || exit 66
dir=$(pwd -P)
[ "$dir" != / ] || exec tar -cz --one-file-system -C / .
cd .. && exec tar -cz --one-file-system -- "${dir##*/}")sh";

// What a page could do with it: nothing.
net::Headers download_headers(std::string_view name) {
  return net::Headers()
      .with("Content-Disposition", attachment(name))
      .with("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'");
}

// The guest's tar, whose output is the answer. It waits when the client reads slowly.
class Archive {
 public:
  Archive(AgentClient& agent, Call& call, const DownloadTarget& target)
      : agent_(agent), call_(call), target_(target) {}

  // `no_directory`: the answer when it is none.
  Task<Answer<void>> send(ApiError no_directory) {
    API_CO_TRY_ASSIGN(auto opened,
                      agent_answer(co_await agent_.exec(request(), base::Duration(0))));
    LastingExec stream(agent_, target_.sandbox_id, std::move(opened));
    while (true) {
      API_CO_TRY_ASSIGN(const auto event, agent_answer(co_await stream.next()));
      if (!event) co_return refuse(ApiCode::kAgentError, "the host lost the archive; try again");
      if (event->has_end()) co_return co_await end(event->end(), std::move(no_directory));
      if (!event->has_data()) continue;
      if (event->data().output_case() == agent::ExecData::kStderr) {
        complaint_ += event->data().stderr().substr(0, kMaxComplaint - complaint_.size());
        continue;
      }
      API_CO_TRY(co_await start());
      if (call_.request().method() == "HEAD") break;
      API_CO_TRY(client_answer(co_await call_.response().write(event->data().stdout())));
    }
    co_return client_answer(co_await call_.response().finish());
  }

 private:
  agent::ExecStreamRequest request() const {
    agent::ExecStreamRequest request;
    request.set_sandbox_id(target_.sandbox_id);
    request.set_cmd("/bin/sh");
    for (const std::string& argument :
         {std::string("-c"), std::string(kPack), std::string("sh"), target_.path}) {
      request.add_args(argument);
    }
    // As with single files, no permission is in the way, unless somebody's home is meant.
    request.set_user(target_.user.empty() && target_.path.starts_with('/') ? "root" : target_.user);
    return request;
  }

  Task<Answer<void>> start() {
    if (call_.response().started()) co_return {};
    const std::string name = concat(download_name(target_.path), ".tar.gz");
    co_return client_answer(co_await call_.response().start(
        200, call_.headers("application/gzip", download_headers(name))));
  }

  Task<Answer<void>> end(const agent::ExecEnd& end, ApiError no_directory) {
    const bool has_begun = call_.response().started();
    if (has_begun && (end.exit_code() == 0 || end.exit_code() == kChangedMeanwhile)) {
      co_return client_answer(co_await call_.response().finish());
    }
    if (end.exit_code() == kNoDirectory) co_return std::unexpected(std::move(no_directory));
    const std::string reason =
        complaint_.empty() ? concat("exit code ", end.exit_code()) : complaint_;
    co_return refuse(
        ApiCode::kAgentError,
        concat("the directory could not be packed in the sandbox: ", base::to_valid_utf8(reason)));
  }

  AgentClient& agent_;
  Call& call_;
  const DownloadTarget& target_;
  std::string complaint_;
};

Task<Answer<void>> send_download(AgentClient& agent, Call& call, DownloadTarget target) {
  auto sent = co_await send_file(
      agent, call, {.sandbox_id = target.sandbox_id, .path = target.path, .user = target.user},
      download_headers(download_name(target.path)));
  const bool may_be_directory = !sent && sent.error().code == ApiCode::kInvalidRequest;
  if (!may_be_directory || call.response().started()) co_return sent;
  Archive archive(agent, call, target);
  co_return co_await archive.send(std::move(sent).error());
}

}  // namespace

Task<Answer<void>> make_download_url(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const PathParams params, parse_path(body));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  // Whether it is there is said here, where there is a page to show it; a directory is no file.
  const auto opened = agent_answer(co_await found.agent->read_file(
      {.sandbox_id = found.sandbox.id, .path = params.path, .user = params.user}));
  if (!opened && opened.error().code != ApiCode::kInvalidRequest) {
    co_return std::unexpected(opened.error());
  }
  const std::int64_t expires = base::unix_ms_now() / 1000 + kGoodForSec;
  const std::string token = download_token(services.access_key,
                                           {.team_id = call.team_id(),
                                            .sandbox_id = found.sandbox.id,
                                            .user = params.user,
                                            .path = params.path},
                                           expires);
  boost::json::object out;
  out["url"] = concat(kDownloads, token);
  out["expires_at"] = base::rfc3339(expires * 1000).substr(0, 19) + "Z";
  co_return co_await call.send_json(200, boost::json::serialize(out));
}

Task<Answer<void>> download(Services& services, Call& call) {
  // Called again, after the sandbox was woken, it finds its own parameter behind that one's id.
  const std::string token = call.param(call.params() - 1);
  API_CO_TRY_ASSIGN(DownloadTarget target,
                    check_download(services.access_key, token, base::unix_ms_now() / 1000));
  call.set_params({target.sandbox_id, token});
  call.set_caller({.kind = Caller::Kind::kNobody, .team_id = target.team_id});
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  co_return co_await until_client_leaves(call,
                                         send_download(*found.agent, call, std::move(target)));
}

}  // namespace wrenn::control
