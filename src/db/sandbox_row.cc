#include "db/sandbox_row.h"

#include <optional>

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::db {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

namespace {

std::optional<Archive> archive_from_name(std::string_view name) {
  for (const auto archive : {Archive::kNone, Archive::kCurrent, Archive::kStale}) {
    if (archive_name(archive) == name) return archive;
  }
  return std::nullopt;
}

// On the way to another state, which whoever changes it sees through.
bool is_held_in(SandboxState state) {
  return state == SandboxState::kPending || state == SandboxState::kStarting ||
         state == SandboxState::kPausing || state == SandboxState::kResuming ||
         state == SandboxState::kHibernating;
}

}  // namespace

std::string_view archive_name(Archive archive) {
  switch (archive) {
    case Archive::kCurrent:
      return "current";
    case Archive::kStale:
      return "stale";
    case Archive::kNone:
      break;
  }
  return "";
}

Result<std::string> texts_to_json(const Texts& texts) {
  json::object object;
  for (const auto& [key, value] : texts) {
    if (!base::is_valid_utf8(key) || !base::is_valid_utf8(value)) {
      return base::fail(Code::kInvalidArgument, "metadata and labels must be valid UTF-8");
    }
    object.emplace(key, value);
  }
  return json::serialize(object);
}

Result<Texts> parse_texts(const std::string& text) {
  json::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return base::fail(Code::kDataLoss, "broken metadata or labels of a sandbox in the database");
  }
  Texts texts;
  for (const auto& entry : value.get_object()) {
    if (entry.value().is_string()) texts.emplace(entry.key(), entry.value().get_string());
  }
  return texts;
}

Result<Sandbox> read_sandbox(const Row& row) {
  const auto status = state_from_name(row.text(4));
  if (!status) return base::fail(Code::kDataLoss, "a sandbox of unknown status in the database");
  const auto archive = archive_from_name(row.text(24));
  if (!archive) return base::fail(Code::kDataLoss, "a sandbox of unknown archive in the database");
  WRENN_TRY_ASSIGN(auto metadata, parse_texts(row.text(9)));
  WRENN_TRY_ASSIGN(auto labels, parse_texts(row.text(26)));
  WRENN_TRY_ASSIGN(auto host_labels, parse_texts(row.text(29)));
  WRENN_TRY_ASSIGN(auto network, network_from_text(row.text(33)));
  return Sandbox{.id = row.text(0),
                 .team_id = row.text(1),
                 .host_id = row.maybe_text(2),
                 .template_name = row.text(3),
                 .source = {.sandbox_id = row.text(30),
                            .template_name = row.text(31),
                            .version = row.integer(32)},
                 .status = *status,
                 .vcpus = static_cast<int>(row.integer(5)),
                 .memory_mb = static_cast<int>(row.integer(6)),
                 .disk_mb = static_cast<int>(row.integer(7)),
                 .timeout_sec = static_cast<int>(row.integer(8)),
                 .max_lifetime_sec = static_cast<int>(row.integer(17)),
                 .end_at = row.integer(18),
                 .on_timeout = row.text(19),
                 .auto_resume = row.integer(20) != 0,
                 .pause_mode = row.text(21),
                 .pause_reason = row.text(22),
                 .paused_at = row.maybe_integer(23),
                 .archive = *archive,
                 .archive_bytes = row.integer(25),
                 .metadata = std::move(metadata),
                 .labels = std::move(labels),
                 .host_labels = std::move(host_labels),
                 .network = std::move(network),
                 .host_ip = row.text(10),
                 .error_message = row.text(11),
                 .created_at = row.integer(12),
                 .started_at = row.maybe_integer(13),
                 .last_active_at = row.maybe_integer(14),
                 .updated_at = row.integer(15),
                 .stopped_at = row.maybe_integer(16),
                 .holder = row.text(27),
                 .held_until = row.integer(28)};
}

Result<std::vector<Sandbox>> read_all(const std::vector<Row>& rows) {
  std::vector<Sandbox> sandboxes;
  sandboxes.reserve(rows.size());
  for (const auto& row : rows) {
    WRENN_TRY_ASSIGN(Sandbox sandbox, read_sandbox(row));
    sandboxes.push_back(std::move(sandbox));
  }
  return sandboxes;
}

Result<Sandbox> read_one(const std::vector<Row>& rows) {
  if (rows.empty()) return base::fail(Code::kNotFound, "sandbox not found");
  return read_sandbox(rows.front());
}

Hold hold_in(SandboxState state, const std::string& holder, std::int64_t now) {
  if (holder.empty() || !is_held_in(state)) return {};
  return {holder, now + kHoldMs};
}

Result<Sandbox> insert_row(Session& session, const Sandbox& sandbox, const Hold& hold,
                           std::int64_t now) {
  WRENN_TRY_ASSIGN(std::string metadata, texts_to_json(sandbox.metadata));
  WRENN_TRY_ASSIGN(std::string labels, texts_to_json(sandbox.labels));
  WRENN_TRY_ASSIGN(std::string host_labels, texts_to_json(sandbox.host_labels));
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(
          concat("INSERT INTO sandboxes (id, team_id, host_id, template, status, vcpus, memory_mb, "
                 "disk_mb, timeout_sec, metadata, host_ip, created_at, updated_at, "
                 "max_lifetime_sec, end_at, on_timeout, auto_resume, labels, holder, held_until, "
                 "host_labels, source_sandbox_id, source_template, source_version, network) SELECT "
                 "$1, id, "
                 "$3, $4, "
                 "$5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15, $16, $17, $18, $19, $20, "
                 "$21, $22, $23, $24 FROM teams WHERE id = $2 AND deleted_at IS NULL RETURNING ",
                 kColumns),
          {sandbox.id,
           sandbox.team_id,
           nullable(sandbox.host_id),
           sandbox.template_name,
           std::string(state_name(sandbox.status)),
           std::int64_t{sandbox.vcpus},
           std::int64_t{sandbox.memory_mb},
           std::int64_t{sandbox.disk_mb},
           std::int64_t{sandbox.timeout_sec},
           std::move(metadata),
           sandbox.host_ip,
           now,
           std::int64_t{sandbox.max_lifetime_sec},
           sandbox.end_at,
           sandbox.on_timeout,
           std::int64_t{sandbox.auto_resume ? 1 : 0},
           std::move(labels),
           hold.holder,
           hold.until,
           std::move(host_labels),
           sandbox.source.sandbox_id,
           sandbox.source.template_name,
           sandbox.source.version,
           network_to_text(sandbox.network)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "team not found");
  return read_sandbox(rows.front());
}

Result<void> insert_labels(Session& session, std::string_view id, const Texts& labels) {
  for (const auto& [name, value] : labels) {
    WRENN_TRY(
        session.execute("INSERT INTO sandbox_labels (sandbox_id, name, value) VALUES ($1, $2, $3)",
                        {std::string(id), name, value}));
  }
  return {};
}

}  // namespace wrenn::db
