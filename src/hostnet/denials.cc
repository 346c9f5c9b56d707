#include "hostnet/denials.h"

#include <netinet/in.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "hostnet/netns.h"
#include "hostnet/nft.h"
#include "hostnet/rules.h"

namespace wrenn::hostnet {
namespace {

using base::concat;
namespace json = boost::json;

// A list may show an element twice while the kernel makes its table larger.
using Found = std::map<std::tuple<std::uint32_t, std::uint8_t, std::uint16_t>, Denial>;

const json::value* member(const json::value* value, std::string_view name) {
  if (value == nullptr || !value->is_object()) return nullptr;
  return value->get_object().if_contains(name);
}

template <class T>
std::optional<T> number(const json::value* value) {
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  const std::int64_t n = value->get_int64();
  if (!std::in_range<T>(n)) return std::nullopt;
  return static_cast<T>(n);
}

// {"val": {"concat": ["1.2.3.4", 6, 443]}, "expires": 3599, "counter": {"packets": 1, ...}}
std::optional<Denial> read_element(const json::value* element, std::int64_t now_unix_sec) {
  const json::value* key = member(member(element, "val"), "concat");
  const json::array* parts = key == nullptr ? nullptr : key->if_array();
  if (parts == nullptr || parts->size() < 2 || parts->size() > 3) return std::nullopt;
  const json::string* text = parts->at(0).if_string();
  const auto address = text == nullptr ? std::nullopt : Ipv4::parse(*text);
  const auto protocol = number<std::uint8_t>(&parts->at(1));
  const auto port =
      parts->size() == 3 ? number<std::uint16_t>(&parts->at(2)) : std::optional<std::uint16_t>(0);
  const auto packets = number<std::uint64_t>(member(member(element, "counter"), "packets"));
  const auto expires = number<std::uint32_t>(member(element, "expires"));
  if (!address || !protocol || !port || !packets || !expires) return std::nullopt;
  return Denial{
      *address, *protocol, *port, *packets,
      now_unix_sec - std::max<std::int64_t>(0, kDenialsKept.count() - std::int64_t{*expires})};
}

bool add_elements(const json::value* elements, std::int64_t now_unix_sec, Found& found) {
  if (elements == nullptr) return true;
  if (!elements->is_array()) return false;
  for (const json::value& element : elements->get_array()) {
    const auto denial = read_element(member(&element, "elem"), now_unix_sec);
    if (!denial) return false;
    found[{denial->address.value, denial->protocol, denial->port}] = *denial;
  }
  return true;
}

bool is_of_denials(const json::value* set) {
  const json::value* name = member(set, "name");
  return name != nullptr && name->is_string() &&
         (name->get_string() == kDeniedPortsSet || name->get_string() == kDeniedOthersSet);
}

}  // namespace

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_ICMP:
      return "icmp";
    default:
      return concat(static_cast<unsigned>(protocol));
  }
}

base::Result<std::vector<Denial>> parse_denials(std::string_view text, std::int64_t now_unix_sec) {
  json::error_code error;
  const json::value listed = json::parse(json::string_view(text), error);
  const json::value* items = error ? nullptr : member(&listed, "nftables");
  bool is_good = items != nullptr && items->is_array();
  Found found;
  if (is_good) {
    for (const json::value& item : items->get_array()) {
      const json::value* set = member(&item, "set");
      if (!is_of_denials(set)) continue;
      is_good = is_good && add_elements(member(set, "elem"), now_unix_sec, found);
    }
  }
  if (!is_good) {
    return base::fail(base::Code::kInternal, "what nftables lists of a slot cannot be read");
  }
  std::vector<Denial> denials;
  for (const auto& [key, denial] : found) denials.push_back(denial);
  std::ranges::sort(denials, {}, [](const Denial& denial) {
    return std::tuple(-denial.last_unix_sec, denial.address.value, denial.protocol, denial.port);
  });
  return denials;
}

base::Result<std::vector<Denial>> list_denials(const Slot& slot) {
  std::string listed;
  WRENN_TRY(run_in_netns(slot.netns.get(), [&]() -> base::Result<void> {
    WRENN_TRY_ASSIGN(listed, run_nft(list_slot_rules(), NftOutput::kJson));
    return {};
  }));
  return parse_denials(listed, base::unix_ms_now() / 1000);
}

}  // namespace wrenn::hostnet
