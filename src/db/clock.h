// Clock: where the stores take the time from; a test gives its own.
#pragma once

#include <cstdint>
#include <functional>

namespace wrenn::db {

using Clock = std::function<std::int64_t()>;  // Milliseconds since 1970 UTC.

}  // namespace wrenn::db
