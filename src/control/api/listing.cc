#include "control/api/listing.h"

#include <algorithm>

#include "base/id.h"
#include "base/strings.h"
#include "control/api/requests.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxQuery;

constexpr std::size_t kMaxFilters = 16;

Answer<void> add_states(std::string_view text, SandboxQuery& query) {
  for (const std::string_view name : base::split(text, ',')) {
    if (name == "all") {
      query.states.assign(db::kAllSandboxStates.begin(), db::kAllSandboxStates.end());
      continue;
    }
    const auto state = db::state_from_name(name);
    if (!state) {
      return refuse(ApiCode::kInvalidRequest,
                    concat("status: '", name,
                           "' is none; running, paused, hibernated, stopped, error or all are"));
    }
    if (std::ranges::find(query.states, *state) == query.states.end()) {
      query.states.push_back(*state);
    }
  }
  return {};
}

Answer<void> add_label(std::string_view text, SandboxQuery& query) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    return refuse(ApiCode::kInvalidRequest, "label must be NAME=VALUE");
  }
  const auto [at, is_new] = query.labels.emplace(text.substr(0, equals), text.substr(equals + 1));
  if (!is_new && at->second != text.substr(equals + 1)) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("label ", at->first, " is asked to have two values"));
  }
  if (query.labels.size() > kMaxFilters) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("label may be given ", kMaxFilters, " times at most"));
  }
  return {};
}

Answer<void> set_cursor(std::string_view text, SandboxQuery& query) {
  const auto dash = text.find('-');
  const auto created_at = base::parse_int<std::int64_t>(text.substr(0, dash));
  const std::string_view id = dash == text.npos ? "" : text.substr(dash + 1);
  if (!created_at || !base::is_id(base::kSandboxPrefix, id)) {
    return refuse(ApiCode::kInvalidRequest, "cursor is none that was given out; begin without it");
  }
  query.before_created_at = created_at;
  query.before_id = id;
  return {};
}

Answer<void> set_limit(std::string_view text, SandboxQuery& query) {
  const auto limit = base::parse_int<int>(text);
  if (!limit || *limit < 1 || *limit > db::kMaxSandboxPage) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("limit must be a whole number from 1 to ", db::kMaxSandboxPage));
  }
  query.limit = *limit;
  return {};
}

Answer<void> set_parameter(const QueryParameter& parameter, SandboxQuery& query) {
  const auto& [name, value] = parameter;
  if (name == "status") return add_states(value, query);
  if (name == "label") return add_label(value, query);
  if (name == "cursor") return set_cursor(value, query);
  if (name == "limit") return set_limit(value, query);
  if (name == "template") query.template_name = value;
  if (name == "host_id") query.host_id = value;
  if (name == "parent" && !base::is_id(base::kSandboxPrefix, value)) {
    return refuse(ApiCode::kInvalidRequest, "parent must be the id of a sandbox");
  }
  if (name == "parent") query.parent = value;
  return {};
}

}  // namespace

Answer<SandboxQuery> parse_listing(std::string_view text) {
  SandboxQuery query{.limit = db::kMaxSandboxPage};
  API_TRY_ASSIGN(const auto parameters, query_parameters(text));
  for (const QueryParameter& parameter : parameters) {
    if (!parameter.value.empty()) API_TRY(set_parameter(parameter, query));
  }
  return query;
}

std::string next_cursor(const SandboxQuery& query, const std::vector<db::Sandbox>& page) {
  if (page.size() < static_cast<std::size_t>(query.limit)) return {};
  return concat(page.back().created_at, '-', page.back().id);
}

std::string next_link(std::string_view path, std::string_view query, std::string_view cursor) {
  std::string target = concat(path, '?');
  for (const std::string_view pair : base::split(query, '&')) {
    // Nothing that would end the target early.
    const bool is_plain = pair.find_first_of("<> \"") == pair.npos;
    if (!pair.empty() && is_plain && !pair.starts_with("cursor=")) target += concat(pair, '&');
  }
  return concat('<', target, "cursor=", cursor, ">; rel=\"next\"");
}

net::Headers next_sandboxes(std::string_view path, std::string_view text, const SandboxQuery& query,
                            const std::vector<db::Sandbox>& page) {
  net::Headers fields;
  if (const std::string cursor = next_cursor(query, page); !cursor.empty()) {
    fields.add("Link", next_link(path, text, cursor));
    fields.add("X-Next-Cursor", cursor);
  }
  return fields;
}

net::Headers next_page(std::string_view path, std::string_view query, std::size_t page,
                       std::size_t count, std::string_view last) {
  net::Headers fields;
  if (count < page) return fields;
  fields.add("Link", next_link(path, query, last));
  fields.add("X-Next-Cursor", last);
  return fields;
}

}  // namespace wrenn::control
