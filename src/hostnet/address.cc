#include "hostnet/address.h"

#include <array>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::hostnet {
namespace {

using base::concat;

constexpr std::size_t kTagDigits = 6;

bool is_private(Ipv4 address) {
  return (address.value >> 24) == 10 || (address.value >> 20) == 0xAC1 ||
         (address.value >> 16) == 0xC0A8;
}

}  // namespace

std::string to_string(const MacAddress& mac) {
  std::string text;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    const char raw = static_cast<char>(byte);
    text += base::to_hex({&raw, 1});
  }
  return text;
}

std::string SlotRange::to_string() const {
  return concat(network.to_string(), "/16");
}

base::Result<SlotRange> SlotRange::parse(std::string_view text) {
  const auto parts = base::split(text, '/');
  const auto address = Ipv4::parse(parts.front());
  if (parts.size() != 2 || parts[1] != "16" || !address || (address->value & 0xFFFF) != 0 ||
      !is_private(*address)) {
    return base::fail(base::Code::kInvalidArgument,
                      concat("'", text, "' is not a private network of 65536 addresses"),
                      "write it like 10.12.0.0/16");
  }
  return SlotRange{*address};
}

Ipv4 host_end(SlotRange range, SlotIndex index) {
  return {range.network.value + 2 * index};
}

Ipv4 sandbox_end(SlotRange range, SlotIndex index) {
  return {range.network.value + 2 * index + 1};
}

InstallTag InstallTag::of(const base::Path& wrenn_dir) {
  const auto path = std::filesystem::absolute(wrenn_dir).lexically_normal();
  std::string text = path.native();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return InstallTag(base::sha256_hex(text).substr(0, kTagDigits));
}

std::uint32_t InstallTag::number() const {
  const std::string bytes = base::from_hex(text_).value_or("");
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

std::string InstallTag::table() const {
  return concat("wrenn_", text_);
}
std::string InstallTag::link_prefix() const {
  return concat("wv", text_);
}
std::string InstallTag::netns_prefix() const {
  return concat("wrenn-", text_, "-");
}
std::string InstallTag::link(SlotIndex index) const {
  return concat(link_prefix(), index);
}
std::string InstallTag::netns(SlotIndex index) const {
  return concat(netns_prefix(), index);
}
std::string InstallTag::device_prefix() const {
  return netns_prefix();
}
std::string InstallTag::cgroup_parent() const {
  return concat("wrenn-", text_);
}

}  // namespace wrenn::hostnet
