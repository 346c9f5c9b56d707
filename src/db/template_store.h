// Templates that were made of sandboxes or built, their versions, and the tags that point to these.
// Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

inline constexpr std::string_view kLatestTag = "latest";

// How people name a version of a template: "web", which is "web:latest"; "web:TAG"; "web@VERSION".
struct TemplateReference {
  std::string name;
  std::string tag;           // Empty when there is a version.
  std::int64_t version = 0;  // 0: what the tag points to.
};
// kInvalidArgument when it is none of these. Whether the name is a good one is not looked at.
base::Result<TemplateReference> parse_template_reference(std::string_view text);
// 1 to 64 letters, digits and "._-", of which the first is a letter or a digit.
bool is_template_tag(std::string_view text);

struct Template {
  std::string id;  // "tpl-..."; what its host calls it.
  std::string team_id;
  std::string name;
  std::int64_t version = 1;  // Counted within the team's name.
  std::string host_id;
  std::string sandbox_id;  // What it was made of.
  std::string build_id;    // What built it, if anything did.
  int vcpus = 1;
  int memory_mb = 0;
  int disk_mb = 0;
  std::int64_t size_bytes = 0;
  std::int64_t created_at = 0;  // Milliseconds since 1970 UTC.
  std::string config = {};      // JSON; of one that was built.
  std::vector<std::string> tags = {};
  std::string image_version =
      {};  // Of an image of a host, of which nothing else but the name is here.
};

class TemplateStore {
 public:
  explicit TemplateStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // The first version of a name, as "latest". Sets created_at. kAlreadyExists when the team has one
  // of that name.
  base::Result<Template> insert(Template made);
  // The next version of its name, to which `tag` points from now on. Sets created_at and version.
  base::Result<Template> publish(Template made, std::string_view tag);
  // kNotFound also for another team's.
  base::Result<Template> get(std::string_view team_id, const TemplateReference& reference);
  // All versions, newest first.
  base::Result<std::vector<Template>> list(std::string_view team_id);
  // All versions of a name, newest first.
  base::Result<std::vector<Template>> versions(std::string_view team_id, std::string_view name);
  // Points the tag to that version. kNotFound when there is none.
  base::Result<void> set_tag(std::string_view team_id, std::string_view name, std::string_view tag,
                             std::int64_t version);
  // False when there was none.
  base::Result<bool> remove_tag(std::string_view team_id, std::string_view name,
                                std::string_view tag);
  // One version, with the tags that point to it. False when there was none.
  base::Result<bool> remove(std::string_view team_id, std::string_view id);
  // Versions that were built before `before` and that no tag points to, oldest first.
  base::Result<std::vector<Template>> list_untagged(std::int64_t before, int limit);

 private:
  base::Result<Template> add(Session& session, Template made, std::string_view tag);

  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
