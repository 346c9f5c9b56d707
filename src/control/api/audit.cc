#include "control/api/audit.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/auth.h"
#include "control/api/requests.h"
#include "control/audit_log.h"
#include "control/services.h"
#include "db/team.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
namespace json = boost::json;

constexpr std::size_t kMaxUserAgent = 200;
constexpr std::size_t kMaxResource = 128;
constexpr std::size_t kMaxNote = 4096;
constexpr std::size_t kMaxFilters = 32;
constexpr std::int64_t kUsualPage = 50;
constexpr std::int64_t kMaxPage = 200;
constexpr std::int64_t kMaxExport = 1000;
constexpr std::int64_t kNanosPerMs = 1'000'000;

db::AuditActor actor_of(const Caller& caller) {
  switch (caller.kind) {
    case Caller::Kind::kApiKey:
      return db::AuditActor::kApiKey;
    case Caller::Kind::kUser:
      return db::AuditActor::kUser;
    case Caller::Kind::kNobody:
      break;
  }
  return db::AuditActor::kAnonymous;
}

std::string code_of(const Answer<void>& answer) {
  if (answer) return {};
  if (answer.error().code == ApiCode::kClientGone) return "client_gone";
  return std::string(wire_name(answer.error().code));
}

enum class Format : std::uint8_t { kJson, kNdjson, kCsv };

struct Wish {
  db::AuditQuery query;
  Format format = Format::kJson;
};

void add_values(std::vector<std::string>& all, std::string_view list) {
  for (const std::string_view value : base::split(list, ',')) {
    if (!base::trim(value).empty()) all.emplace_back(base::trim(value));
  }
}

Answer<std::int64_t> parse_time(std::string_view name, std::string_view text) {
  const auto nanos = base::parse_rfc3339(text);
  if (nanos && *nanos >= 0) return *nanos / kNanosPerMs;
  return refuse(ApiCode::kInvalidRequest,
                concat(name, " is no time like 2026-01-31T12:00:00.250Z: '",
                       plain_text(text, kMaxResource), "'"));
}

Answer<Format> parse_format(std::string_view text) {
  if (text.empty() || text == "json") return Format::kJson;
  if (text == "ndjson") return Format::kNdjson;
  if (text == "csv") return Format::kCsv;
  return refuse(ApiCode::kInvalidRequest, "format must be json, ndjson or csv");
}

Answer<Wish> parse_wish(std::string_view text) {
  API_TRY_ASSIGN(const auto parameters, query_parameters(text));
  Wish wish;
  std::string id;
  std::string limit;
  for (const auto& [name, value] : parameters) {
    if (name == "action") add_values(wish.query.actions, value);
    if (name == "resource_type") add_values(wish.query.resource_types, value);
    if (name == "resource_id") add_values(wish.query.resource_ids, value);
    if (name == "actor") wish.query.actor = plain_text(base::trim(value), kMaxResource);
    if (name == "before_id") id = plain_text(value, kMaxResource);
    if (name == "limit") limit = value;
    if (name == "format") {
      API_TRY_ASSIGN(wish.format, parse_format(value));
    }
    if (name == "before" && !value.empty()) {
      API_TRY_ASSIGN(const std::int64_t at, parse_time(name, value));
      wish.query.before = db::AuditCursor{at, {}};
    }
    if (name == "after" && !value.empty()) {
      API_TRY_ASSIGN(wish.query.after, parse_time(name, value));
    }
  }
  if (wish.query.actions.size() + wish.query.resource_types.size() +
          wish.query.resource_ids.size() >
      kMaxFilters) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("at most ", kMaxFilters, " actions, types and ids at once"));
  }
  for (auto* const values :
       {&wish.query.actions, &wish.query.resource_types, &wish.query.resource_ids}) {
    for (std::string& value : *values) value = plain_text(value, kMaxResource);
  }
  if (wish.query.before) wish.query.before->id = id;
  const bool is_page = wish.format == Format::kJson;
  const auto number = base::parse_int<std::int64_t>(limit);
  if (!limit.empty() && (!number || *number < 1 || *number > kMaxExport)) {
    return refuse(ApiCode::kInvalidRequest, concat("limit must be from 1 to ", kMaxExport));
  }
  wish.query.limit =
      std::min(number.value_or(is_page ? kUsualPage : kMaxExport), is_page ? kMaxPage : kMaxExport);
  return wish;
}

json::object entry_object(const db::AuditEntry& entry) {
  json::object out = {{"id", entry.id}, {"actor_type", db::actor_name(entry.actor)}};
  const auto add = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  add("actor_id", entry.actor_id);
  add("actor_name", entry.actor_name);
  add("team_id", entry.team_id);
  out["resource_type"] = entry.resource_type;
  add("resource_id", entry.resource_id);
  out["action"] = entry.action;
  out["scope"] = entry.is_for_admins ? "admin" : "team";
  out["status"] = entry.code.empty() ? "success" : "failure";
  add("code", entry.code);
  add("client_address", entry.client_address);
  add("user_agent", entry.user_agent);
  add("request_id", entry.request_id);
  boost::system::error_code error;
  json::value metadata = json::parse(entry.metadata, error);
  if (!error && metadata.is_object() && !metadata.get_object().empty()) {
    out["metadata"] = std::move(metadata);
  }
  out["created_at"] = base::rfc3339(entry.at);
  return out;
}

