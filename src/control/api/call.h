// Call: one request on its way through the API: who asks, for what, and the ways to answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "control/api/errors.h"
#include "db/sandbox_store.h"
#include "net/http_server.h"

namespace wrenn::control {

class AgentClient;
struct Services;

// For the loop of its connection; lives as long as its request.
class Call {
 public:
  Call(net::Request& request, net::ResponseWriter& response, std::string request_id)
      : request_(request), response_(response), request_id_(std::move(request_id)) {}

  net::Request& request() { return request_; }
  net::ResponseWriter& response() { return response_; }
  const std::string& request_id() const { return request_id_; }

  // What stood for the i-th {} of the route.
  const std::string& param(std::size_t i) const { return params_.at(i); }
  void set_params(std::vector<std::string> params) { params_ = std::move(params); }
  // Of the key that was given; empty on routes that need none.
  const std::string& team_id() const { return team_id_; }
  void set_team(std::string team_id) { team_id_ = std::move(team_id); }

  // kTooLarge past `limit`, found out before reading where the length is stated. Kept for whoever
  // asks again.
  net::Task<Answer<std::string>> read_body(std::size_t limit);

  // What every answer carries: request id and security headers.
  net::Headers headers(std::string_view content_type) const;
  net::Task<Answer<void>> send_json(int status, std::string json);
  net::Task<Answer<void>> send_empty(int status);
  net::Task<Answer<void>> send_error(ApiError error, net::Headers extra = {});

 private:
  net::Request& request_;
  net::ResponseWriter& response_;
  const std::string request_id_;
  std::vector<std::string> params_;
  std::string team_id_;
  std::optional<std::string> body_;
};

// For answers that may be long in coming: when the client goes away the task is stopped.
net::Task<Answer<void>> until_client_leaves(Call& call, net::Task<Answer<void>> task);

// Finds the team of a key and makes the call its: kUnauthorized for a key that is not valid.
net::Task<Answer<void>> admit(Services& services, Call& call, base::Secret key);

// The sandbox that the first parameter names, of the caller's team: kInvalidRequest for a malformed
// id, kNotFound for one that the team does not have.
net::Task<Answer<db::Sandbox>> find_sandbox(Services& services, Call& call);
// A sandbox and who to ask about it.
struct OnHost {
  db::Sandbox sandbox;
  AgentClient* agent = nullptr;
};
// The same, and it must be running: kInvalidState. A paused one that may be woken is resumed first.
net::Task<Answer<OnHost>> find_running(Services& services, Call& call);
// The same, asking its host too: for what cannot be tried again when the host has just paused it.
net::Task<Answer<OnHost>> find_awake(Services& services, Call& call);
// After a host refused the call because the sandbox is paused.
net::Task<Answer<void>> wake_again(Services& services, Call& call);

}  // namespace wrenn::control
