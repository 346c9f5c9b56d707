#include "control/api/client_messages.h"

#include <limits>

#include "base/strings.h"
#include "control/api/json_fields.h"

namespace wrenn::control {
namespace {

using base::concat;
using Kind = ClientInput::Kind;

constexpr std::size_t kMaxToken = 4096;
constexpr std::int64_t kMaxCells = 65535;
constexpr std::string_view kWhat = "message";

std::string type_of(JsonFields& fields) {
  return fields.text("type", {Presence::kRequired, 64});
}

std::uint32_t cells(JsonFields& fields, std::string_view name, std::int64_t fallback) {
  return static_cast<std::uint32_t>(fields.integer(name, {1, kMaxCells, fallback}));
}

Answer<StartParams> start_params(JsonFields& fields, std::string_view default_cmd) {
  const Presence presence = default_cmd.empty() ? Presence::kRequired : Presence::kOptional;
  StartParams start{read_command(fields, presence)};
  if (start.cmd.empty()) start.cmd = default_cmd;
  start.cols = cells(fields, "cols", start.cols);
  start.rows = cells(fields, "rows", start.rows);
  start.has_stdin = fields.boolean("stdin", start.has_stdin);
  start.kill_on_close = fields.boolean("kill_on_close", start.kill_on_close);
  API_TRY(fields.status());
  return start;
}

enum class Named { kByTag, kByTagOrPid };

Answer<AttachParams> attach_params(JsonFields& fields, Named named) {
  AttachParams attach;
  const bool has_pid = named == Named::kByTagOrPid && fields.has("pid");
  if (has_pid) {
    attach.process.pid = static_cast<std::uint32_t>(
        fields.integer("pid", {1, std::numeric_limits<std::uint32_t>::max(), 0}));
    if (attach.process.pid == 0) fields.fail("pid must not be 0");
  } else {
    attach.process.tag = fields.text("tag", {Presence::kRequired, 256});
  }
  if (fields.has("offset")) {
    attach.offset = static_cast<std::uint64_t>(
        fields.integer("offset", {0, std::numeric_limits<std::int64_t>::max(), 0}));
  }
  API_TRY(fields.status());
  return attach;
}

Answer<OpeningMessage> parse_opening(std::string_view text, std::string_view default_cmd,
                                     Named named) {
  JsonFields fields(text, kWhat);
  const std::string type = type_of(fields);
  if (type == "start") {
    API_TRY_ASSIGN(StartParams start, start_params(fields, default_cmd));
    return start;
  }
  if (type == "connect") {
    API_TRY_ASSIGN(AttachParams attach, attach_params(fields, named));
    return attach;
  }
  fields.fail(R"(the first message must be {"type":"start",...} or {"type":"connect",...})");
  API_TRY(fields.status());
  return StartParams();
}

std::string decoded_data(JsonFields& fields) {
  const std::string text = fields.text("data", {Presence::kOptional, kMaxSocketMessage});
  auto bytes = base::from_base64(text);
  if (!bytes) fields.fail("data must be base64, with its padding");
  return std::move(bytes).value_or("");
}

}  // namespace

Answer<std::string> parse_auth_message(std::string_view text) {
  JsonFields fields(text, kWhat);
  if (type_of(fields) != "auth") {
    fields.fail(
        "the first message must be {\"type\":\"auth\",\"token\":KEY}, unless the key is in the "
        "X-API-Key header");
  }
  std::string token = fields.text("token", {Presence::kRequired, kMaxToken});
  if (auto status = fields.status(); !status) {
    return refuse(ApiCode::kUnauthorized, status.error().message);
  }
  return token;
}

bool is_auth_message(std::string_view text) {
  JsonFields fields(text, kWhat);
  return type_of(fields) == "auth" && fields.status();
}

Answer<OpeningMessage> parse_pty_opening(std::string_view text) {
  return parse_opening(text, "/bin/bash", Named::kByTag);
}

Answer<OpeningMessage> parse_exec_opening(std::string_view text) {
  return parse_opening(text, "", Named::kByTagOrPid);
}

Answer<std::optional<std::uint64_t>> parse_offset(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (const auto offset = base::parse_int<std::uint64_t>(text)) return *offset;
  return refuse(ApiCode::kInvalidRequest, "offset must be a whole number, 0 or more");
}

Answer<ClientInput> parse_pty_input(std::string_view text) {
  JsonFields fields(text, kWhat);
  const std::string type = type_of(fields);
  ClientInput input;
  if (type == "input") {
    input.kind = Kind::kData;
    input.data = decoded_data(fields);
  } else if (type == "resize") {
    input.kind = Kind::kResize;
    input.cols = cells(fields, "cols", 0);
    input.rows = cells(fields, "rows", 0);
    if (input.cols == 0 || input.rows == 0) {
      fields.fail(concat("cols and rows must be whole numbers from 1 to ", kMaxCells));
    }
  } else if (type == "kill") {
    input.kind = Kind::kKill;
  }
  API_TRY(fields.status());
  return input;
}

Answer<ClientInput> parse_exec_input(std::string_view text) {
  JsonFields fields(text, kWhat);
  const std::string type = type_of(fields);
  ClientInput input;
  if (type == "stdin") {
    input.kind = Kind::kData;
    input.data = decoded_data(fields);
  } else if (type == "stdin_close") {
    input.kind = Kind::kCloseStdin;
  } else if (type == "kill") {
    input.kind = Kind::kKill;
  } else if (type == "stop") {
    input.kind = Kind::kStop;
  }
  API_TRY(fields.status());
  return input;
}

}  // namespace wrenn::control
