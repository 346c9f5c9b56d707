#include "cli/process_messages.h"

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"

namespace wrenn::cli {
namespace {

namespace json = boost::json;
using base::Code;
using Kind = ProcessMessage::Kind;

json::object message(std::string_view type) {
  json::object out;
  out["type"] = type;
  return out;
}

json::object start_message(const RemoteCommand& command) {
  json::object out = message("start");
  out["cmd"] = command.command.front();
  json::array args;
  for (std::size_t i = 1; i < command.command.size(); ++i) args.emplace_back(command.command[i]);
  if (!args.empty()) out["args"] = std::move(args);
  json::object envs;
  for (const auto& [name, value] : command.envs) envs[name] = value;
  if (!envs.empty()) out["envs"] = std::move(envs);
  if (!command.cwd.empty()) out["cwd"] = command.cwd;
  if (!command.user.empty()) out["user"] = command.user;
  return out;
}

// As the same code on an HTTP answer would be.
Code code_of(std::string_view name) {
  if (name == "not_found") return Code::kNotFound;
  if (name == "unauthorized") return Code::kUnauthenticated;
  if (name == "forbidden") return Code::kPermissionDenied;
  if (name == "invalid_request") return Code::kInvalidArgument;
  if (name == "conflict" || name == "invalid_state") return Code::kFailedPrecondition;
  if (name == "too_many" || name == "too_large") return Code::kResourceExhausted;
  if (name == "host_unavailable" || name == "no_hosts_available") return Code::kUnavailable;
  return Code::kUnknown;
}

base::Result<std::string> output_bytes(const json::object& object, std::string_view type) {
  std::string data = string_field(object, "data");
  if (type != "output" && string_field(object, "encoding") != "base64") return data;
  auto bytes = base::from_base64(data);
  if (!bytes) return base::fail(Code::kDataLoss, "the API sent output that is not base64");
  return std::move(*bytes);
}

}  // namespace

std::string pty_start_message(const RemoteCommand& command, WindowSize size) {
  json::object out = start_message(command);
  out["cols"] = size.cols;
  out["rows"] = size.rows;
  return json::serialize(out);
}

std::string pty_connect_message(std::string_view tag, std::uint64_t offset) {
  json::object out = message("connect");
  out["tag"] = tag;
  out["offset"] = offset;
  return json::serialize(out);
}

std::string exec_start_message(const RemoteCommand& command, CommandInput input) {
  json::object out = start_message(command);
  out["stdin"] = input == CommandInput::kPipe;
  out["kill_on_close"] = true;
  return json::serialize(out);
}

std::string input_message(std::string_view type, std::string_view bytes) {
  json::object out = message(type);
  out["data"] = base::to_base64(bytes);
  return json::serialize(out);
}

std::string stdin_close_message() {
  return json::serialize(message("stdin_close"));
}

std::string resize_message(WindowSize size) {
  json::object out = message("resize");
  out["cols"] = size.cols;
  out["rows"] = size.rows;
  return json::serialize(out);
}

base::Result<ProcessMessage> parse_process_message(std::string_view text) {
  const auto value = parse_json(text);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return base::fail(Code::kDataLoss, "the API sent what is no message");
  const std::string type = string_field(*object, "type");
  ProcessMessage out;
  out.offset = static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_field(*object, "offset")));
  if (type == "started" || type == "start") {
    out.kind = Kind::kStarted;
    out.tag = string_field(*object, "tag");
  } else if (type == "output" || type == "stdout" || type == "stderr") {
    out.kind = type == "stderr" ? Kind::kStderr : Kind::kStdout;
    WRENN_TRY_ASSIGN(out.data, output_bytes(*object, type));
  } else if (type == "exit") {
    out.kind = Kind::kExit;
    out.exit_code = int_field(*object, "exit_code");
    out.error.message = string_field(*object, "error");
  } else if (type == "error") {
    out.kind = Kind::kError;
    out.error = {code_of(string_field(*object, "code")), string_field(*object, "data")};
    const auto* fatal = object->if_contains("fatal");
    out.is_fatal = fatal != nullptr && fatal->is_bool() && fatal->get_bool();
  }
  return out;
}

}  // namespace wrenn::cli
