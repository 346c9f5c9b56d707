// BuildRun: one build from its definition to the template. Stages that are not needed, or whose
// outcome is kept already, are not done.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/builds/build_definition.h"
#include "control/builds/build_guest.h"
#include "control/builds/build_log.h"
#include "control/builds/build_machines.h"
#include "control/builds/build_stages.h"
#include "db/build_store.h"
#include "db/layer_store.h"
#include "net/scope.h"

namespace wrenn::control {

struct Services;

// For one loop. Everything outlives it.
class BuildRun {
 public:
  BuildRun(Services& services, const db::Build& build, const BuildDefinition& definition,
           const recipe::BuildPlan& plan, BuildLog& log, db::BuildProgress& progress,
           BuildExperience& experience)
      : services_(services),
        build_(build),
        definition_(definition),
        plan_(plan),
        log_(log),
        progress_(progress),
        experience_(experience),
        machines_(services, build, definition.name, log, experience) {}

  // The id of the template. kUnavailable: another run may succeed. Other errors are the build's own
  // and say what to do.
  net::Task<base::Result<std::string>> run();
  // Ends its sandboxes. To be called at the end, whatever that was.
  net::Task<void> clear() { return machines_.clear(); }

 private:
  using Machine = BuildMachines::Machine;
  struct StageState {
    Origin last;  // What it has come to so far; a machine can be made from that.
    std::optional<Machine> machine;
    bool is_done = false;
  };

  net::Task<base::Result<void>> prepare();
  net::Task<base::Result<BuildBase>> find_base(std::string name);
  net::Task<base::Result<BuildBase>> find_image(std::string name);
  base::Result<Origin> with_shape(const std::string& name, Origin origin) const;

  net::Task<base::Result<std::vector<db::Layer>>> find_layers();
  net::Task<base::Result<void>> plan_rest();
  // The id of a layer that is not there any more; empty: all can begin. `begins`: by stage.
  net::Task<base::Result<std::string>> begin_stages(const std::map<std::size_t, db::Layer>& begins);

  // Stages side by side. What waits for another stage, or for its turn, gives its machine back when
  // that is wanted, and goes on from its last layer.
  net::Task<base::Result<void>> do_stages();
  net::Task<void> work_on(const StageWork& work, net::TaskScope& scope);
  net::Task<base::Result<void>> do_stage(const StageWork& work);
  net::Task<base::Result<void>> do_step(const PlannedStage& stage, const PlannedStep& step,
                                        StageState& state);
  net::Task<base::Result<void>> do_action(const PlannedStep& step, StageState& state);
  net::Task<base::Result<void>> copy_from_elsewhere(const recipe::CopyFiles& files,
                                                    StageState& state);
  net::Task<base::Result<Origin>> keep_layer(const PlannedStep& step, BuildGuest& guest);

  // What that stage comes to, when it is done; `state` is of the one that asks.
  net::Task<base::Result<Origin>> outcome_of(std::size_t stage, StageState& state);
  net::Task<base::Result<void>> wait_beside(StageState& state);
  net::Task<base::Result<void>> ensure_machine(StageState& state);
  net::Task<void> release_machine(StageState& state);
  void say_cached(const PlannedStage& stage, const PlannedStep& step);

  net::Task<base::Result<void>> start_program(BuildGuest& guest);
  net::Task<base::Result<void>> wait_until_ready(const recipe::ReadyCheck& check,
                                                 BuildGuest& guest);
  std::optional<recipe::Process> program() const;
  net::Task<base::Result<std::string>> publish(BuildGuest& guest);

  const PlannedStage& target() const { return stages_.at(plan_.target); }

  Services& services_;
  const db::Build& build_;
  const BuildDefinition& definition_;
  const recipe::BuildPlan& plan_;
  BuildLog& log_;
  db::BuildProgress& progress_;
  BuildExperience& experience_;

  base::Fd context_file_;
  std::unique_ptr<ContextIndex> context_;
  BuildBases bases_;
  PlannedStages stages_;
  std::vector<StageWork> works_;
  std::map<std::size_t, StageState> states_;
  std::map<recipe::LayerKey, Origin> made_;  // Steps of this run.
  std::set<recipe::LayerKey> being_made_;
  std::optional<base::Error> failure_;  // The first.
  BuildMachines machines_;
  int done_ = 0;  // Steps that were not kept already.
};

}  // namespace wrenn::control
