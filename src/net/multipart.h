// MultipartParser: takes a multipart/form-data body (RFC 7578) apart as it comes, in constant
// memory. Pure; meets hostile bytes and is fuzzed.
//
//   MultipartParser parser(boundary);
//   while (true) {
//     WRENN_CO_TRY_ASSIGN(auto event, parser.next());
//     if (event.kind == MultipartEvent::Kind::kNeedInput) parser.feed(...);
//     ...
//   }
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::net {

struct PartHead {
  std::string name;                     // Of the form's field.
  std::optional<std::string> filename;  // As sent: it may hold anything, "../x" too.
};

struct MultipartEvent {
  enum class Kind {
    kNeedInput,  // Feed more, or it is an error when there is no more.
    kPart,       // A part begins: `part`.
    kData,       // Some of its content: `data`, never empty, valid until the parser is used again.
    kPartEnd,
    kEnd,  // The closing delimiter was seen; what follows it is nobody's.
  };
  Kind kind = Kind::kNeedInput;
  PartHead part;
  std::string_view data;
};

// The boundary of a Content-Type field; kInvalidArgument when it is another type or has none.
base::Result<std::string> multipart_boundary(std::string_view content_type);

class MultipartParser {
 public:
  explicit MultipartParser(std::string_view boundary);

  // Keeps a copy of the bytes until next() has dealt with them: feed when it asks for input, so
  // that no more than one piece is kept.
  void feed(std::string_view bytes);
  // kInvalidArgument for a body that is not well formed or has over-long part headers. Not to be
  // called again after an error; after kEnd always kEnd.
  base::Result<MultipartEvent> next();

 private:
  enum class State { kBegin, kDelimiter, kHead, kData, kEnd };
  base::Result<MultipartEvent> read_delimiter();
  base::Result<MultipartEvent> read_head();
  MultipartEvent read_data();
  std::string_view rest() const { return std::string_view(bytes_).substr(used_); }

  const std::string delimiter_;  // "\r\n--" and the boundary.
  std::string bytes_;
  std::size_t used_ = 0;
  std::size_t parts_ = 0;
  State state_ = State::kBegin;
};

}  // namespace wrenn::net
