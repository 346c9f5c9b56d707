// Versions of what two people may edit at once: ETag, If-Match and If-None-Match.
// https://www.rfc-editor.org/rfc/rfc9110#section-13
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/api/errors.h"
#include "net/headers.h"

namespace wrenn::control {

// `version`: when it was changed last, in ms; never twice the same.
std::string etag_of(std::int64_t version);

// The version that the change is meant for; nothing when any will do, 0 when there must be none
// yet. kInvalidRequest for what is no tag of ours.
Answer<std::optional<std::int64_t>> seen_version(const net::Headers& headers);

ApiError changed_meanwhile();

}  // namespace wrenn::control
