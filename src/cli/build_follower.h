// BuildFollower: the log of a build as it comes, over as many connections as it takes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/api_client.h"
#include "cli/builds.h"
#include "net/task.h"

namespace wrenn::cli {

// Called back on the follower's loop, in order. An error ends the following.
struct BuildListener {
  // `json`: the line as the API has it, without its end.
  std::function<base::Result<void>(std::string_view json, const BuildLine& line)> on_line;
  // What happens to the connection, for people.
  std::function<void(std::string_view text)> on_note;
};

struct FollowLimits {
  // How long a lost connection is tried to be made again.
  base::Duration give_up = std::chrono::minutes(2);
  base::Duration first_pause = std::chrono::milliseconds(200);
  // The API says something every 15 s.
  base::Duration silence = std::chrono::seconds(60);
};

// For one loop. `api` outlives it.
class BuildFollower {
 public:
  BuildFollower(ApiClient& api, std::string build_id, BuildListener listener,
                FollowLimits limits = {})
      : api_(api),
        build_id_(std::move(build_id)),
        listener_(std::move(listener)),
        limits_(limits) {}

  // Every line up to the end of the build, each once, and the build as it is then. kUnavailable
  // when the API is gone for longer than limits.give_up.
  net::Task<base::Result<Build>> follow();
  // The lines that there are now.
  net::Task<base::Result<void>> read();

 private:
  // The build, if it ended.
  net::Task<base::Result<std::optional<Build>>> read_stream(bool is_following);
  base::Result<std::optional<Build>> take(std::string_view json);

  ApiClient& api_;
  const std::string build_id_;
  const BuildListener listener_;
  const FollowLimits limits_;
  std::int64_t after_ = 0;  // The number of the last line.
  std::optional<base::SteadyTime> lost_since_;
};

}  // namespace wrenn::cli
