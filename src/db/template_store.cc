#include "db/template_store.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// In the order that read_template() takes; of `templates t`.
constexpr std::string_view kColumns =
    "t.id, t.team_id, t.name, t.version, t.host_id, t.sandbox_id, t.build_id, t.vcpus, "
    "t.memory_mb, t.disk_mb, t.size_bytes, t.created_at, t.config";

Template read_template(const Row& row) {
  return {.id = row.text(0),
          .team_id = row.text(1),
          .name = row.text(2),
          .version = row.integer(3),
          .host_id = row.text(4),
          .sandbox_id = row.text(5),
          .build_id = row.text(6),
          .vcpus = static_cast<int>(row.integer(7)),
          .memory_mb = static_cast<int>(row.integer(8)),
          .disk_mb = static_cast<int>(row.integer(9)),
          .size_bytes = row.integer(10),
          .created_at = row.integer(11),
          .config = row.text(12)};
}

// `where` is about `templates t`; its first parameter is the team.
Result<std::vector<Template>> read_all(Database& database, std::string_view where,
                                       const std::vector<Value>& args) {
  Session session = database.read();
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(concat("SELECT ", kColumns, " FROM templates t WHERE ", where), args));
  std::vector<Template> templates;
  for (const auto& row : rows) templates.push_back(read_template(row));
  if (templates.empty()) return templates;
  WRENN_TRY_ASSIGN(const auto tags,
                   session.query("SELECT template_id, tag FROM template_tags WHERE team_id = $1 "
                                 "ORDER BY tag",
                                 {args.front()}));
  for (const auto& row : tags) {
    const auto tagged = std::ranges::find(templates, row.text(0), &Template::id);
    if (tagged != templates.end()) tagged->tags.push_back(row.text(1));
  }
  return templates;
}

base::Error not_found(std::string_view name) {
  return base::Error(Code::kNotFound, concat("there is no template '", name, "'"));
}

}  // namespace

bool is_template_tag(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  constexpr std::size_t kMaxTag = 64;
  return !text.empty() && text.size() <= kMaxTag && is_plain(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

Result<TemplateReference> parse_template_reference(std::string_view text) {
  const auto fail = [&] {
    return base::fail(Code::kInvalidArgument, concat("'", text, "' does not name a template"),
                      "name it as NAME, NAME:TAG or NAME@VERSION");
  };
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    const std::string_view number = text.substr(at + 1);
    std::int64_t version = 0;
    const auto [end, code] = std::from_chars(number.begin(), number.end(), version);
    if (at == 0 || code != std::errc() || end != number.end() || version < 1) return fail();
    return TemplateReference{std::string(text.substr(0, at)), "", version};
  }
  const auto colon = text.find(':');
  const std::string_view tag =
      colon == std::string_view::npos ? kLatestTag : text.substr(colon + 1);
  if (text.empty() || colon == 0 || !is_template_tag(tag)) return fail();
  return TemplateReference{std::string(text.substr(0, colon)), std::string(tag), 0};
}

Result<Template> TemplateStore::add(Session& session, Template made, std::string_view tag) {
  made.created_at = clock_();
  WRENN_TRY(session.execute(
      "INSERT INTO templates (id, team_id, name, version, host_id, sandbox_id, build_id, vcpus, "
      "memory_mb, disk_mb, size_bytes, created_at, config) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
      {made.id, made.team_id, made.name, made.version, made.host_id, made.sandbox_id, made.build_id,
       std::int64_t{made.vcpus}, std::int64_t{made.memory_mb}, std::int64_t{made.disk_mb},
       made.size_bytes, made.created_at, made.config}));
  WRENN_TRY(session.execute(
      "INSERT INTO template_tags (team_id, name, tag, template_id) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT (team_id, name, tag) DO UPDATE SET template_id = excluded.template_id",
      {made.team_id, made.name, std::string(tag), made.id}));
  made.tags = {std::string(tag)};
  return made;
}

Result<Template> TemplateStore::insert(Template made) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto others,
                   session.query("SELECT 1 FROM templates WHERE team_id = $1 AND name = $2 LIMIT 1",
                                 {made.team_id, made.name}));
  if (!others.empty()) {
    return base::fail(Code::kAlreadyExists,
                      concat("there is a template '", made.name, "' already"));
  }
  made.version = 1;
  WRENN_TRY_ASSIGN(Template kept, add(session, std::move(made), kLatestTag));
  WRENN_TRY(transaction.commit());
  return kept;
}

