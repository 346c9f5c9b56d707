#include "control/builds/build_run.h"

#include <algorithm>

#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/requests.h"
#include "control/api/templates.h"
#include "control/builds/build_copy.h"
#include "control/builds/image_config_text.h"
#include "control/services.h"
#include "net/scope.h"
#include "recipe/wrenn_recipe.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

constexpr auto kStepLimit = std::chrono::minutes(60);
// How long a build waits for room on a host.
constexpr auto kRoomLimit = std::chrono::minutes(5);
constexpr auto kRoomPause = std::chrono::seconds(3);
// A program that still runs after so long is taken for one that goes on.
constexpr auto kStartTime = std::chrono::seconds(2);
constexpr const char* kStartTag = "start";

// $1 the directory, $2 whose what is made is.
constexpr const char* kMakeDirectory = R"sh(
umask 022
made=
dir=$1
while [ ! -e "$dir" ] && [ ! -L "$dir" ]; do made=$dir; dir=$(dirname -- "$dir"); done
[ -n "$made" ] || exit 0
mkdir -p -- "$1"
chown -R "$2" "$made")sh";

// $1 the user: with a home, and sudo without a password where there is sudo.
constexpr const char* kMakeUser = R"sh(
grep -q "^$1:" /etc/passwd && exit 0
if command -v useradd >/dev/null; then useradd --create-home --shell /bin/sh -- "$1"
else adduser -D -s /bin/sh "$1"
fi
if [ -d /etc/sudoers.d ]; then
  printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$1" >"/etc/sudoers.d/build-$1"
  chmod 0440 "/etc/sudoers.d/build-$1"
fi)sh";

std::string first_line(const std::string& text) {
  const std::size_t end = text.find('\n');
  return end == std::string::npos ? text : concat(text.substr(0, end), " ...");
}

std::string label_of(const PlannedStage& stage, const PlannedStep& step) {
  const std::string& text = step.instruction->source.text;
  return stage.title.empty() ? text : concat("[", stage.title, "] ", text);
}

std::string seconds_text(base::Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto tenths = static_cast<std::int64_t>(seconds * 10 + 0.5);
  return concat(tenths / 10, ".", tenths % 10, " s");
}

}  // namespace

Task<Result<std::string>> BuildRun::run() {
  WRENN_CO_TRY(co_await prepare());
  WRENN_CO_TRY_ASSIGN(Start start, co_await find_start(plan_.target));
  WRENN_CO_TRY_ASSIGN(const Guest guest, co_await start_guest(start.origin));
  Origin last = start.origin;
  WRENN_CO_TRY(co_await do_steps(target(), start, *guest, last));
  WRENN_CO_TRY(co_await start_program(*guest));
  progress_.cached_steps = progress_.steps - done_;
  co_return co_await publish(*guest);
}

Task<void> BuildRun::clear() {
  while (!guests_.empty()) co_await end_guest(guests_.begin());
}

Task<Result<void>> BuildRun::prepare() {
  if (!definition_.context.empty()) {
    const auto read = [&]() -> Result<void> {
      WRENN_TRY_ASSIGN(context_file_, services_.contexts.open(build_.team_id, definition_.context));
      WRENN_TRY_ASSIGN(ContextIndex index, read_context(context_file_.get()));
      context_ = std::make_unique<ContextIndex>(std::move(index));
      return {};
    };
    WRENN_CO_TRY(co_await services_.build_pool.run(read));
  }
  for (const std::string& name : bases_needed(plan_)) {
    WRENN_CO_TRY_ASSIGN(BuildBase base, co_await find_base(name));
    bases_.emplace(name, std::move(base));
  }
  WRENN_CO_TRY_ASSIGN(stages_, plan_stages(plan_, bases_, context_.get()));
  progress_ = {.step = 0, .steps = static_cast<int>(plan_.steps()), .cached_steps = 0};
  co_return {};
}

Result<Origin> BuildRun::with_shape(const std::string& name, Origin origin) const {
  const auto differs = [](const std::optional<int>& asked, int own) {
    return asked && *asked != own;
  };
  if (differs(definition_.vcpus, origin.vcpus) ||
      differs(definition_.memory_mb, origin.memory_mb) ||
      differs(definition_.disk_mb, origin.disk_mb)) {
    return base::fail(
        Code::kInvalidArgument,
        concat("the template ", name, " has ", origin.vcpus, " vcpus, ", origin.memory_mb,
               " memory_mb and ", origin.disk_mb, " disk_mb, and so has all that is made from it"),
        "leave these fields out, or begin with an image");
  }
  return origin;
}

