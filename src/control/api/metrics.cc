#include "control/api/metrics.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

struct Range {
  std::string_view name;
  int seconds;
};
constexpr std::array kRanges = {Range{"5m", 300},   Range{"10m", 600},  Range{"1h", 3600},
                                Range{"2h", 7200},  Range{"6h", 21600}, Range{"12h", 43200},
                                Range{"24h", 86400}};
constexpr std::string_view kDefaultRange = "10m";

Answer<Range> parse_range(const std::string& name) {
  const auto found = std::ranges::find(kRanges, name.empty() ? kDefaultRange : name, &Range::name);
  if (found != kRanges.end()) return *found;
  std::string names;
  for (const Range& range : kRanges) names += concat(names.empty() ? "" : ", ", range.name);
  return refuse(ApiCode::kInvalidRequest, concat("'", name, "' is no range; there are ", names));
}

}  // namespace

Task<Answer<void>> sandbox_metrics(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const Range range,
                    parse_range(query_parameter(call.request().query(), "range")));
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  if (!db::is_listed(sandbox.status)) {
    co_return refuse(ApiCode::kNotFound,
                     concat("sandbox ", sandbox.id, " is ", db::state_name(sandbox.status),
                            ": what it used is known while it exists"));
  }
  if (sandbox.status == db::SandboxState::kHibernated) {
    co_return std::unexpected(wrong_state(sandbox, "it is on no host, and uses nothing"));
  }
  agent::GetSandboxMetricsRequest request;
  request.set_sandbox_id(sandbox.id);
  request.set_span_sec(range.seconds);
  API_CO_TRY_ASSIGN(AgentClient* const agent,
                    agent_answer(services.directory.agent(sandbox.host_id)));
  API_CO_TRY_ASSIGN(const auto metrics, agent_answer(co_await agent->sandbox_metrics(request)));
  co_return co_await call.send_json(200, metrics_json(sandbox.id, range.name, metrics));
}

}  // namespace wrenn::control
