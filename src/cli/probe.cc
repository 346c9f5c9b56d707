#include "cli/probe.h"

#include <boost/json.hpp>

#include "cli/api_client.h"
#include "cli/json_text.h"
#include "net/loop.h"

namespace wrenn::cli {
namespace {

base::Result<std::string> get(const Settings& settings, base::Duration patience, std::string path) {
  net::Loop loop;
  WRENN_TRY_ASSIGN(const auto api, ApiClient::create(settings, patience));
  return loop.block_on(api->call("GET", std::move(path)));
}

}  // namespace

base::Result<std::string> probe_health(const Settings& settings, base::Duration patience) {
  WRENN_TRY_ASSIGN(const std::string reply, get(settings, patience, "/health"));
  const auto value = parse_json(reply);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr || !object->contains("status")) {
    return base::fail(base::Code::kUnknown, "something answers there, but it is not Wrenn",
                      "check the API address");
  }
  return string_field(*object, "version");
}

base::Result<KeyState> probe_key(const Settings& settings, base::Duration patience) {
  const auto reply = get(settings, patience, "/v1/capsules");
  if (reply) return KeyState::kAccepted;
  if (reply.error().code == base::Code::kUnauthenticated) return KeyState::kRefused;
  if (reply.error().code == base::Code::kUnavailable ||
      reply.error().code == base::Code::kDeadlineExceeded) {
    return base::fail(reply.error());
  }
  return KeyState::kAccepted;
}

}  // namespace wrenn::cli
