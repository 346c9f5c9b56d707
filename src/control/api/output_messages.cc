#include "control/api/output_messages.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

json::object message(std::string_view type) {
  json::object out;
  out["type"] = type;
  return out;
}

}  // namespace

std::string pty_started_message(std::string_view tag, std::uint32_t pid, std::uint64_t offset) {
  json::object out = message("started");
  out["tag"] = tag;
  out["pid"] = pid;
  out["offset"] = offset;
  return json::serialize(out);
}

std::string pty_output_message(std::string_view bytes, std::uint64_t offset) {
  json::object out = message("output");
  out["data"] = base::to_base64(bytes);
  out["offset"] = offset;
  return json::serialize(out);
}

std::string exec_start_message(std::string_view tag, std::uint32_t pid, std::uint64_t offset) {
  json::object out = message("start");
  out["pid"] = pid;
  if (!tag.empty()) out["tag"] = tag;
  out["offset"] = offset;
  return json::serialize(out);
}

std::string exec_output_message(OutputKind kind, std::string_view bytes, std::uint64_t offset) {
  json::object out = message(kind == OutputKind::kStdout ? "stdout" : "stderr");
  if (base::is_valid_utf8(bytes)) {
    out["data"] = bytes;
  } else {
    out["data"] = base::to_base64(bytes);
    out["encoding"] = "base64";
  }
  out["offset"] = offset;
  return json::serialize(out);
}

std::string exit_message(int exit_code, std::string_view error) {
  json::object out = message("exit");
  out["exit_code"] = exit_code;
  if (!error.empty()) out["error"] = error;
  return json::serialize(out);
}

std::string error_message(const ApiError& error, Severity severity) {
  json::object out = message("error");
  out["code"] = wire_name(error.code);
  out["data"] = base::is_valid_utf8(error.message) ? error.message : "the host failed";
  if (severity == Severity::kFatal) out["fatal"] = true;
  return json::serialize(out);
}

std::string ping_message() {
  return json::serialize(message("ping"));
}

std::size_t unfinished_character(std::string_view bytes) {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;  // Inside a character: its first byte is further ahead.
    const std::size_t size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? back : 0;
  }
  return 0;
}

std::vector<std::string> TextOutput::add(OutputKind kind, std::string_view bytes,
                                         std::uint64_t offset) {
  std::vector<std::string> messages;
  if (bytes.empty()) return messages;
  if (!held_.empty() && kind != kind_) messages = flush();
  kind_ = kind;
  std::string joined;
  if (!held_.empty()) {
    offset = held_offset_;
    joined = std::exchange(held_, {});
    joined += bytes;
    bytes = joined;
  }
  const std::size_t unfinished = unfinished_character(bytes);
  const std::string_view whole = bytes.substr(0, bytes.size() - unfinished);
  if (unfinished > 0 && base::is_valid_utf8(whole)) {
    held_ = bytes.substr(whole.size());
    held_offset_ = offset + whole.size();
    bytes = whole;
  }
  if (!bytes.empty()) messages.push_back(exec_output_message(kind, bytes, offset));
  return messages;
}

std::vector<std::string> TextOutput::flush() {
  if (held_.empty()) return {};
  return {exec_output_message(kind_, std::exchange(held_, {}), held_offset_)};
}

}  // namespace wrenn::control