Task<Result<BuildBase>> BuildRun::find_base(std::string name) {
  const auto reference = parse_template(name);
  if (!reference) co_return co_await find_image(std::move(name));
  auto made = co_await services_.database_pool.run(
      [&] { return services_.templates.get(build_.team_id, *reference); });
  if (!made && made.error().code == Code::kNotFound) {
    co_return co_await find_image(reference->tag == db::kLatestTag ? reference->name : name);
  }
  if (!made) co_return base::fail(std::move(made).error());
  WRENN_CO_TRY_ASSIGN(Origin origin, with_shape(name, {made->id, made->vcpus, made->memory_mb,
                                                       made->disk_mb, made->host_id}));
  WRENN_CO_TRY_ASSIGN(recipe::ImageConfig config, parse_image_config(made->config));
  co_return BuildBase{std::move(origin), std::move(config), recipe::base_key("template", made->id)};
}

Task<Result<BuildBase>> BuildRun::find_image(std::string name) {
  const auto images = co_await find_images(services_);
  if (!images) co_return base::fail(Code::kUnavailable, images.error().message);
  const auto found = images->find(name);
  if (found == images->end()) {
    co_return base::fail(
        Code::kNotFound, concat("there is no template '", name, "' to begin with or to copy from"),
        "`wrenn template ls` shows what there is; scripts/rootfs-from-container.sh makes a "
        "template of a container image");
  }
  Origin origin{.name_on_host = name};
  origin.vcpus = definition_.vcpus.value_or(origin.vcpus);
  origin.memory_mb = definition_.memory_mb.value_or(origin.memory_mb);
  origin.disk_mb = definition_.disk_mb.value_or(origin.disk_mb);
  const std::string identity = concat(name, " ", found->second.image_version, " ", origin.vcpus,
                                      " ", origin.memory_mb, " ", origin.disk_mb);
  co_return BuildBase{std::move(origin), {}, recipe::base_key("image", identity)};
}

Task<Result<BuildRun::Start>> BuildRun::find_start(std::size_t stage) {
  const PlannedStage& planned = stages_.at(stage);
  if (definition_.uses_cache) {
    std::vector<std::string> keys;
    for (const PlannedStep& step : planned.steps) keys.push_back(step.key);
    WRENN_CO_TRY_ASSIGN(const auto layers, co_await services_.database_pool.run([&] {
      return services_.layers.find(build_.team_id, keys);
    }));
    for (std::size_t done = planned.steps.size(); done > 0; --done) {
      const auto kept = std::ranges::find_if(layers, [&](const db::Layer& layer) {
        return layer.cache_key == planned.steps[done - 1].key &&
               !experience_.silent_hosts.contains(layer.host_id) &&
               services_.directory.agent(layer.host_id).has_value();
      });
      if (kept == layers.end()) continue;
      WRENN_CO_TRY_ASSIGN(const bool is_there, co_await services_.database_pool.run([&] {
        return services_.layers.touch(kept->id);
      }));
      if (!is_there) continue;
      for (std::size_t i = 0; i < done; ++i) {
        log_.say(planned.steps[i].number, "cached", label_of(planned, planned.steps[i]));
      }
      co_return Start{done,
                      Origin{kept->id, kept->vcpus, kept->memory_mb, kept->disk_mb, kept->host_id}};
    }
  }
  const recipe::Base& base = plan_.stages.at(stage).base;
  if (base.kind != recipe::Base::Kind::kStage) co_return Start{0, bases_.at(base.name).origin};
  WRENN_CO_TRY_ASSIGN(Origin origin, co_await provide(base.stage));
  co_return Start{0, std::move(origin)};
}

