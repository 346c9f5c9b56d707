// Where the proxy to ports of sandboxes listens on this machine.
#pragma once

#include <string>

#include "base/result.h"

namespace wrenn::cli {

// `given` on the command line, else where it was before, else the next port after the API's that is
// free, on the API's address. kInvalidArgument when it cannot be, kUnavailable when none is free.
base::Result<std::string> choose_proxy_listen(const std::string& given, const std::string& saved,
                                              const std::string& api_listen);

}  // namespace wrenn::cli
