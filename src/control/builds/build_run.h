// BuildRun: one build from its definition to the template. Stages that are not needed, or whose
// outcome is kept already, are not done.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "control/builds/build_definition.h"
#include "control/builds/build_guest.h"
#include "control/builds/build_log.h"
#include "control/builds/build_stages.h"
#include "db/build_store.h"

namespace wrenn::control {

struct Services;

// What a run has learnt that the next one is to know.
struct BuildExperience {
  std::set<std::string> silent_hosts;  // Layers that are there are not looked for.
};

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
        experience_(experience) {}

  // The id of the template. kUnavailable: another run may succeed. Other errors are the build's own
  // and say what to do.
  net::Task<base::Result<std::string>> run();
  // Ends its sandboxes. To be called at the end, whatever that was.
  net::Task<void> clear();

 private:
  using Guest = std::list<BuildGuest>::iterator;
  // Where a stage begins: before the step of that index, on that.
  struct Start {
    std::size_t step = 0;
    Origin origin;
  };

  net::Task<base::Result<void>> prepare();
  net::Task<base::Result<BuildBase>> find_base(std::string name);
  net::Task<base::Result<BuildBase>> find_image(std::string name);
  base::Result<Origin> with_shape(const std::string& name, Origin origin) const;

  net::Task<base::Result<Start>> find_start(std::size_t stage);
  // The machine as it is after the stage.
  net::Task<base::Result<Origin>> provide(std::size_t stage);
  net::Task<base::Result<Guest>> start_guest(Origin origin);
  net::Task<void> end_guest(Guest guest);

  net::Task<base::Result<void>> do_steps(const PlannedStage& stage, const Start& start,
                                         BuildGuest& guest, Origin& last);
  net::Task<base::Result<void>> do_step(const PlannedStep& step, BuildGuest& guest);
  net::Task<base::Result<void>> execute(const recipe::Execute& what, const PlannedStep& step,
                                        BuildGuest& guest);
  net::Task<base::Result<void>> copy(const recipe::CopyFiles& files, BuildGuest& guest);
  net::Task<base::Result<void>> copy_from_elsewhere(const recipe::CopyFiles& files,
                                                    BuildGuest& guest);
  net::Task<base::Result<Origin>> keep_layer(const PlannedStep& step, BuildGuest& guest);
  net::Task<void> forget_layer(const Origin& origin);

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
  std::list<BuildGuest> guests_;
  std::map<std::size_t, Origin> provided_;
  int done_ = 0;  // Steps that were not kept already.
};

}  // namespace wrenn::control
