#include "control/api/readiness.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "db/migrations.h"

namespace wrenn::control {
namespace {

using base::CheckStatus;
using base::concat;

base::ReadinessCheck check_database(const base::Result<void>& schema) {
  if (schema || schema.error().code == base::Code::kFailedPrecondition) return {"database"};
  return {"database", CheckStatus::kFailed,
          "the database does not answer; is it running, and does its disk have room? The log of "
          "wrenn-cp has the error"};
}

base::ReadinessCheck check_migrations(const base::Result<void>& schema) {
  if (schema) return {"migrations"};
  if (schema.error().code == base::Code::kFailedPrecondition) {
    return {"migrations", CheckStatus::kFailed,
            concat(schema.error().message, "; restart wrenn-cp, which brings it up to date")};
  }
  return {"migrations", CheckStatus::kFailed, "unknown as long as the database does not answer"};
}

base::Result<std::vector<db::Host>> look(Services& services, base::Result<void>& schema) {
  schema = db::check_schema(services.database);
  if (!schema) return std::vector<db::Host>();
  auto hosts = services.hosts.list();
  if (!hosts) schema = base::fail(hosts.error());
  return hosts;
}

}  // namespace

base::ReadinessCheck check_hosts(const std::vector<db::Host>& hosts) {
  const auto online = std::ranges::count(hosts, db::HostStatus::kOnline, &db::Host::status);
  if (online == 0) {
    return {"hosts", CheckStatus::kWarning,
            "no host is online, so no sandbox can be made or used; is wrenn-agent running? "
            "`wrenn doctor` tells, `wrenn up` starts it"};
  }
  const auto silent = std::ranges::count(hosts, db::HostStatus::kUnreachable, &db::Host::status);
  if (silent > 0) {
    return {"hosts", CheckStatus::kWarning,
            concat(silent, " of ", online + silent,
                   " hosts do not answer; their sandboxes cannot be used until they do")};
  }
  return {"hosts"};
}

net::Task<Answer<void>> get_readiness(Services& services, Call& call) {
  base::Result<void> schema;
  const auto hosts = co_await services.database_pool.run([&] { return look(services, schema); });
  if (!hosts && schema) schema = base::fail(hosts.error());
  base::Readiness readiness{{check_database(schema), check_migrations(schema)}};
  if (schema) readiness.checks.push_back(check_hosts(*hosts));
  if (!schema) {
    base::log_warn("not ready", {{"error", schema.error()}, {"request", call.request_id()}});
  }
  co_return co_await call.send_json(readiness.http_status(), readiness.to_json(WRENN_VERSION));
}

}  // namespace wrenn::control
