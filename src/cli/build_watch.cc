#include "cli/build_watch.h"

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "cli/table.h"
#include "cli/templates.h"

namespace wrenn::cli {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

constexpr auto kFrame = std::chrono::milliseconds(100);

}  // namespace

BuildWatch::BuildWatch(ApiClient& api, const Console& console, Options options,
                       net::Signals* signals)
    : api_(api), console_(console), options_(std::move(options)), signals_(signals) {}

void BuildWatch::say(std::string_view line) {
  if (display_) {
    display_->say(line);
  } else {
    console_.say(line);
  }
}

void BuildWatch::open_display() {
  if (options_.form == Form::kJson) return;
  display_.emplace(console_, options_.view, options_.target, options_.steps);
}

BuildListener BuildWatch::listener() {
  return {.on_line = [this](std::string_view json, const BuildLine& line) -> Result<void> {
            if (options_.form == Form::kJson) return console_.out(concat(json, '\n'));
            return display_->add(line);
          },
          .on_note = [this](std::string_view text) { say(console_.err_paint.yellow(text)); }};
}

Task<void> BuildWatch::keep_moving() {
  while (co_await net::sleep_for(kFrame)) display_->tick();
}

// Also one that was over in this moment has an end, which the log tells.
Task<void> BuildWatch::cancel() {
  const auto canceled = co_await api_.call(
      "POST", concat("/v1/builds/", base::percent_encode(options_.build_id), "/cancel"));
  if (canceled || canceled.error().code == Code::kFailedPrecondition ||
      canceled.error().code == Code::kCanceled) {
    co_return;
  }
  say(concat(console_.err_paint.red("error:"),
             " it could not be canceled: ", printable(canceled.error().to_string())));
}

Task<void> BuildWatch::watch_signals(net::TaskScope* scope) {
  while (co_await signals_->next()) {
    if (has_canceled_) {
      has_left_ = true;
      leaving_->request_stop();
      co_return;
    }
    has_canceled_ = true;
    say(console_.err_paint.yellow("canceling the build; once more leaves at once"));
    scope->spawn(cancel());
  }
}

Task<Result<int>> BuildWatch::run() {
  const net::Context context = co_await net::current_context();
  open_display();
  leaving_.emplace(context.stop);
  BuildFollower follower(api_, options_.build_id, listener(), options_.limits);
  net::TaskScope scope(*context.loop, context.stop);
  if (signals_ != nullptr) scope.spawn(watch_signals(&scope));
  if (display_ && display_->moves()) scope.spawn(keep_moving());
  auto build = co_await net::with_stop(leaving_->token(), follower.follow());
  scope.request_stop();
  co_await scope.join();
  if (display_) display_->close();
  if (has_left_) {
    console_.say(concat("left; `wrenn template logs --follow ", options_.build_id,
                        "` shows how it goes on"));
    co_return kInterrupted;
  }
  if (!build) co_return base::fail(std::move(build).error());
  co_return co_await finish(*std::move(build));
}

Task<Result<int>> BuildWatch::show_log() {
  open_display();
  BuildFollower follower(api_, options_.build_id, listener(), options_.limits);
  auto read = co_await follower.read();
  if (display_) display_->close();
  if (!read) co_return base::fail(std::move(read).error());
  if (display_ && !display_->progress().error().empty()) {
    console_.report({Code::kFailedPrecondition, printable(display_->progress().error())});
  }
  co_return 0;
}

// The version is told by the template alone; 0 when it cannot be found out.
Task<std::int64_t> BuildWatch::version_of(std::string build_id) {
  const auto reply = co_await api_.call("GET", "/v1/snapshots?type=snapshot");
  if (!reply) co_return 0;
  const auto templates = parse_template_list(*reply);
  if (!templates) co_return 0;
  for (const Template& one : *templates) {
    if (one.build_id == build_id) co_return one.version;
  }
  co_return 0;
}

Task<Result<int>> BuildWatch::finish_ready(const Build& build) {
  if (options_.form == Form::kJson) co_return 0;
  const std::int64_t version = co_await version_of(build.id);
  console_.say(console_.err_paint.green(built_line(build, version)));
  if (options_.target == BuildDisplay::Target::kStandardOutput) co_return 0;
  const std::string name = printable(build.name);
  const std::string tagged = concat(name, ':', printable(build.tag));
  WRENN_CO_TRY(console_.out(concat(version > 0 ? concat(name, '@', version) : tagged, '\n')));
  if (console_.err_is_terminal) {
    console_.say(console_.err_paint.dim(concat("next: wrenn sandbox create --template ", tagged)));
  }
  co_return 0;
}

Task<Result<int>> BuildWatch::finish(Build build) {
  if (build.status == "ready") co_return co_await finish_ready(build);
  if (build.status == "canceled") {
    console_.say(console_.err_paint.yellow("the build was canceled"));
    co_return has_canceled_ ? kInterrupted : kFailed;
  }
  if (display_) {
    const std::string step = display_->progress().failed_step();
    if (!step.empty()) console_.say(base::trim(step));
  }
  console_.report({Code::kFailedPrecondition, build.error.empty()
                                                  ? concat("the build is ", printable(build.status))
                                                  : printable(build.error)});
  co_return kFailed;
}

}  // namespace wrenn::cli
