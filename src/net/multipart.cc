#include "net/multipart.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::Code;
using Kind = MultipartEvent::Kind;

constexpr std::size_t kMaxBoundary = 70;  // RFC 2046 section 5.1.1
constexpr std::size_t kMaxPartHead = 8 * 1024;
constexpr std::size_t kMaxParts = 1000;
constexpr std::size_t kMaxPadding = 256;

// What stands before the first ';' that is outside quotes, and what after it.
std::string_view take_parameter(std::string_view& text) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ';' && !quoted) {
      break;
    }
  }
  const std::string_view first = text.substr(0, std::min(i, text.size()));
  text.remove_prefix(std::min(i + 1, text.size()));
  return base::trim(first);
}

// A token, or a quoted string with its backslashes taken off.
std::string unquote(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    // Browsers escape only the quote itself; a lone backslash belongs to a Windows file name.
    const bool escapes =
        value[i] == '\\' && i + 1 < value.size() && (value[i + 1] == '"' || value[i + 1] == '\\');
    if (escapes) ++i;
    out += value[i];
  }
  return out;
}

std::optional<std::string> find_parameter(std::string_view parameters, std::string_view name) {
  while (!parameters.empty()) {
    const std::string_view parameter = take_parameter(parameters);
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (base::equal_ignore_case(base::trim(parameter.substr(0, equals)), name)) {
      return unquote(base::trim(parameter.substr(equals + 1)));
    }
  }
  return std::nullopt;
}

base::Result<PartHead> parse_part_head(std::string_view lines) {
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      return base::fail(Code::kInvalidArgument, "a header line of a form field has no colon");
    }
    if (!base::equal_ignore_case(base::trim(line.substr(0, colon)), "content-disposition"))
      continue;
    std::string_view parameters = line.substr(colon + 1);
    if (!base::equal_ignore_case(take_parameter(parameters), "form-data")) break;
    auto name = find_parameter(parameters, "name");
    if (!name) break;
    return PartHead{std::move(*name), find_parameter(parameters, "filename")};
  }
  return base::fail(Code::kInvalidArgument, "a field of the form has no name",
                    "each needs Content-Disposition: form-data; name=\"...\"");
}

}  // namespace

base::Result<std::string> multipart_boundary(std::string_view content_type) {
  const std::string_view type = take_parameter(content_type);
  if (!base::equal_ignore_case(type, "multipart/form-data")) {
    return base::fail(Code::kInvalidArgument, "the body is not a form",
                      "send it as multipart/form-data, as curl -F does");
  }
  auto boundary = find_parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("Content-Type: multipart/form-data needs a boundary of 1 to ",
                                   kMaxBoundary, " characters"));
  }
  return std::move(*boundary);
}

// The body is read as if a line end stood before it, so that the first delimiter is like the
// others.
MultipartParser::MultipartParser(std::string_view boundary)
    : delimiter_(base::concat("\r\n--", boundary)), bytes_("\r\n") {}

void MultipartParser::feed(std::string_view bytes) {
  bytes_.erase(0, used_);
  used_ = 0;
  bytes_.append(bytes);
}

base::Result<MultipartEvent> MultipartParser::next() {
  switch (state_) {
    case State::kBegin: {
      const std::string_view seen = rest().substr(0, delimiter_.size());
      if (!delimiter_.starts_with(seen)) {
        return base::fail(Code::kInvalidArgument, "the form does not begin with its boundary");
      }
      if (seen.size() < delimiter_.size()) return MultipartEvent{};
      used_ += delimiter_.size();
      state_ = State::kDelimiter;
      return read_delimiter();
    }
    case State::kDelimiter:
      return read_delimiter();
    case State::kHead:
      return read_head();
    case State::kData:
      return read_data();
    case State::kEnd:
      break;
  }
  return MultipartEvent{.kind = Kind::kEnd};
}

base::Result<MultipartEvent> MultipartParser::read_delimiter() {
  const std::string_view after = rest();
  if (after.starts_with("--")) {
    state_ = State::kEnd;
    return MultipartEvent{.kind = Kind::kEnd};
  }
  if (after.size() < 2) return MultipartEvent{};
  const auto text = after.find_first_not_of(" \t");
  if (text == std::string_view::npos || after.substr(text) == "\r") {
    if (after.size() <= kMaxPadding) return MultipartEvent{};
  } else if (after.substr(text).starts_with("\r\n") && text <= kMaxPadding) {
    // The line end stays: a part without headers then ends in an empty line like any other.
    used_ += text;
    state_ = State::kHead;
    return read_head();
  }
  return base::fail(Code::kInvalidArgument, "a boundary of the form is followed by something else");
}

base::Result<MultipartEvent> MultipartParser::read_head() {
  const std::string_view after = rest();
  const auto end = after.find("\r\n\r\n");
  if (std::min(end, after.size()) > kMaxPartHead) {
    return base::fail(Code::kInvalidArgument, "the headers of a form field are too long");
  }
  if (end == std::string_view::npos) return MultipartEvent{};
  if (++parts_ > kMaxParts) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("the form has more than ", kMaxParts, " fields"));
  }
  const std::string_view lines = end == 0 ? std::string_view() : after.substr(2, end - 2);
  WRENN_TRY_ASSIGN(PartHead head, parse_part_head(lines));
  used_ += end + 4;
  state_ = State::kData;
  return MultipartEvent{.kind = Kind::kPart, .part = std::move(head)};
}

MultipartEvent MultipartParser::read_data() {
  const std::string_view after = rest();
  const auto at = after.find(delimiter_);
  if (at == 0) {
    used_ += delimiter_.size();
    state_ = State::kDelimiter;
    return {.kind = Kind::kPartEnd};
  }
  // The end of the buffer may be the first half of a delimiter.
  const std::size_t kept = delimiter_.size() - 1;
  const std::size_t ready =
      at != std::string_view::npos ? at : after.size() - std::min(after.size(), kept);
  if (ready == 0) return {};
  used_ += ready;
  return {.kind = Kind::kData, .data = after.substr(0, ready)};
}

}  // namespace wrenn::net
