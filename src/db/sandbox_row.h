// How a sandbox is written in the database; for the stores of this folder alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "db/database.h"
#include "db/sandbox_store.h"

namespace wrenn::db {

// What every SELECT and RETURNING names, in the order that read_sandbox() takes.
inline constexpr std::string_view kColumns =
    "id, team_id, host_id, template, status, vcpus, memory_mb, disk_mb, timeout_sec, metadata, "
    "host_ip, error_message, created_at, started_at, last_active_at, updated_at, stopped_at, "
    "max_lifetime_sec, end_at, on_timeout, auto_resume, pause_mode, pause_reason, paused_at, "
    "archive, archive_bytes, labels, holder, held_until, host_labels, source_sandbox_id, "
    "source_template, source_version, network";

using Texts = std::map<std::string, std::string>;
// kInvalidArgument for what is no UTF-8.
base::Result<std::string> texts_to_json(const Texts& texts);
base::Result<Texts> parse_texts(const std::string& text);  // kDataLoss

base::Result<Sandbox> read_sandbox(const Row& row);  // kDataLoss
base::Result<std::vector<Sandbox>> read_all(const std::vector<Row>& rows);
base::Result<Sandbox> read_one(const std::vector<Row>& rows);  // kNotFound when there is none.

// What the columns holder and held_until become.
struct Hold {
  std::string holder;
  std::int64_t until = 0;
};
// Nobody's in a state that is not on the way to another one.
Hold hold_in(SandboxState state, const std::string& holder, std::int64_t now);

// kNotFound for an unknown team.
base::Result<Sandbox> insert_row(Session& session, const Sandbox& sandbox, const Hold& hold,
                                 std::int64_t now);
base::Result<void> insert_labels(Session& session, std::string_view id, const Texts& labels);

}  // namespace wrenn::db
