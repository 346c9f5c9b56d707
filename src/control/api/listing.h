// What a listing of sandboxes is restricted to, and where its next page begins. Pure and
// thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/errors.h"
#include "db/sandbox_store.h"
#include "net/headers.h"

namespace wrenn::control {

// status=running,paused (or "all"), template=NAME, label=NAME=VALUE (several: all of them), limit
// parent=ID, host_id=ID and cursor. kInvalidRequest names the parameter that is wrong.
Answer<db::SandboxQuery> parse_listing(std::string_view query);

// The cursor of the next page after these; empty when they are not as many as were asked for.
std::string next_cursor(const db::SandboxQuery& query, const std::vector<db::Sandbox>& page);
// The value of the field Link (RFC 8288) that leads there.
std::string next_link(std::string_view path, std::string_view query, std::string_view cursor);

// How to get the page after this one, which the query `text` asked for; nothing after a short one.
net::Headers next_sandboxes(std::string_view path, std::string_view text,
                            const db::SandboxQuery& query, const std::vector<db::Sandbox>& page);
// How to get the page after one of `count` that ends with `last`; nothing after a short one.
net::Headers next_page(std::string_view path, std::string_view query, std::size_t page,
                       std::size_t count, std::string_view last);

}  // namespace wrenn::control
