// BuildWatch: shows a build until it is over, and cancels it on Ctrl-C.
#pragma once

#include <optional>
#include <string>

#include "cli/api_client.h"
#include "cli/build_display.h"
#include "cli/build_follower.h"
#include "cli/console.h"
#include "net/scope.h"
#include "net/signals.h"

namespace wrenn::cli {

// For one loop, and one build.
class BuildWatch {
 public:
  struct Options {
    std::string build_id;
    ProgressView view = ProgressView::kPlain;
    std::int64_t steps = 0;   // 0: not known.
    Form form = Form::kText;  // kJson: the lines of the log go to standard output as they are.
    // Of a log that was asked for; progress goes to standard error, what was made to standard
    // output.
    BuildDisplay::Target target = BuildDisplay::Target::kStandardError;
    FollowLimits limits{};
  };
  // All outlive it. `signals`: what cancels the build; null: nothing does.
  BuildWatch(ApiClient& api, const Console& console, Options options, net::Signals* signals);

  // The exit status: 0 when there is a template, whose NAME@VERSION is printed; kFailed, with the
  // reason shown; kInterrupted when it was canceled from here, or left.
  net::Task<base::Result<int>> run();
  // Only what the log has by now.
  net::Task<base::Result<int>> show_log();

 private:
  BuildListener listener();
  net::Task<void> watch_signals(net::TaskScope* scope);
  net::Task<void> cancel();
  net::Task<void> keep_moving();
  net::Task<base::Result<int>> finish(Build build);
  net::Task<base::Result<int>> finish_ready(const Build& build);
  net::Task<std::int64_t> version_of(std::string build_id);
  void open_display();
  void say(std::string_view line);

  ApiClient& api_;
  const Console& console_;
  const Options options_;
  net::Signals* const signals_;
  std::optional<BuildDisplay> display_;  // None: kJson.
  std::optional<net::StopSource> leaving_;
  bool has_canceled_ = false;
  bool has_left_ = false;
};

}  // namespace wrenn::cli
