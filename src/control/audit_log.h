// AuditLog: entries of the log of changes on their way to the database. What is logged neither
// waits for the database nor fails because of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "db/audit_store.h"
#include "net/blocking.h"

namespace wrenn::control {

class AuditLog {
 public:
  static constexpr std::size_t kUsualCapacity = 10'000;

  // Both outlive it. More entries than `capacity` are not kept waiting.
  AuditLog(db::AuditStore& store, net::BlockingPool& pool, std::size_t capacity = kUsualCapacity)
      : store_(store), pool_(pool), capacity_(capacity) {}

  // Gives it an id and the time. From any thread, at once. One too many is logged and counted.
  void add(db::AuditEntry entry);
  // The same for what the platform does by itself, for all members of the team to read. `reason`
  // may be empty.
  void add_own(std::string_view team_id, std::string_view action, std::string_view resource_type,
               std::string_view resource_id, std::string_view reason = {});
  // Writes what waits, a tenth of a second after it came, until it is stopped. One at a time.
  net::Task<void> run();
  // Writes all that waits. What cannot be written for now stays, in its order; what the database
  // will never take is logged and counted.
  net::Task<base::Result<void>> flush();

  // Entries that were lost. From any thread.
  std::uint64_t lost() const { return lost_; }
  db::AuditStore& store() { return store_; }

 private:
  bool is_idle() const;
  net::Task<base::Result<void>> write_some();
  std::deque<db::AuditEntry> take();
  void put_back(std::deque<db::AuditEntry> batch);
  void lose(const db::AuditEntry& entry, std::string_view reason);

  db::AuditStore& store_;
  net::BlockingPool& pool_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<db::AuditEntry> waiting_;
  std::atomic<std::uint64_t> lost_ = 0;
  bool is_failing_ = false;  // Of the loop that flushes.
};

// Printable ASCII, shortened: what a client says of itself or names goes into the log as this.
std::string plain_text(std::string_view text, std::size_t max_bytes);

}  // namespace wrenn::control