Task<Result<Origin>> BuildRun::provide(std::size_t stage) {
  if (const auto known = provided_.find(stage); known != provided_.end()) co_return known->second;
  WRENN_CO_TRY_ASSIGN(Start start, co_await find_start(stage));
  Origin last = start.origin;
  const PlannedStage& planned = stages_.at(stage);
  const bool is_done = std::none_of(planned.steps.begin() + static_cast<std::ptrdiff_t>(start.step),
                                    planned.steps.end(),
                                    [](const PlannedStep& step) { return step.does_something(); });
  if (!is_done) {
    WRENN_CO_TRY_ASSIGN(const Guest guest, co_await start_guest(start.origin));
    WRENN_CO_TRY(co_await do_steps(planned, start, *guest, last));
    co_await end_guest(guest);
  }
  co_return provided_.emplace(stage, std::move(last)).first->second;
}

Task<Result<BuildRun::Guest>> BuildRun::start_guest(Origin origin) {
  const auto until = base::steady_now() + kRoomLimit;
  bool has_said = false;
  while (true) {
    auto guest = co_await BuildGuest::start(services_, build_, origin, definition_.name);
    if (guest) co_return guests_.insert(guests_.end(), *std::move(guest));
    if (guest.error().code != Code::kUnavailable) {
      if (!base::is_id(base::kTemplatePrefix, origin.name_on_host)) {
        co_return base::fail(std::move(guest).error());
      }
      // What was kept may be of no use any more, as after an upgrade of the hypervisor.
      co_await forget_layer(origin);
      co_return base::fail(
          Code::kUnavailable,
          concat("what was kept of an earlier build is of no use: ", guest.error().message));
    }
    if (origin.host_id && base::steady_now() + kRoomPause >= until) {
      experience_.silent_hosts.insert(*origin.host_id);
    }
    if (base::steady_now() >= until) co_return base::fail(std::move(guest).error());
    if (!std::exchange(has_said, true)) {
      log_.say(0, "notice", concat("waiting for a host: ", guest.error().message));
    }
    WRENN_CO_TRY(co_await net::sleep_for(kRoomPause));
  }
}

Task<void> BuildRun::end_guest(Guest guest) {
  co_await guest->destroy();
  guests_.erase(guest);
}

Task<Result<void>> BuildRun::do_steps(const PlannedStage& stage, const Start& start,
                                      BuildGuest& guest, Origin& last) {
  for (std::size_t i = start.step; i < stage.steps.size(); ++i) {
    const PlannedStep& step = stage.steps[i];
    progress_.step = step.number;
    log_.say(step.number, "step", label_of(stage, step));
    const auto began = base::steady_now();
    WRENN_CO_TRY(co_await do_step(step, guest));
    ++done_;
    if (step.does_something()) {
      WRENN_CO_TRY_ASSIGN(last, co_await keep_layer(step, guest));
    }
    log_.say(step.number, "done", seconds_text(base::steady_now() - began));
  }
  co_return {};
}

Task<Result<void>> BuildRun::do_step(const PlannedStep& step, BuildGuest& guest) {
  Result<void> done;
  if (const auto* what = std::get_if<recipe::Execute>(&step.action)) {
    done = co_await execute(*what, step, guest);
  } else if (const auto* launch = std::get_if<recipe::Launch>(&step.action)) {
    done = co_await guest.launch(launch->process, concat("build-", step.number));
  } else if (const auto* files = std::get_if<recipe::CopyFiles>(&step.action)) {
    done = co_await copy(*files, guest);
  } else if (const auto* directory = std::get_if<recipe::MakeDirectory>(&step.action)) {
    auto made = co_await guest.script(kMakeDirectory, {directory->path, directory->owner});
    if (!made) done = base::fail(std::move(made).error());
  } else if (const auto* user = std::get_if<recipe::EnsureUser>(&step.action)) {
    auto made = co_await guest.script(kMakeUser, {user->name});
    if (!made) done = base::fail(std::move(made).error());
  }
  if (done) co_return done;
  co_return base::fail(std::move(done).error().with_context(concat(
      "line ", step.instruction->source.line, ", ", first_line(step.instruction->source.text))));
}