// A spreadsheet must not take what others chose for a formula.
std::string csv_field(std::string_view text) {
  std::string out = "\"";
  if (!text.empty() && std::string_view("=+-@\t\r").contains(text.front())) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string csv_row(const db::AuditEntry& entry) {
  const std::string at = base::rfc3339(entry.at);
  std::string row;
  for (const std::string_view field :
       {std::string_view(at), std::string_view(entry.id), std::string_view(entry.team_id),
        db::actor_name(entry.actor), std::string_view(entry.actor_id),
        std::string_view(entry.actor_name), std::string_view(entry.action),
        std::string_view(entry.resource_type), std::string_view(entry.resource_id),
        std::string_view(entry.is_for_admins ? "admin" : "team"), std::string_view(entry.code),
        std::string_view(entry.client_address), std::string_view(entry.user_agent),
        std::string_view(entry.request_id), std::string_view(entry.metadata)}) {
    row += concat(row.empty() ? "" : ",", csv_field(field));
  }
  return row + "\r\n";
}

using Entries = std::vector<db::AuditEntry>;

std::string page_json(const Entries& entries, bool has_next) {
  json::array items;
  for (const auto& entry : entries) items.push_back(entry_object(entry));
  json::object page = {{"items", std::move(items)}};
  if (has_next) {
    page["next_before"] = base::rfc3339(entries.back().at);
    page["next_before_id"] = entries.back().id;
  }
  return json::serialize(page);
}

std::string export_text(const Entries& entries, Format format) {
  std::string out;
  if (format == Format::kCsv) {
    out =
        "created_at,id,team_id,actor_type,actor_id,actor_name,action,resource_type,resource_id,"
        "scope,code,client_address,user_agent,request_id,metadata\r\n";
  }
  for (const auto& entry : entries) {
    out += format == Format::kCsv ? csv_row(entry)
                                  : concat(json::serialize(entry_object(entry)), "\n");
  }
  return out;
}

Task<Answer<void>> send_page(Services& services, Call& call, Wish wish) {
  const auto limit = static_cast<std::size_t>(wish.query.limit);
  ++wish.query.limit;  // Whether there are more.
  API_CO_TRY_ASSIGN(Entries entries, db_answer(co_await services.database_pool.run(
                                         [&] { return services.audit.store().list(wish.query); })));
  const bool has_next = entries.size() > limit;
  if (has_next) entries.resize(limit);
  if (wish.format == Format::kJson) {
    co_return co_await call.send_json(200, page_json(entries, has_next));
  }
  net::Headers extra;
  if (has_next) {
    extra.add("X-Next-Before", base::rfc3339(entries.back().at));
    extra.add("X-Next-Before-Id", entries.back().id);
  }
  const bool is_csv = wish.format == Format::kCsv;
  co_return client_answer(co_await call.response().send(
      200, call.headers(is_csv ? "text/csv; charset=utf-8" : "application/x-ndjson", extra),
      export_text(entries, wish.format)));
}

std::string notes_json(const Call::Notes& notes) {
  json::object out;
  for (const auto& [name, value] : notes) out[name] = plain_text(value, kMaxNote);
  return json::serialize(out);
}

// Of somebody from outside: nothing was tried by it, so that it could only fill the log.
bool is_no_try(const Answer<void>& answer) {
  return !answer &&
         (answer.error().code == ApiCode::kInvalidRequest ||
          answer.error().code == ApiCode::kTooLarge || answer.error().code == ApiCode::kTooMany);
}

}  // namespace

void audit(Services& services, Call& call, const AuditRule& rule, const Answer<void>& answer) {
  using enum AuditRule::Kind;
  if (rule.kind == kUnsaid || rule.kind == kNotLogged) return;
  const Caller& caller = call.caller();
  if (caller.kind == Caller::Kind::kNobody && is_no_try(answer)) return;
  std::string resource = call.resource_id();
  if (resource.empty() && rule.param < call.params()) resource = call.param(rule.param);
  const net::Headers& headers = call.request().headers();
  services.audit.add(
      {.id = {},
       .team_id = rule.kind == kPlatform ? std::string(db::kDefaultTeam) : caller.team_id,
       .actor = actor_of(caller),
       .actor_id = caller.id,
       .actor_name = caller.name,
       .action = std::string(rule.action),
       .resource_type = std::string(rule.resource_type),
       .resource_id = plain_text(resource, kMaxResource),
       .is_for_admins = rule.kind != kTeam,
       .code = code_of(answer),
       .client_address = client_address(call.request().stream().peer_ip(), headers),
       .user_agent = plain_text(headers.find("user-agent").value_or(""), kMaxUserAgent),
       .request_id = call.request_id(),
       .metadata = notes_json(call.notes())});
}

Task<Answer<void>> list_audit_logs(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(Wish wish, parse_wish(call.request().query()));
  wish.query.team_id = call.team_id();
  wish.query.with_admins = call.caller().role != db::Role::kMember;
  co_return co_await send_page(services, call, std::move(wish));
}

Task<Answer<void>> list_all_audit_logs(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(Wish wish, parse_wish(call.request().query()));
  wish.query.with_admins = true;
  const std::string team = query_parameter(call.request().query(), "team_id");
  if (!team.empty()) wish.query.team_id = plain_text(team, kMaxResource);
  co_return co_await send_page(services, call, std::move(wish));
}

}  // namespace wrenn::control
