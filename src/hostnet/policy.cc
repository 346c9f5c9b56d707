#include "hostnet/policy.h"

#include "base/strings.h"
#include "hostnet/netns.h"
#include "hostnet/nft.h"
#include "hostnet/rules.h"

namespace wrenn::hostnet {

using base::Code;
using base::concat;

base::Result<std::vector<Ipv4Block>> parse_blocks(std::string_view name,
                                                  const std::vector<std::string>& texts) {
  if (texts.size() > kMaxPolicyBlocks) {
    return base::fail(Code::kInvalidArgument,
                      concat(name, " has ", texts.size(), " entries, more than ", kMaxPolicyBlocks),
                      "put addresses that lie beside each other into one block");
  }
  std::vector<Ipv4Block> blocks;
  for (const std::string& text : texts) {
    auto block = Ipv4Block::parse(text);
    if (!block) return base::fail(std::move(block).error().with_context(name));
    blocks.push_back(*block);
  }
  return blocks;
}

base::Result<void> apply_policy(const Slot& slot, const EgressPolicy& policy) {
  return run_in_netns(slot.netns.get(), [&]() -> base::Result<void> {
    WRENN_TRY(run_nft(slot_rules(policy)));
    return {};
  });
}

}  // namespace wrenn::hostnet
