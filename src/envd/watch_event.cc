#include "envd/watch_event.h"

#include <sys/inotify.h>

#include <utility>

namespace wrenn::envd {

std::optional<filesystem::EventType> event_type(std::uint32_t mask) {
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) return filesystem::EVENT_TYPE_CREATE;
  if ((mask & IN_MODIFY) != 0) return filesystem::EVENT_TYPE_WRITE;
  if ((mask & (IN_DELETE | IN_DELETE_SELF | IN_UNMOUNT)) != 0) return filesystem::EVENT_TYPE_REMOVE;
  if ((mask & (IN_MOVED_FROM | IN_MOVE_SELF)) != 0) return filesystem::EVENT_TYPE_RENAME;
  if ((mask & IN_ATTRIB) != 0) return filesystem::EVENT_TYPE_CHMOD;
  return std::nullopt;
}

bool WatchEvents::add(std::string name, filesystem::EventType type) {
  if (!batch_.events.empty()) {
    const WatchEvent& last = batch_.events.back();
    if (last.type == type && last.name == name) return true;
  }
  if (batch_.events.size() >= limits_.events || name_bytes_ + name.size() > limits_.name_bytes) {
    batch_.overflow = true;
    return false;
  }
  name_bytes_ += name.size();
  batch_.events.push_back({std::move(name), type});
  return true;
}

void WatchEvents::add(Batch batch) {
  for (WatchEvent& event : batch.events) add(std::move(event.name), event.type);
  if (batch.overflow) add_overflow();
}

WatchEvents::Batch WatchEvents::take() {
  name_bytes_ = 0;
  return std::exchange(batch_, {});
}

}  // namespace wrenn::envd
