#include "base/ipv4.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::base {
namespace {

constexpr const char* kExample =
    "write an IPv4 address such as 93.184.215.14, or a block such as 93.184.215.0/24";

// Short and plain enough to be repeated to whoever wrote it.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 64;
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (text.size() > kMaxQuoted || !is_plain) return concat("a text of ", text.size(), " bytes");
  return concat('\'', text, '\'');
}

std::unexpected<Error> wrong(std::string_view text, std::string_view what, std::string remedy) {
  return fail(Code::kInvalidArgument, concat(quoted(text), ' ', what), std::move(remedy));
}

std::uint32_t mask_of(int prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (Ipv4Block::kAddressBits - prefix);
}

std::optional<int> parse_prefix(std::string_view text) {
  const auto prefix = parse_int<std::uint8_t>(text);
  if (!prefix || *prefix > Ipv4Block::kAddressBits || concat(*prefix) != text) return std::nullopt;
  return *prefix;
}

// `text` does not begin with an IPv4 address.
std::unexpected<Error> not_an_address(std::string_view text) {
  const auto colon = text.find(':');
  const auto has = [text](char from, char to) {
    return std::ranges::any_of(text, [=](char c) {
      const char small = static_cast<char>(c | 0x20);
      return small >= from && small <= to;
    });
  };
  if (colon != text.npos && Ipv4::parse(text.substr(0, colon))) {
    return wrong(text, "has a port, and addresses are taken as a whole",
                 concat("write ", text.substr(0, colon)));
  }
  if (colon != text.npos && !has('g', 'z')) {
    return wrong(text, "is IPv6, and only IPv4 is taken", kExample);
  }
  if (has('a', 'z')) return wrong(text, "is a name, and only addresses are taken", kExample);
  return wrong(text, "is no IPv4 address", kExample);
}

}  // namespace

std::string Ipv4::to_string() const {
  return concat(value >> 24, '.', (value >> 16) & 255, '.', (value >> 8) & 255, '.', value & 255);
}

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  Ipv4 address;
  for (const auto part : parts) {
    const auto byte = parse_int<std::uint8_t>(part);
    if (!byte || (part.size() > 1 && part.front() == '0')) return std::nullopt;
    address.value = address.value << 8 | *byte;
  }
  return address;
}

bool Ipv4Block::contains(const Ipv4Block& other) const {
  return other.prefix >= prefix && (other.network.value & mask_of(prefix)) == network.value;
}

std::string Ipv4Block::to_string() const {
  if (prefix == kAddressBits) return network.to_string();
  return concat(network.to_string(), '/', prefix);
}

Result<Ipv4Block> Ipv4Block::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Ipv4::parse(text.substr(0, slash));
  if (!address) return not_an_address(text);
  if (slash == text.npos) return Ipv4Block{*address};
  const auto prefix = parse_prefix(text.substr(slash + 1));
  if (!prefix) {
    return wrong(text, "has no length from 0 to 32 after the slash",
                 concat("write one such as ", address->to_string(), "/24, or the address alone"));
  }
  const Ipv4Block block{{address->value & mask_of(*prefix)}, *prefix};
  if (block.network != *address) {
    return wrong(text, "is an address in a network, and no network",
                 concat("write ", block.to_string(), " for all of it, or ", address->to_string(),
                        " for that one"));
  }
  return block;
}

std::optional<Ipv4Block> find_special(const Ipv4Block& block) {
  const auto* const found = std::ranges::find_if(
      kSpecialBlocks, [&block](const Ipv4Block& special) { return special.contains(block); });
  return found == kSpecialBlocks.end() ? std::nullopt : std::optional(*found);
}

}  // namespace wrenn::base
