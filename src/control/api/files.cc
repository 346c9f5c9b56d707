#include "control/api/files.h"

#include <array>

#include "base/strings.h"
#include "control/api/form.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
using Kind = net::MultipartEvent::Kind;

constexpr std::uint64_t kMaxWrite = 100u << 20;
constexpr std::uint64_t kUnlimited = 0;
constexpr std::size_t kMaxField = 4096;

Task<Answer<PathParams>> read_path_request(Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  co_return parse_path(body);
}

Answer<std::string> form_boundary(const net::Request& request) {
  auto boundary =
      net::multipart_boundary(request.headers().find("content-type").value_or(std::string_view()));
  if (!boundary) return std::unexpected(from_client(boundary.error()));
  return std::move(*boundary);
}

// The part with the content of the file has begun.
Task<Answer<void>> upload(AgentClient& agent, FileTarget target, FormReader& form) {
  if (target.path.empty()) {
    co_return refuse(ApiCode::kInvalidRequest,
                     "path must come before file in the form: curl -F path=/tmp/x -F file=@x");
  }
  API_CO_TRY(check_path(target.path));
  API_CO_TRY(check_user(target.user));
  PartContent content(form);
  auto written = co_await agent.write_file(std::move(target), content);
  if (content.mistake()) co_return std::unexpected(*content.mistake());
  if (!written && written.error().code == base::Code::kResourceExhausted) {
    // No room in the sandbox, which another host would not change.
    co_return refuse(ApiCode::kTooLarge, concat(written.error().to_string(),
                                                "; free space in the sandbox, or create one with a "
                                                "larger disk_mb"));
  }
  API_CO_TRY(agent_answer(std::move(written)));
  if (!content.finished()) {
    co_return refuse(ApiCode::kAgentError, "the host did not take the whole file; write it again");
  }
  co_return {};
}

Task<Answer<void>> store_form(AgentClient& agent, FileTarget& target, FormReader& form) {
  while (true) {
    API_CO_TRY_ASSIGN(const net::MultipartEvent event, co_await form.next());
    if (event.kind == Kind::kEnd) {
      co_return refuse(ApiCode::kInvalidRequest, "the form has no field named file");
    }
    if (event.kind != Kind::kPart) continue;
    if (event.part.name == "path") {
      API_CO_TRY_ASSIGN(target.path, co_await form.read_text("path", kMaxField));
    } else if (event.part.name == "user") {
      API_CO_TRY_ASSIGN(target.user, co_await form.read_text("user", kMaxField));
    } else if (event.part.name == "file") {
      co_return co_await upload(agent, std::move(target), form);
    }
  }
}

Task<Answer<void>> receive_file(Services& services, Call& call, std::uint64_t max_bytes) {
  API_CO_TRY_ASSIGN(const std::string boundary, form_boundary(call.request()));
  if (max_bytes != kUnlimited && call.request().content_length().value_or(0) > max_bytes) {
    co_return refuse(ApiCode::kTooLarge,
                     concat("the body must not be larger than ", base::human_bytes(max_bytes),
                            "; files/stream/write takes files of any size"));
  }
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_awake(services, call));
  FileTarget target{.sandbox_id = found.sandbox.id, .path = {}, .user = {}};
  FormReader form(call.request().body(), boundary, max_bytes);
  auto stored = co_await store_form(*found.agent, target, form);
  call.note("path", target.path);
  if (!stored) {
    // It cannot be tried again here: its body is gone.
    if (stored.error().code == ApiCode::kAsleep) stored.error().code = ApiCode::kInvalidState;
    co_return stored;
  }
  co_return co_await call.send_empty(204);
}

std::optional<std::uint64_t> stated_length(const net::ClientResponse& file) {
  const auto value = file.headers().find("content-length");
  return value ? base::parse_int<std::uint64_t>(*value) : std::nullopt;
}

}  // namespace

Task<Answer<void>> send_file(AgentClient& agent, Call& call, FileTarget target,
                             net::Headers extra) {
  API_CO_TRY_ASSIGN(auto file, agent_answer(co_await agent.read_file(std::move(target))));
  net::ResponseWriter& out = call.response();
  API_CO_TRY(client_answer(co_await out.start(200, call.headers("application/octet-stream", extra),
                                              stated_length(file))));
  if (call.request().method() == "HEAD") co_return client_answer(co_await out.finish());
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const auto n = co_await file.read(buffer);
    if (!n) {
      // Half a file must not look whole.
      out.abort();
      co_return std::unexpected(from_agent(n.error()));
    }
    if (*n == 0) break;
    API_CO_TRY(client_answer(co_await out.write({buffer.data(), *n})));
  }
  co_return client_answer(co_await out.finish());
}

Task<Answer<void>> write_file(Services& services, Call& call) {
  return receive_file(services, call, kMaxWrite);
}

Task<Answer<void>> write_file_stream(Services& services, Call& call) {
  return receive_file(services, call, kUnlimited);
}

Task<Answer<void>> read_file(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const PathParams params, co_await read_path_request(call));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  co_return co_await until_client_leaves(
      call, send_file(*found.agent, call,
                      {.sandbox_id = call.param(0), .path = params.path, .user = params.user}));
}

Task<Answer<void>> list_dir(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const PathParams params, co_await read_path_request(call));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  agent::ListDirRequest request;
  request.set_sandbox_id(call.param(0));
  request.set_path(params.path);
  request.set_depth(params.depth);
  API_CO_TRY_ASSIGN(const auto entries, agent_answer(co_await found.agent->list_dir(request)));
  co_return co_await call.send_json(200, entries_json(entries));
}

Task<Answer<void>> make_dir(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const PathParams params, co_await read_path_request(call));
  call.note("path", params.path);
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  agent::MakeDirRequest request;
  request.set_sandbox_id(call.param(0));
  request.set_path(params.path);
  API_CO_TRY_ASSIGN(const auto made, agent_answer(co_await found.agent->make_dir(request)));
  co_return co_await call.send_json(200, entry_json(made.entry()));
}

Task<Answer<void>> remove_path(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const PathParams params, co_await read_path_request(call));
  call.note("path", params.path);
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  agent::RemovePathRequest request;
  request.set_sandbox_id(call.param(0));
  request.set_path(params.path);
  API_CO_TRY(agent_answer(co_await found.agent->remove_path(request)));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> move_path(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const MoveParams params, parse_move(body));
  call.note("from", params.from);
  call.note("to", params.to);
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  agent::MovePathRequest request;
  request.set_sandbox_id(call.param(0));
  request.set_from(params.from);
  request.set_to(params.to);
  API_CO_TRY_ASSIGN(const auto moved, agent_answer(co_await found.agent->move_path(request)));
  co_return co_await call.send_json(200, entry_json(moved.entry()));
}

}  // namespace wrenn::control
