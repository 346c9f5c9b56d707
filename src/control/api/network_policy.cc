#include "control/api/network_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/json.hpp>

#include "base/strings.h"
#include "control/api/json_fields.h"
#include "control/audit_log.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;
using base::concat;

constexpr std::size_t kMaxEntries = 256;
constexpr std::size_t kShownEntry = 64;  // Bytes of it in an error.
constexpr int kAddressBits = 32;

struct Block {
  std::uint32_t network = 0;  // Host byte order.
  int bits = kAddressBits;

  std::uint32_t mask() const { return bits == 0 ? 0 : ~std::uint32_t{0} << (kAddressBits - bits); }
  bool contains(const Block& other) const {
    return other.bits >= bits && (other.network & mask()) == network;
  }
};

// What the packet filter of every host refuses whatever a policy says (src/hostnet/rules.cc).
constexpr std::array kRefusedAlways = {
    Block{0x00000000, 8},   // 0.0.0.0
    Block{0x0A000000, 8},   // 10.0.0.0
    Block{0x64400000, 10},  // 100.64.0.0
    Block{0x7F000000, 8},   // 127.0.0.0
    Block{0xA9FE0000, 16},  // 169.254.0.0
    Block{0xAC100000, 12},  // 172.16.0.0
    Block{0xC0000000, 24},  // 192.0.0.0
    Block{0xC0A80000, 16},  // 192.168.0.0
    Block{0xC6120000, 15},  // 198.18.0.0
    Block{0xE0000000, 4},   // 224.0.0.0
    Block{0xF0000000, 4},   // 240.0.0.0
};

std::string text_of(const Block& block) {
  const std::uint32_t n = block.network;
  std::string text = concat(n >> 24, '.', n >> 16 & 0xFF, '.', n >> 8 & 0xFF, '.', n & 0xFF);
  return block.bits == kAddressBits ? text : concat(text, '/', block.bits);
}

// Four numbers without leading zeros, which some read as octal.
std::optional<std::uint32_t> parse_address(std::string_view text) {
  in_addr address{};
  const std::string terminated(text);
  if (terminated.contains('\0') || ::inet_pton(AF_INET, terminated.c_str(), &address) != 1) {
    return std::nullopt;
  }
  const std::uint32_t number = ntohl(address.s_addr);
  if (text_of({.network = number}) != text) return std::nullopt;
  return number;
}

std::optional<Block> find_refused(const Block& block) {
  const auto found = std::ranges::find_if(
      kRefusedAlways, [&block](const Block& refused) { return refused.contains(block); });
  return found == kRefusedAlways.end() ? std::nullopt : std::optional(*found);
}

// What it is instead, for who wrote it; `text` is no IPv4 address.
std::string what_it_is(std::string_view text) {
  constexpr std::string_view kExample =
      "write an IPv4 address such as 93.184.215.14, or a block such as 93.184.215.0/24";
  const auto colon = text.find(':');
  if (colon != text.npos && parse_address(text.substr(0, colon))) {
    return concat("has a port, and addresses are allowed or denied as a whole; write ",
                  text.substr(0, colon));
  }
  const bool has_name = std::ranges::any_of(
      text, [](char c) { return (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z'); });
  if (colon != text.npos && !has_name)
    return concat("is IPv6, and sandboxes have IPv4 only; ", kExample);
  const bool has_letter = has_name || std::ranges::any_of(text, [](char c) {
                            return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
                          });
  if (has_letter) {
    return concat("is a name, and only addresses can be allowed or denied; ", kExample);
  }
  return concat("is no IPv4 address; ", kExample);
}

// The mistake in an entry, if there is one.
std::optional<std::string> mistake_in(std::string_view entry, bool is_allowed) {
  const auto slash = entry.find('/');
  const auto address = parse_address(entry.substr(0, slash));
  if (!address) return what_it_is(entry);
  Block block{.network = *address};
  if (slash != entry.npos) {
    const std::string_view digits = entry.substr(slash + 1);
    const auto bits = base::parse_int<int>(digits);
    if (!bits || *bits < 0 || *bits > kAddressBits || concat(*bits) != digits) {
      return concat("has no length from 0 to 32 after the slash; write one such as ",
                    text_of(block), "/24, or the address alone");
    }
    block.bits = *bits;
    if ((block.network & block.mask()) != block.network) {
      const Block meant{.network = block.network & block.mask(), .bits = *bits};
      return concat("is an address in a network, and no network; write ", text_of(meant),
                    " for all of it, or ", text_of({.network = block.network}), " for that one");
    }
  }
  if (!is_allowed) return std::nullopt;
  if (const auto refused = find_refused(block)) {
    return concat("is in ", text_of(*refused),
                  ", and sandboxes reach public addresses only; leave it out");
  }
  return std::nullopt;
}

std::vector<std::string> read_entries(JsonFields& fields, std::string_view name, bool is_allowed) {
  std::vector<std::string> entries = fields.texts(name, kMaxEntries);
  for (const std::string& entry : entries) {
    if (const auto mistake = mistake_in(entry, is_allowed)) {
      fields.fail(concat(name, ": '", plain_text(entry, kShownEntry), "' ", *mistake));
    }
  }
  return entries;
}

db::NetworkPolicy read_policy(JsonFields& fields) {
  return {.allow_internet_access = fields.boolean("allow_internet_access", true),
          .allow_out = read_entries(fields, "allow_out", true),
          .deny_out = read_entries(fields, "deny_out", false)};
}

}  // namespace

db::NetworkPolicy read_network(JsonFields& fields) {
  JsonFields own = fields.object("network");
  db::NetworkPolicy policy = read_policy(own);
  if (const auto read = own.status(); !read) {
    fields.fail(concat("network.", read.error().message));
  }
  return policy;
}

Answer<db::NetworkPolicy> parse_network(std::string_view body) {
  JsonFields fields(body);
  db::NetworkPolicy policy = read_policy(fields);
  API_TRY(fields.status());
  return policy;
}

json::object network_object(const db::NetworkPolicy& policy) {
  return {{"allow_internet_access", policy.allow_internet_access},
          {"allow_out", json::array(policy.allow_out.begin(), policy.allow_out.end())},
          {"deny_out", json::array(policy.deny_out.begin(), policy.deny_out.end())}};
}

void to_rpc(const db::NetworkPolicy& policy, hostagent::v1::NetworkPolicy& message) {
  message.set_deny_internet(!policy.allow_internet_access);
  message.mutable_allow_out()->Assign(policy.allow_out.begin(), policy.allow_out.end());
  message.mutable_deny_out()->Assign(policy.deny_out.begin(), policy.deny_out.end());
}

bool can_be_allowed(std::string_view address) {
  const auto number = parse_address(address);
  return number && !find_refused({.network = *number});
}

}  // namespace wrenn::control
