#include "control/audit_log.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <boost/json.hpp>

#include "base/id.h"
#include "base/log.h"
#include "base/time.h"

namespace wrenn::control {
namespace {

// Few at a time and often: while they are written nobody else writes, and whoever makes a sandbox
// waits for that. What comes faster is written in larger parts.
constexpr std::size_t kBatch = 10;
constexpr std::size_t kParts = 8;  // Of all that waits.
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr auto kIdlePeriod = std::chrono::milliseconds(100);

bool may_pass(base::Code code) {
  return code == base::Code::kUnavailable || code == base::Code::kResourceExhausted ||
         code == base::Code::kCanceled;
}

}  // namespace

void AuditLog::add(db::AuditEntry entry) {
  entry.id = base::Uuid::random().to_string();
  entry.at = base::unix_ms_now();
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < capacity_) {
      waiting_.push_back(std::move(entry));
      return;
    }
  }
  lose(entry, "too many wait for the database");
}

void AuditLog::add_own(std::string_view team_id, std::string_view action,
                       std::string_view resource_type, std::string_view resource_id,
                       std::string_view reason) {
  db::AuditEntry entry{.id = {},
                       .team_id = std::string(team_id),
                       .actor = db::AuditActor::kSystem,
                       .actor_id = {},
                       .actor_name = "system",
                       .action = std::string(action),
                       .resource_type = std::string(resource_type),
                       .resource_id = std::string(resource_id),
                       .code = {},
                       .client_address = {},
                       .user_agent = {},
                       .request_id = {}};
  if (!reason.empty())
    entry.metadata =
        boost::json::serialize(boost::json::object{{"reason", plain_text(reason, 512)}});
  add(std::move(entry));
}

net::Task<void> AuditLog::run() {
  while (co_await net::sleep_for(is_idle() ? kIdlePeriod : kPause)) {
    const auto written = co_await write_some();
    if (!written && !is_failing_) {
      base::log_error("the log of changes cannot be written; tried again",
                      {{"error", written.error()}});
    }
    is_failing_ = !written;
  }
}

net::Task<base::Result<void>> AuditLog::flush() {
  while (!is_idle()) WRENN_CO_TRY(co_await write_some());
  co_return {};
}

bool AuditLog::is_idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty();
}

net::Task<base::Result<void>> AuditLog::write_some() {
  std::deque<db::AuditEntry> batch = take();
  if (batch.empty()) co_return {};
  const std::vector<db::AuditEntry> entries(batch.begin(), batch.end());
  const auto written = co_await pool_.run([&] { return store_.add(entries); });
  if (written) co_return {};
  if (may_pass(written.error().code)) {
    put_back(std::move(batch));
    co_return base::fail(written.error());
  }
  for (const auto& entry : batch) lose(entry, written.error().message);
  co_return {};
}

std::deque<db::AuditEntry> AuditLog::take() {
  const std::lock_guard lock(mutex_);
  const std::size_t size = std::max(kBatch, waiting_.size() / kParts);
  std::deque<db::AuditEntry> batch;
  while (!waiting_.empty() && batch.size() < size) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return batch;
}

void AuditLog::put_back(std::deque<db::AuditEntry> batch) {
  const std::lock_guard lock(mutex_);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()),
                  std::make_move_iterator(batch.end()));
}

void AuditLog::lose(const db::AuditEntry& entry, std::string_view reason) {
  ++lost_;
  base::log_error("an entry is missing in the log of changes", {{"action", entry.action},
                                                                {"resource", entry.resource_id},
                                                                {"actor", entry.actor_id},
                                                                {"team", entry.team_id},
                                                                {"request", entry.request_id},
                                                                {"reason", reason}});
}

std::string plain_text(std::string_view text, std::size_t max_bytes) {
  std::string plain(text.substr(0, max_bytes));
  std::ranges::replace_if(plain, [](char c) { return c < ' ' || c > '~'; }, '?');
  return plain;
}

}  // namespace wrenn::control
