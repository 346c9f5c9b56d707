// Call: one request on its way through the API: who asks, for what, and the ways to answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "control/api/errors.h"
#include "db/role.h"
#include "db/sandbox_store.h"
#include "net/http_server.h"

namespace wrenn::control {

class AgentClient;
struct Services;

// Who asks, as their key or their session says.
struct Caller {
  enum class Kind { kNobody, kApiKey, kUser };

  Kind kind = Kind::kNobody;
  std::string team_id;
  std::string id;    // Of the key or of the user.
  std::string name;  // Of either; for people who read the log of changes.
  // Of a key: what it is good for; empty: all.
  std::vector<std::string> scopes;
  // Of a user.
  std::string email;
  std::string session_id;
  db::Role role = db::Role::kMember;  // In the team.
  bool is_admin = false;              // Of the whole platform.
};

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
  std::size_t params() const { return params_.size(); }
  void set_params(std::vector<std::string> params) { params_ = std::move(params); }
  // Which route of the API it is; absent for an address that is none.
  std::optional<std::size_t> route() const { return route_; }
  void set_route(std::size_t route) { route_ = route; }
  // Nobody on routes that are open to all.
  const Caller& caller() const { return caller_; }
  void set_caller(Caller caller) { caller_ = std::move(caller); }
  const std::string& team_id() const { return caller_.team_id; }
  // For the log of changes: what was made, where no parameter names it. Empty: nothing was.
  const std::string& resource_id() const { return resource_id_; }
  void set_resource_id(std::string id) { resource_id_ = std::move(id); }
  // The same: what helps to understand the change. Never a secret.
  void note(std::string name, std::string value) {
    notes_.emplace_back(std::move(name), std::move(value));
  }
  // One note for each label; that of one that goes is empty.
  void note_labels(const db::LabelChanges& changes);
  using Notes = std::vector<std::pair<std::string, std::string>>;
  const Notes& notes() const { return notes_; }
  // Whether the route's handler was reached.
  bool is_handled() const { return is_handled_; }
  void set_handled() { is_handled_ = true; }

  // kTooLarge past `limit`, found out before reading where the length is stated. Kept for whoever
  // asks again.
  net::Task<Answer<std::string>> read_body(std::size_t limit);

  // What every answer carries: request id and security headers.
  net::Headers headers(std::string_view content_type, const net::Headers& extra = {}) const;
  net::Task<Answer<void>> send_json(int status, std::string json, net::Headers extra = {});
  net::Task<Answer<void>> send_empty(int status);
  net::Task<Answer<void>> send_error(ApiError error, net::Headers extra = {});

 private:
  net::Request& request_;
  net::ResponseWriter& response_;
  const std::string request_id_;
  std::optional<std::size_t> route_;
  std::vector<std::string> params_;
  Caller caller_;
  std::string resource_id_;
  Notes notes_;
  bool is_handled_ = false;
  std::optional<std::string> body_;
};

// For answers that may be long in coming: when the client goes away the task is stopped.
net::Task<Answer<void>> until_client_leaves(Call& call, net::Task<Answer<void>> task);

// Finds whose key, or whose session's access token, it is, and makes the call theirs: kUnauthorized
// for one that is not valid, kForbidden for a key that is not good for this and for a user who is
// not in the team any more.
net::Task<Answer<void>> admit(Services& services, Call& call, base::Secret credential);

// Whether the one who was admitted with this credential may go on with a call that lasts: the
// session, or the key, is still good, and the user still in the team. An access token counts even
// when its time is over, since its session goes on.
net::Task<Answer<void>> check_still_admitted(Services& services, const Call& call,
                                             const base::Secret& credential);

// The sandbox that the first parameter names, of the caller's team: kInvalidRequest for a malformed
// id, kNotFound for one that the team does not have.
net::Task<Answer<db::Sandbox>> find_sandbox(Services& services, Call& call);
// For administrators of the platform.
net::Task<Answer<db::Sandbox>> find_sandbox_of_any_team(Services& services, Call& call);
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
