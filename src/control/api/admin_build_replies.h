// What /v1/admin/builds answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/builds/build_definition.h"
#include "db/build_store.h"
#include "db/template_store.h"
#include "recipe/build_plan.h"

namespace boost::json {
class array;
class object;
}  // namespace boost::json

namespace wrenn::control {

// `plan`: null for a definition that has none any more. `made`: null for a build that made nothing,
// or whose template is gone.
boost::json::object admin_build_object(const db::Build& build, const BuildDefinition& definition,
                                       const recipe::BuildPlan* plan, const db::Template* made);
// One entry for each step that has ended: {step, phase, cmd, stdout, stderr, exit, ok, elapsed_ms}.
boost::json::array admin_build_logs(const db::Build& build, const recipe::BuildPlan* plan,
                                    const std::vector<db::BuildLogLine>& lines);

}  // namespace wrenn::control
