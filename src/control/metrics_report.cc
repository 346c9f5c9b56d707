#include "control/metrics_report.h"

#include "base/exposition.h"
#include "base/process_metrics.h"

namespace wrenn::control {
namespace {

using base::Exposition;
using base::MetricKind;

// What only the database knows.
struct Census {
  std::map<db::SandboxState, std::int64_t> sandboxes;
  std::vector<db::Host> hosts;
};

base::Result<Census> take_census(Services& services) {
  Census census;
  WRENN_TRY_ASSIGN(census.sandboxes, services.sandboxes.count_by_state());
  WRENN_TRY_ASSIGN(census.hosts, services.hosts.list());
  return census;
}

void write_census(Exposition& out, const Census& census) {
  out.begin(MetricKind::kGauge, "wrenn_sandboxes", "Sandboxes that have not ended, by state.");
  for (const auto& [state, count] : census.sandboxes) {
    out.sample({{"state", db::state_name(state)}}, count);
  }
  std::map<db::HostStatus, std::int64_t> hosts = {{db::HostStatus::kOnline, 0},
                                                  {db::HostStatus::kUnreachable, 0},
                                                  {db::HostStatus::kOffline, 0}};
  for (const auto& host : census.hosts) ++hosts[host.status];
  out.begin(MetricKind::kGauge, "wrenn_hosts", "Hosts that are known, by status.");
  for (const auto& [status, count] : hosts) {
    out.sample({{"status", db::status_name(status)}}, count);
  }
}

void write_routes(Exposition& out, const std::deque<RouteStats>& routes) {
  out.begin(MetricKind::kCounter, "wrenn_http_requests_total",
            "Requests to the API, by route and the class of the answer's status; none: the client "
            "left first.");
  for (const auto& route : routes) {
    for (std::size_t i = 0; i < base::StatusCounters::kClasses.size(); ++i) {
      const std::uint64_t count = route.answers.value(i);
      if (count == 0) continue;
      out.sample({{"method", route.method},
                  {"route", route.pattern},
                  {"status", base::StatusCounters::kClasses.at(i)}},
                 count);
    }
  }
  out.begin(MetricKind::kHistogram, "wrenn_http_request_duration_seconds",
            "How long requests to the API took, to the end of the answer; without WebSockets.");
  for (const auto& route : routes) {
    if (route.took.snapshot().count() == 0) continue;
    out.sample({{"method", route.method}, {"route", route.pattern}}, route.took);
  }
}

void write_errors(Exposition& out, std::string_view access, const db::AccessStats& stats) {
  for (std::size_t i = 0; i < base::kCodes; ++i) {
    const std::uint64_t count = stats.errors.at(i).value();
    if (count == 0) continue;
    out.sample({{"access", access}, {"code", base::code_name(static_cast<base::Code>(i))}}, count);
  }
}

void write_database(Exposition& out, const db::DatabaseStats& stats, bool is_up) {
  out.single(MetricKind::kGauge, "wrenn_database_up", "1 when it answered just now.",
             is_up ? 1 : 0);
  out.begin(MetricKind::kHistogram, "wrenn_database_statement_duration_seconds",
            "How long statements took, failed ones too.");
  out.sample({{"access", "read"}}, stats.read.took);
  out.sample({{"access", "write"}}, stats.write.took);
  out.begin(MetricKind::kCounter, "wrenn_database_errors_total",
            "Statements that failed; already_exists is often as it should be.");
  write_errors(out, "read", stats.read);
  write_errors(out, "write", stats.write);
  out.begin(MetricKind::kHistogram, "wrenn_database_connection_wait_seconds",
            "How long it took to get one of the connections.");
  out.sample({{"access", "read"}}, stats.read.waited);
  out.sample({{"access", "write"}}, stats.write.waited);
  out.begin(MetricKind::kGauge, "wrenn_database_connections", "Connections that there may be.");
  out.sample({{"access", "read"}}, stats.read.connections);
  out.sample({{"access", "write"}}, stats.write.connections);
  out.begin(MetricKind::kGauge, "wrenn_database_connections_in_use", "Those that are in use.");
  out.sample({{"access", "read"}}, stats.read.in_use.value());
  out.sample({{"access", "write"}}, stats.write.in_use.value());
}

void write_pools(Exposition& out, const Services& services) {
  out.begin(MetricKind::kGauge, "wrenn_pool_queued_jobs",
            "Work that waits for a thread: for the database, to hash a password, or to ask a "
            "provider of identity.");
  out.sample({{"pool", "database"}}, services.database_pool.queued());
  out.sample({{"pool", "accounts"}}, services.account_pool.queued());
  out.sample({{"pool", "providers"}}, services.provider_pool.queued());
}

}  // namespace

net::Task<std::string> MetricsReport::metrics() {
  const auto census =
      co_await services_.database_pool.run([this] { return take_census(services_); });
  Exposition out;
  out.begin(MetricKind::kGauge, "wrenn_build_info", "Always 1; the version is a label.");
  out.sample({{"version", WRENN_VERSION}}, 1);
  if (census) write_census(out, *census);
  write_routes(out, api_.stats());
  base::write_operations(out, "wrenn_sandbox", kOperationNames, services_.operations.all());
  write_database(out, database_.stats(), census.has_value());
  write_pools(out, services_);
  out.single(MetricKind::kCounter, "wrenn_audit_entries_lost_total",
             "Entries that are missing in the log of changes.", services_.audit.lost());
  proxy_.write_to(out, "wrenn");
  base::write_process_metrics(out);
  co_return out.take();
}

}  // namespace wrenn::control
