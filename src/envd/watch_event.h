// What a watcher is told, and how many such events are kept for one that is not listening.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/filesystem.pb.h"

namespace wrenn::envd {

struct WatchEvent {
  std::string name;  // Relative to the watched directory, which itself is ".". Bytes, not text.
  filesystem::EventType type;
  bool operator==(const WatchEvent&) const = default;
};

// What the kernel's inotify mask means on the wire; nothing for what nobody is told. An entry that
// is moved away is a RENAME of its old name, one that is moved here a CREATE. Pure.
std::optional<filesystem::EventType> event_type(std::uint32_t mask);

// Bounded: what does not fit any more is lost, and the queue says so. An event like the last one is
// kept once. Not thread-safe.
class WatchEvents {
 public:
  struct Limits {
    std::size_t events;
    std::size_t name_bytes;
  };
  struct Batch {
    std::vector<WatchEvent> events;
    bool overflow = false;  // Events were lost, between these or after them.
  };

  explicit WatchEvents(Limits limits) : limits_(limits) {}

  // False when it is lost.
  bool add(std::string name, filesystem::EventType type);
  void add(Batch batch);
  void add_overflow() { batch_.overflow = true; }
  bool empty() const { return batch_.events.empty() && !batch_.overflow; }
  // Empties the queue.
  Batch take();

 private:
  const Limits limits_;
  Batch batch_;
  std::size_t name_bytes_ = 0;
};

}  // namespace wrenn::envd
