// Templates that were made of sandboxes. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

struct Template {
  std::string id;  // "tpl-..."; what its host calls it.
  std::string team_id;
  std::string name;  // Unique within the team.
  std::string host_id;
  std::string sandbox_id;  // What it was made of.
  int vcpus = 1;
  int memory_mb = 0;
  int disk_mb = 0;
  std::int64_t size_bytes = 0;
  std::int64_t created_at = 0;  // Milliseconds since 1970 UTC.
};

class TemplateStore {
 public:
  explicit TemplateStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // Sets created_at. kAlreadyExists when the team has one of that name.
  base::Result<Template> insert(Template made);
  // kNotFound also for another team's.
  base::Result<Template> get(std::string_view team_id, std::string_view name);
  // Newest first.
  base::Result<std::vector<Template>> list(std::string_view team_id);
  // False when there was none.
  base::Result<bool> remove(std::string_view team_id, std::string_view name);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
