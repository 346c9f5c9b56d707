// OpenSockets: the WebSockets of the API, or other connections that stay open: how many each team
// has, and how all are told to end.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "net/stop.h"

namespace wrenn::control {

// For the API's loop.
class OpenSockets {
 public:
  static constexpr std::size_t kMaxPerTeam = 256;

  explicit OpenSockets(std::size_t max_per_team = kMaxPerTeam) : max_per_team_(max_per_team) {}

  // Counts as one socket of its team for as long as it lives.
  class Place {
   public:
    Place(OpenSockets& sockets, std::string team) : sockets_(&sockets), team_(std::move(team)) {
      ++sockets.counts_[team_];
    }
    Place(Place&& other) noexcept
        : sockets_(std::exchange(other.sockets_, nullptr)), team_(std::move(other.team_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (sockets_ == nullptr) return;
      const auto count = sockets_->counts_.find(team_);
      if (--count->second == 0) sockets_->counts_.erase(count);
    }

   private:
    OpenSockets* sockets_;
    std::string team_;
  };

  // Nothing when the team has as many as it may.
  std::optional<Place> take(const std::string& team) {
    const auto count = counts_.find(team);
    if (count != counts_.end() && count->second >= max_per_team_) return std::nullopt;
    return std::optional<Place>(std::in_place, *this, team);
  }

  // Fires when the control plane stops.
  net::StopToken closing() { return closing_.token(); }
  void close_all() { closing_.request_stop(); }

 private:
  const std::size_t max_per_team_;
  std::map<std::string, std::size_t> counts_;
  net::StopSource closing_;
};

}  // namespace wrenn::control