Result<Template> TemplateStore::publish(Template made, std::string_view tag) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction,
                   Transaction::begin(session, TransactionKind::kExclusive));
  WRENN_TRY_ASSIGN(const auto last, session.query("SELECT COALESCE(MAX(version), 0) FROM templates "
                                                  "WHERE team_id = $1 AND name = $2",
                                                  {made.team_id, made.name}));
  made.version = last.front().integer(0) + 1;
  WRENN_TRY_ASSIGN(Template kept, add(session, std::move(made), tag));
  WRENN_TRY(transaction.commit());
  return kept;
}

Result<Template> TemplateStore::get(std::string_view team_id, const TemplateReference& reference) {
  auto found = reference.version > 0
                   ? read_all(database_, "t.team_id = $1 AND t.name = $2 AND t.version = $3",
                              {std::string(team_id), reference.name, reference.version})
                   : read_all(database_,
                              "t.team_id = $1 AND t.id = (SELECT template_id FROM template_tags "
                              "WHERE team_id = $1 AND name = $2 AND tag = $3)",
                              {std::string(team_id), reference.name, reference.tag});
  if (!found) return base::fail(std::move(found).error());
  if (found->empty()) {
    const std::string suffix =
        reference.version > 0
            ? concat("@", reference.version)
            : (reference.tag == kLatestTag ? std::string() : concat(":", reference.tag));
    return base::fail(not_found(concat(reference.name, suffix)));
  }
  return std::move(found->front());
}

Result<std::vector<Template>> TemplateStore::list(std::string_view team_id) {
  return read_all(database_, "t.team_id = $1 ORDER BY t.created_at DESC, t.id DESC",
                  {std::string(team_id)});
}

Result<std::vector<Template>> TemplateStore::versions(std::string_view team_id,
                                                      std::string_view name) {
  return read_all(database_, "t.team_id = $1 AND t.name = $2 ORDER BY t.version DESC",
                  {std::string(team_id), std::string(name)});
}

Result<void> TemplateStore::set_tag(std::string_view team_id, std::string_view name,
                                    std::string_view tag, std::int64_t version) {
  WRENN_TRY_ASSIGN(
      const std::int64_t set,
      database_.write().execute(
          "INSERT INTO template_tags (team_id, name, tag, template_id) "
          "SELECT team_id, name, $3, id FROM templates "
          "WHERE team_id = $1 AND name = $2 AND version = $4 "
          "ON CONFLICT (team_id, name, tag) DO UPDATE SET template_id = excluded.template_id",
          {std::string(team_id), std::string(name), std::string(tag), version}));
  if (set == 0) return base::fail(not_found(concat(name, "@", version)));
  return {};
}

Result<bool> TemplateStore::remove_tag(std::string_view team_id, std::string_view name,
                                       std::string_view tag) {
  WRENN_TRY_ASSIGN(const std::int64_t removed,
                   database_.write().execute(
                       "DELETE FROM template_tags WHERE team_id = $1 AND name = $2 AND tag = $3",
                       {std::string(team_id), std::string(name), std::string(tag)}));
  return removed == 1;
}

Result<bool> TemplateStore::remove(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(
      const auto removed,
      database_.write().query("DELETE FROM templates WHERE team_id = $1 AND id = $2 RETURNING id",
                              {std::string(team_id), std::string(id)}));
  return !removed.empty();
}

Result<std::vector<Template>> TemplateStore::list_untagged(std::int64_t before, int limit) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       concat("SELECT ", kColumns,
                              " FROM templates t WHERE t.build_id <> '' AND t.created_at < $1 "
                              "AND NOT EXISTS (SELECT 1 FROM template_tags g "
                              "WHERE g.template_id = t.id) ORDER BY t.created_at LIMIT $2"),
                       {before, std::int64_t{limit}}));
  std::vector<Template> templates;
  for (const auto& row : rows) templates.push_back(read_template(row));
  return templates;
}

}  // namespace wrenn::db
