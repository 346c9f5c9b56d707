#include "db/template_store.h"

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// In the order that read_template() takes.
constexpr std::string_view kColumns =
    "id, team_id, name, host_id, sandbox_id, vcpus, memory_mb, disk_mb, size_bytes, created_at";

Template read_template(const Row& row) {
  return {.id = row.text(0),
          .team_id = row.text(1),
          .name = row.text(2),
          .host_id = row.text(3),
          .sandbox_id = row.text(4),
          .vcpus = static_cast<int>(row.integer(5)),
          .memory_mb = static_cast<int>(row.integer(6)),
          .disk_mb = static_cast<int>(row.integer(7)),
          .size_bytes = row.integer(8),
          .created_at = row.integer(9)};
}

}  // namespace

Result<Template> TemplateStore::insert(Template made) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.write().query(concat("INSERT INTO templates (", kColumns,
                                     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
                                     "ON CONFLICT (team_id, name) DO NOTHING RETURNING ",
                                     kColumns),
                              {made.id, made.team_id, made.name, made.host_id, made.sandbox_id,
                               std::int64_t{made.vcpus}, std::int64_t{made.memory_mb},
                               std::int64_t{made.disk_mb}, made.size_bytes, clock_()}));
  if (!rows.empty()) return read_template(rows.front());
  return base::fail(Code::kAlreadyExists, concat("there is a template '", made.name, "' already"));
}

Result<Template> TemplateStore::get(std::string_view team_id, std::string_view name) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(
                                        concat("SELECT ", kColumns,
                                               " FROM templates WHERE team_id = $1 AND name = $2"),
                                        {std::string(team_id), std::string(name)}));
  if (rows.empty()) return base::fail(Code::kNotFound, concat("there is no template '", name, "'"));
  return read_template(rows.front());
}

Result<std::vector<Template>> TemplateStore::list(std::string_view team_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(concat("SELECT ", kColumns,
                                                 " FROM templates WHERE team_id = $1 "
                                                 "ORDER BY created_at DESC, id DESC"),
                                          {std::string(team_id)}));
  std::vector<Template> templates;
  for (const auto& row : rows) templates.push_back(read_template(row));
  return templates;
}

Result<bool> TemplateStore::remove(std::string_view team_id, std::string_view name) {
  WRENN_TRY_ASSIGN(
      const std::int64_t removed,
      database_.write().execute("DELETE FROM templates WHERE team_id = $1 AND name = $2",
                                {std::string(team_id), std::string(name)}));
  return removed == 1;
}

}  // namespace wrenn::db
