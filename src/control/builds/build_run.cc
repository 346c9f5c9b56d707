#include "control/builds/build_run.h"

#include <algorithm>

#include "base/id.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/requests.h"
#include "control/api/templates.h"
#include "control/builds/build_copy.h"
#include "control/builds/build_steps.h"
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

// A program that still runs after so long is taken for one that goes on.
constexpr auto kStartTime = std::chrono::seconds(2);
constexpr const char* kStartTag = "start";

std::string first_line(const std::string& text) {
  const std::size_t end = text.find('\n');
  return end == std::string::npos ? text : concat(text.substr(0, end), " ...");
}

std::string label_of(const PlannedStage& stage, const PlannedStep& step) {
  const std::string& text = step.instruction->source.text;
  return stage.title.empty() ? text : concat("[", stage.title, "] ", text);
}

}  // namespace

Task<Result<std::string>> BuildRun::run() {
  WRENN_CO_TRY(co_await prepare());
  WRENN_CO_TRY(co_await plan_rest());
  WRENN_CO_TRY(co_await do_stages());
  StageState& state = states_.at(plan_.target);
  WRENN_CO_TRY(co_await ensure_machine(state));
  BuildGuest& guest = **state.machine;
  WRENN_CO_TRY(co_await start_program(guest));
  progress_.cached_steps = progress_.steps - done_;
  co_return co_await publish(guest);
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

Task<Result<std::vector<db::Layer>>> BuildRun::find_layers() {
  std::vector<db::Layer> layers;
  if (!definition_.uses_cache) co_return layers;
  std::set<std::string> keys;
  for (const auto& [index, stage] : stages_) {
    for (const PlannedStep& step : stage.steps) keys.insert(step.key);
  }
  WRENN_CO_TRY_ASSIGN(layers, co_await services_.database_pool.run([&] {
    return services_.layers.find(build_.team_id, {keys.begin(), keys.end()});
  }));
  std::erase_if(layers, [&](const db::Layer& layer) {
    return experience_.silent_hosts.contains(layer.host_id) ||
           !services_.directory.agent(layer.host_id).has_value();
  });
  co_return layers;
}

Task<Result<void>> BuildRun::plan_rest() {
  WRENN_CO_TRY_ASSIGN(auto layers, co_await find_layers());
  while (true) {
    std::map<std::size_t, std::size_t> kept;
    std::map<std::size_t, db::Layer> begins;
    for (const auto& [index, stage] : stages_) {
      for (std::size_t done = stage.steps.size(); done > 0 && !kept.contains(index); --done) {
        const auto layer =
            std::ranges::find(layers, stage.steps[done - 1].key, &db::Layer::cache_key);
        if (layer == layers.end()) continue;
        kept.emplace(index, done);
        begins.emplace(index, *layer);
      }
    }
    works_ = plan_work(plan_, stages_, kept);
    WRENN_CO_TRY_ASSIGN(const auto gone, co_await begin_stages(begins));
    if (gone.empty()) break;
    // One that was cleared away just now: without it there is more to be done.
    std::erase_if(layers, [&](const db::Layer& layer) { return layer.id == gone; });
  }
  for (const StageWork& work : works_) {
    const PlannedStage& stage = stages_.at(work.stage);
    for (std::size_t i = 0; i < work.from; ++i) say_cached(stage, stage.steps[i]);
  }
  co_return {};
}

Task<Result<std::string>> BuildRun::begin_stages(const std::map<std::size_t, db::Layer>& begins) {
  states_.clear();
  for (const StageWork& work : works_) {
    StageState& state = states_[work.stage];
    if (work.from > 0) {
      const db::Layer& layer = begins.at(work.stage);
      WRENN_CO_TRY_ASSIGN(const bool is_there, co_await services_.database_pool.run([&] {
        return services_.layers.touch(layer.id);
      }));
      if (!is_there) co_return layer.id;
      state.last = {layer.id, layer.vcpus, layer.memory_mb, layer.disk_mb, layer.host_id};
    } else if (!work.base) {
      state.last = bases_.at(plan_.stages.at(work.stage).base.name).origin;
    }
  }
  co_return std::string();
}

Task<Result<void>> BuildRun::do_stages() {
  net::TaskScope scope(co_await net::current_context());
  for (const StageWork& work : works_) scope.spawn(work_on(work, scope));
  co_await scope.join();
  if (failure_) co_return base::fail(*std::move(failure_));
  co_return {};
}

// The first that fails ends all; what the others say of that is of no interest.
Task<void> BuildRun::work_on(const StageWork& work, net::TaskScope& scope) {
  auto done = co_await do_stage(work);
  if (done || failure_) co_return;
  failure_ = std::move(done).error();
  scope.request_stop();
}

Task<Result<void>> BuildRun::do_stage(const StageWork& work) {
  StageState& state = states_.at(work.stage);
  if (work.base) {
    WRENN_CO_TRY_ASSIGN(state.last, co_await outcome_of(*work.base, state));
  }
  const PlannedStage& stage = stages_.at(work.stage);
  for (std::size_t i = work.from; i < stage.steps.size(); ++i) {
    WRENN_CO_TRY(co_await do_step(stage, stage.steps[i], state));
  }
  // What the target's machine has become is published.
  if (work.stage != plan_.target) co_await release_machine(state);
  state.is_done = true;
  machines_.changed();
  co_return {};
}

Task<Result<void>> BuildRun::do_step(const PlannedStage& stage, const PlannedStep& step,
                                     StageState& state) {
  if (step.does_something() && definition_.uses_cache) {
    // Stages that begin alike have steps in common, which are done once.
    while (being_made_.contains(step.key)) WRENN_CO_TRY(co_await wait_beside(state));
    if (const auto made = made_.find(step.key); made != made_.end()) {
      co_await release_machine(state);
      state.last = made->second;
      say_cached(stage, step);
      co_return {};
    }
    being_made_.insert(step.key);
  }
  progress_.step = std::max(progress_.step, step.number);
  log_.say(step.number, "step", label_of(stage, step));
  const auto began = base::steady_now();
  auto done = co_await do_action(step, state);
  if (!done) {
    if (!failure_) progress_.step = step.number;
    co_return base::fail(std::move(done).error().with_context(concat(
        "line ", step.instruction->source.line, ", ", first_line(step.instruction->source.text))));
  }
  ++done_;
  if (step.does_something()) {
    WRENN_CO_TRY_ASSIGN(state.last, co_await keep_layer(step, **state.machine));
    made_.insert_or_assign(step.key, state.last);
    being_made_.erase(step.key);
    machines_.changed();
  }
  log_.say(step.number, "done", seconds_text(base::steady_now() - began));
  co_return {};
}

Task<Result<void>> BuildRun::do_action(const PlannedStep& step, StageState& state) {
  if (!step.does_something()) co_return {};
  const auto* files = std::get_if<recipe::CopyFiles>(&step.action);
  if (files != nullptr && (files->copy.from_stage || !files->copy.from_image.empty())) {
    co_return co_await copy_from_elsewhere(*files, state);
  }
  WRENN_CO_TRY(co_await ensure_machine(state));
  if (files == nullptr) co_return co_await do_in_guest(step, **state.machine, log_);
  co_return co_await copy_into(services_, **state.machine, *files,
                               {.index = context_.get(), .fd = context_file_.get()});
}

Task<Result<void>> BuildRun::copy_from_elsewhere(const recipe::CopyFiles& files,
                                                 StageState& state) {
  Origin origin;
  if (files.copy.from_stage) {
    WRENN_CO_TRY_ASSIGN(origin, co_await outcome_of(*files.copy.from_stage, state));
  } else {
    origin = bases_.at(files.copy.from_image).origin;
  }
  std::optional<Machine> source;
  if (state.machine) {
    WRENN_CO_TRY_ASSIGN(source, co_await machines_.try_start(origin));
    // One after the other, where there is no room for two.
    if (!source) co_await release_machine(state);
  }
  if (!source) {
    WRENN_CO_TRY_ASSIGN(source, co_await machines_.start(std::move(origin)));
  }
  WRENN_CO_TRY_ASSIGN(const base::Fd archive, co_await archive_of(services_, **source, files));
  co_await machines_.end(*source);
  WRENN_CO_TRY_ASSIGN(const ContextIndex index, co_await services_.build_pool.run(
                                                    [&] { return read_context(archive.get()); }));
  WRENN_CO_TRY(co_await ensure_machine(state));
  co_return co_await copy_into(services_, **state.machine, files,
                               {.index = &index, .fd = archive.get()});
}

Task<Result<Origin>> BuildRun::outcome_of(std::size_t stage, StageState& state) {
  const StageState& other = states_.at(stage);
  while (!other.is_done) WRENN_CO_TRY(co_await wait_beside(state));
  co_return other.last;
}

Task<Result<void>> BuildRun::wait_beside(StageState& state) {
  if (!state.machine || !machines_.is_wanted()) co_return co_await machines_.wait();
  co_await release_machine(state);
  co_return {};
}

Task<Result<void>> BuildRun::ensure_machine(StageState& state) {
  if (!state.machine) {
    WRENN_CO_TRY_ASSIGN(state.machine, co_await machines_.start(state.last));
  }
  co_return {};
}

// What it has become is kept: another one is made from that when it is needed.
Task<void> BuildRun::release_machine(StageState& state) {
  if (!state.machine) co_return;
  const Machine machine = *std::exchange(state.machine, std::nullopt);
  co_await machines_.end(machine);
}

void BuildRun::say_cached(const PlannedStage& stage, const PlannedStep& step) {
  log_.say(step.number, "cached", label_of(stage, step));
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