Task<Result<void>> BuildRun::execute(const recipe::Execute& what, const PlannedStep& step,
                                     BuildGuest& guest) {
  if (what.script) {
    const std::string path(recipe::kScriptPath);
    WRENN_CO_TRY(co_await guest.script(R"sh(mkdir -p "$(dirname "$1")")sh", {path}));
    net::StringSource content(*what.script);
    WRENN_CO_TRY(co_await guest.write_file(path, content));
    WRENN_CO_TRY(co_await guest.script(R"sh(chmod 0755 "$1")sh", {path}));
  }
  const auto limit = what.timeout ? std::chrono::ceil<std::chrono::milliseconds>(*what.timeout)
                                  : std::chrono::milliseconds(kStepLimit);
  auto ended = co_await guest.run(what.process, limit, log_, step.number);
  if (!ended && ended.error().code == Code::kDeadlineExceeded) {
    co_return base::fail(Code::kFailedPrecondition,
                         concat("it did not end within ", seconds_text(limit), " and was killed"),
                         "RUN --timeout=... gives it more");
  }
  if (!ended) co_return base::fail(std::move(ended).error());
  if (what.script) {
    WRENN_CO_TRY(co_await guest.script(R"sh(rm -f -- "$1")sh", {std::string(recipe::kScriptPath)}));
  }
  if (ended->code == 0) co_return {};
  co_return base::fail(Code::kFailedPrecondition,
                       ended->error.empty()
                           ? concat("exit status ", ended->code)
                           : concat("exit status ", ended->code, ": ", ended->error));
}

Task<Result<void>> BuildRun::copy(const recipe::CopyFiles& files, BuildGuest& guest) {
  if (files.copy.from_stage || !files.copy.from_image.empty()) {
    co_return co_await copy_from_elsewhere(files, guest);
  }
  co_return co_await copy_into(services_, guest, files,
                               {.index = context_.get(), .fd = context_file_.get()});
}

Task<Result<void>> BuildRun::copy_from_elsewhere(const recipe::CopyFiles& files,
                                                 BuildGuest& guest) {
  Origin origin;
  if (files.copy.from_stage) {
    WRENN_CO_TRY_ASSIGN(origin, co_await provide(*files.copy.from_stage));
  } else {
    origin = bases_.at(files.copy.from_image).origin;
  }
  WRENN_CO_TRY_ASSIGN(const Guest source, co_await start_guest(std::move(origin)));
  WRENN_CO_TRY_ASSIGN(const base::Fd archive, co_await archive_of(services_, *source, files));
  co_await end_guest(source);
  WRENN_CO_TRY_ASSIGN(const ContextIndex index, co_await services_.build_pool.run(
                                                    [&] { return read_context(archive.get()); }));
  co_return co_await copy_into(services_, guest, files, {.index = &index, .fd = archive.get()});
}

Task<Result<Origin>> BuildRun::keep_layer(const PlannedStep& step, BuildGuest& guest) {
  const db::Sandbox& sandbox = guest.sandbox();
  db::Layer layer{.id = base::new_id(base::kTemplatePrefix),
                  .team_id = build_.team_id,
                  .cache_key = step.key,
                  .host_id = guest.host_id(),
                  .vcpus = sandbox.vcpus,
                  .memory_mb = sandbox.memory_mb,
                  .disk_mb = sandbox.disk_mb};
  WRENN_CO_TRY_ASSIGN(layer.size_bytes, co_await guest.snapshot(layer.id, std::nullopt));
  WRENN_CO_TRY(co_await services_.database_pool.run([&]() -> Result<void> {
    WRENN_TRY(services_.layers.put(layer));
    return {};
  }));
  co_return Origin{layer.id, layer.vcpus, layer.memory_mb, layer.disk_mb, layer.host_id};
}

Task<void> BuildRun::forget_layer(const Origin& origin) {
  const auto removed = co_await services_.database_pool.run(
      [&] { return services_.layers.discard(origin.name_on_host); });
  if (!removed) {
    base::log_warn("a layer of no use is not forgotten",
                   {{"layer", origin.name_on_host}, {"error", removed.error()}});
  }
}

std::optional<recipe::Process> BuildRun::program() const {
  const recipe::BuildState& state = *target().end;
  if (!definition_.start_command.empty()) {
    recipe::BuildState with_command = state;
    recipe::Instruction entrypoint{
        .source = {},
        .operation = recipe::Entrypoint{recipe::Command::shell(definition_.start_command)}};
    if (!with_command.apply(entrypoint)) return std::nullopt;
    return with_command.start_process();
  }
  // What the base starts runs there already.
  std::size_t stage = plan_.target;
  while (plan_.stages.at(stage).base.kind == recipe::Base::Kind::kStage) {
    stage = plan_.stages.at(stage).base.stage;
  }
  const recipe::ImageConfig& base = bases_.at(plan_.stages.at(stage).base.name).config;
  if (state.config().entrypoint == base.entrypoint && state.config().cmd == base.cmd) {
    return std::nullopt;
  }
  return state.start_process();
}

