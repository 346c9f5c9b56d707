// Tells the service manager that started this program how it is (sd_notify(3)).
#pragma once

#include <string_view>

#include "base/result.h"

namespace wrenn::base {

inline constexpr std::string_view kServiceReady = "READY=1";
inline constexpr std::string_view kServiceStopping = "STOPPING=1";

// Nothing is done where NOTIFY_SOCKET is not set. Whoever listens there is not waited for.
Result<void> notify_service_manager(std::string_view state);
// The same; a failure is logged, since nothing depends on it but what the manager knows.
void tell_service_manager(std::string_view state);

}  // namespace wrenn::base
