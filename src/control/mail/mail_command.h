// `wrenn-cp mail test`: whether mail can be sent. Blocking.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::control {

// One try, by the settings of the environment; prints where the mail is now. `directory` is where
// it becomes a file when there is no server.
base::Result<void> send_test_mail(const base::Path& directory, const std::string& to);

}  // namespace wrenn::control