Task<Result<void>> BuildRun::start_program(BuildGuest& guest) {
  const auto process = program();
  auto check = target().end->config().ready_check;
  if (!definition_.ready_check.empty()) {
    WRENN_CO_TRY_ASSIGN(check, recipe::parse_ready_check(definition_.ready_check));
  }
  if (process) {
    log_.say(0, "notice", concat("starting ", recipe::command_line(process->argv)));
    auto launched = co_await guest.launch(*process, kStartTag);
    if (!launched) {
      co_return base::fail(std::move(launched).error().with_context("the start command"));
    }
  }
  if (check) co_return co_await wait_until_ready(*check, guest);
  if (!process) co_return {};
  WRENN_CO_TRY(co_await net::sleep_for(kStartTime));
  WRENN_CO_TRY_ASSIGN(const bool runs, co_await guest.is_running(kStartTag));
  if (runs) co_return {};
  co_return base::fail(Code::kFailedPrecondition, "the start command ended at once",
                       "run it with RUN to see what it says; a program that stays is needed");
}

Task<Result<void>> BuildRun::wait_until_ready(const recipe::ReadyCheck& check, BuildGuest& guest) {
  log_.say(0, "notice", "waiting until it is ready");
  recipe::BuildState state = *target().end;
  WRENN_CO_TRY_ASSIGN(
      const recipe::Action action,
      state.apply({.source = {},
                   .operation = recipe::Run{
                       .command = check.command, .script = {}, .timeout = {}, .user = {}}}));
  const auto* execute = std::get_if<recipe::Execute>(&action);
  if (execute == nullptr) co_return base::fail(Code::kInternal, "a ready check runs nothing");
  const auto began = base::steady_now();
  unsigned failures = 0;
  std::string last = "it was not tried";
  while (true) {
    const auto pause = recipe::pause_before_try(check, base::steady_now() - began, failures);
    if (!pause) {
      co_return base::fail(Code::kFailedPrecondition, concat("it did not become ready: ", last),
                           "what the ready check said stands above");
    }
    WRENN_CO_TRY(co_await net::sleep_for(std::chrono::ceil<base::Duration>(*pause)));
    const auto tried = co_await guest.run(
        execute->process, std::chrono::ceil<std::chrono::milliseconds>(check.timeout), log_, 0);
    if (tried && tried->code == 0) co_return {};
    if (!tried && tried.error().code != Code::kDeadlineExceeded) {
      co_return base::fail(tried.error());
    }
    last = tried ? concat("exit status ", tried->code) : "the check took too long";
    if (recipe::failure_counts(check, base::steady_now() - began)) ++failures;
  }
}

Task<Result<std::string>> BuildRun::publish(BuildGuest& guest) {
  const db::Sandbox& sandbox = guest.sandbox();
  recipe::ImageConfig config = target().end->config();
  config.environment = recipe::lasting_environment(config.environment);
  db::Template made{.id = base::new_id(base::kTemplatePrefix),
                    .team_id = build_.team_id,
                    .name = build_.name,
                    .host_id = guest.host_id(),
                    .sandbox_id = sandbox.id,
                    .build_id = build_.id,
                    .vcpus = sandbox.vcpus,
                    .memory_mb = sandbox.memory_mb,
                    .disk_mb = sandbox.disk_mb,
                    .config = to_text(config)};
  WRENN_CO_TRY_ASSIGN(made.size_bytes, co_await guest.snapshot(made.id, std::move(config)));
  WRENN_CO_TRY_ASSIGN(const db::Template kept, co_await services_.database_pool.run([&] {
    return services_.templates.publish(made, build_.tag);
  }));
  log_.say(0, "notice", concat("made ", kept.name, ":", build_.tag, ", version ", kept.version));
  co_return kept.id;
}

}  // namespace wrenn::control
