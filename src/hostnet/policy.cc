#include "hostnet/policy.h"

#include "base/strings.h"
#include "hostnet/netns.h"
#include "hostnet/nft.h"
#include "hostnet/rules.h"

namespace wrenn::hostnet {
namespace {

using base::Code;
using base::concat;

constexpr int kAddressBits = 32;
constexpr const char* kForm = "write it like 203.0.113.7 or 203.0.113.0/24";

// Short enough to be repeated to whoever wrote it.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 64;
  if (text.size() > kMaxQuoted) return concat("a text of ", text.size(), " bytes");
  return concat('\'', text, '\'');
}

std::uint32_t mask_of(int prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (kAddressBits - prefix);
}

std::optional<int> parse_prefix(std::string_view text) {
  const auto prefix = base::parse_int<std::uint8_t>(text);
  if (!prefix || *prefix > kAddressBits || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return *prefix;
}

}  // namespace

std::string Ipv4Block::to_string() const {
  if (prefix == kAddressBits) return network.to_string();
  return concat(network.to_string(), '/', prefix);
}

base::Result<Ipv4Block> Ipv4Block::parse(std::string_view text) {
  if (text.contains(':')) {
    return base::fail(Code::kInvalidArgument,
                      concat(quoted(text), " is not IPv4, and sandboxes have nothing else"), kForm);
  }
  const auto slash = text.find('/');
  const auto address = Ipv4::parse(text.substr(0, slash));
  const auto prefix = slash == std::string_view::npos ? std::optional<int>(kAddressBits)
                                                      : parse_prefix(text.substr(slash + 1));
  if (!address || !prefix) {
    return base::fail(Code::kInvalidArgument,
                      concat(quoted(text), " is neither an IPv4 address nor a block of them"),
                      kForm);
  }
  const Ipv4Block block{{address->value & mask_of(*prefix)}, *prefix};
  if (block.network != *address) {
    return base::fail(Code::kInvalidArgument, concat(quoted(text), " has bits beyond its prefix"),
                      concat("write ", block.to_string(), ", or ", address->to_string(),
                             " for this address alone"));
  }
  return block;
}

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
