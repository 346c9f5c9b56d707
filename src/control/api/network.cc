#include "control/api/network.h"

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "base/strings.h"
#include "control/api/network_policy.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

using base::concat;
using db::SandboxState;
using net::Task;

Answer<void> check_can_change(const db::Sandbox& sandbox) {
  if (sandbox.status == SandboxState::kRunning || sandbox.status == SandboxState::kPaused) {
    return {};
  }
  if (sandbox.status == SandboxState::kHibernated) {
    return std::unexpected(
        wrong_state(sandbox, "resume it first; then its network can be changed"));
  }
  return std::unexpected(wrong_state(
      sandbox, is_asleep(sandbox.status)
                   ? "its network can be changed in a moment; ask again"
                   : "the network of a running or paused one can be changed, and of no other"));
}

Task<Answer<void>> tell_host(Services& services, const db::Sandbox& sandbox,
                             const db::NetworkPolicy& policy) {
  API_CO_TRY_ASSIGN(AgentClient* const agent,
                    agent_answer(services.directory.agent(sandbox.host_id)));
  agent::SetNetworkPolicyRequest request;
  request.set_sandbox_id(sandbox.id);
  to_rpc(policy, *request.mutable_network());
  Answer<void> told = agent_answer(co_await agent->set_network_policy(request));
  // It need not be awake for this.
  if (!told && told.error().code == ApiCode::kAsleep) {
    told.error().code = ApiCode::kInvalidState;
  }
  co_return told;
}

// On its host first, so that an error means that no row says what does not hold. Who finds that
// somebody else has changed the row meanwhile tells the host again: the last to write the row is
// the last whom the host heard.
Task<Answer<db::Sandbox>> change_network(Services& services, db::Sandbox sandbox,
                                         const db::NetworkPolicy& policy) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    API_CO_TRY(check_can_change(sandbox));
    API_CO_TRY(co_await tell_host(services, sandbox, policy));
    API_CO_TRY_ASSIGN(const bool is_set, db_answer(co_await services.database_pool.run([&] {
                        return services.sandboxes.set_network(sandbox.id, sandbox.network, policy);
                      })));
    API_CO_TRY_ASSIGN(sandbox, db_answer(co_await services.database_pool.run(
                                   [&] { return services.sandboxes.get_any_team(sandbox.id); })));
    if (is_set) co_return sandbox;
  }
  co_return refuse(ApiCode::kConflict, concat("others change the network of sandbox ", sandbox.id,
                                              " all the time; look what it is now, and try again"));
}

json::object denial_object(const agent::Denial& denial) {
  json::object out;
  out["address"] = denial.address();
  out["protocol"] = denial.protocol();
  if (denial.port() != 0) out["port"] = denial.port();
  out["packets"] = denial.packets();
  out["last_at"] = base::rfc3339(denial.last_at_unix() * 1000).substr(0, 19) + "Z";
  out["can_be_allowed"] = can_be_allowed(denial.address());
  return out;
}

// Null while it does not run, whatever its row says of that.
Task<Answer<json::value>> denials_of(Services& services, const db::Sandbox& sandbox) {
  if (sandbox.status != SandboxState::kRunning) co_return json::value();
  API_CO_TRY_ASSIGN(AgentClient* const agent,
                    agent_answer(services.directory.agent(sandbox.host_id)));
  const auto listed = agent_answer(co_await agent->list_denials(sandbox.id));
  if (!listed && listed.error().code == ApiCode::kAsleep) co_return json::value();
  if (!listed) co_return std::unexpected(listed.error());
  json::array denials;
  for (const auto& denial : listed->denials()) denials.push_back(denial_object(denial));
  co_return json::value(std::move(denials));
}

}  // namespace

Task<Answer<void>> set_network(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::NetworkPolicy policy, parse_network(body));
  call.note("allow_internet_access", policy.allow_internet_access ? "true" : "false");
  call.note("allow_out", base::join(policy.allow_out, ","));
  call.note("deny_out", base::join(policy.deny_out, ","));
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  API_CO_TRY_ASSIGN(const db::Sandbox changed,
                    co_await change_network(services, std::move(sandbox), policy));
  co_return co_await call.send_json(200, json::serialize(network_object(changed.network)));
}

Task<Answer<void>> get_network(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  API_CO_TRY_ASSIGN(json::value denials, co_await denials_of(services, sandbox));
  co_return co_await call.send_json(
      200, json::serialize(json::object{{"network", network_object(sandbox.network)},
                                        {"denials", std::move(denials)}}));
}

}  // namespace wrenn::control
