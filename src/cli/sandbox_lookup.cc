#include "cli/sandbox_lookup.h"

#include "base/id.h"
#include "cli/sandbox.h"

namespace wrenn::cli {

net::Task<base::Result<std::string>> find_sandbox(ApiClient& api, std::string text) {
  if (base::is_id(base::kSandboxPrefix, text)) co_return text;
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.list("/v1/capsules"));
  WRENN_CO_TRY_ASSIGN(const auto sandboxes, parse_sandbox_list(reply));
  co_return match_id(sandboxes, text);
}

}  // namespace wrenn::cli
