// EventReader: the events of a process stream, as cheaply as they can be told apart. It counts the
// output rather than keep it, so that the load generator is not what is measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connect/codec.h"

namespace wrenn::bench {

enum class EventKind { kStart, kData, kEnd, kOther, kEndOfStream };

struct Event {
  EventKind kind = EventKind::kOther;
  std::uint32_t pid = 0;         // Of a start event.
  std::size_t output_bytes = 0;  // Of a data event, decoded.
  std::int32_t exit_code = 0;    // Of an end event.
  std::string error;             // Of the end of a stream that failed.
};

// Takes bytes as they come. For answers of agents that were chosen, not for hostile ones.
class EventReader {
 public:
  explicit EventReader(connect::Codec codec) : codec_(codec) {}

  void add(std::string_view bytes) { bytes_.append(bytes); }
  // Nothing when more bytes are needed.
  std::optional<Event> next();

 private:
  connect::Codec codec_;
  std::string bytes_;
  std::size_t used_ = 0;
};

}  // namespace wrenn::bench
