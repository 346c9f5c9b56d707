// From what people type to the id of a sandbox.
#pragma once

#include <string>

#include "cli/api_client.h"
#include "net/task.h"

namespace wrenn::cli {

// A whole id as it is, without asking; else the one sandbox whose id begins so.
net::Task<base::Result<std::string>> find_sandbox(ApiClient& api, std::string text);

}  // namespace wrenn::cli
