#include "cli/exec_stream.h"

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"

namespace wrenn::cli {
namespace {

ExecEvent::Kind kind_of(std::string_view type) {
  using Kind = ExecEvent::Kind;
  if (type == "start") return Kind::kStart;
  if (type == "stdout") return Kind::kStdout;
  if (type == "stderr") return Kind::kStderr;
  if (type == "exit") return Kind::kExit;
  if (type == "error") return Kind::kError;
  return Kind::kUnknown;
}

std::unexpected<base::Error> broken() {
  return base::fail(base::Code::kDataLoss, "the stream of the command's output is damaged");
}

}  // namespace

base::Result<void> LineSplitter::feed(std::string_view bytes) {
  buffer_.erase(0, used_);
  used_ = 0;
  if (buffer_.size() + bytes.size() > kMaxLine) {
    return base::fail(base::Code::kDataLoss, "a line of the command's output stream is too long");
  }
  buffer_ += bytes;
  return {};
}

std::optional<std::string_view> LineSplitter::next() {
  const auto end = buffer_.find('\n', used_);
  if (end == std::string::npos) return std::nullopt;
  const std::string_view line = std::string_view(buffer_).substr(used_, end - used_);
  used_ = end + 1;
  return line;
}

base::Result<ExecEvent> parse_exec_event(std::string_view line) {
  const auto value = parse_json(line);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return broken();
  ExecEvent event;
  event.kind = kind_of(string_field(*object, "type"));
  switch (event.kind) {
    case ExecEvent::Kind::kStdout:
    case ExecEvent::Kind::kStderr: {
      auto data = base::from_base64(string_field(*object, "data"));
      if (!data) return broken();
      event.data = std::move(*data);
      break;
    }
    case ExecEvent::Kind::kExit:
      event.exit_code = int_field(*object, "exit_code", -1);
      event.error.message = string_field(*object, "error");
      break;
    case ExecEvent::Kind::kError:
      event.error.code = base::code_from_name(string_field(*object, "code"));
      event.error.message = string_field(*object, "message");
      if (event.error.message.empty()) event.error.message = "the command failed";
      break;
    case ExecEvent::Kind::kStart:
    case ExecEvent::Kind::kUnknown:
      break;
  }
  return event;
}

int exit_status_of(std::int64_t exit_code) {
  return exit_code >= 0 && exit_code <= 255 ? static_cast<int>(exit_code) : 255;
}

}  // namespace wrenn::cli
