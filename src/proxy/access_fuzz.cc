// Any target: what is left when a parameter was taken out is what stood around it. Any token: none
// opens a port but the one that was made for it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/strings.h"
#include "proxy/access.h"

namespace {

using namespace wrenn;
using Preview = proxy::AccessKey::Preview;

void check(bool holds) {
  if (!holds) std::abort();
}

// Without a '?' there is no parameter, and with one there is at least an empty one.
std::vector<std::string_view> parameters(std::string_view target) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return {};
  return base::split(target.substr(question + 1), '&');
}

bool has_name(std::string_view parameter) {
  return parameter == "t" || parameter.starts_with("t=");
}

void check_take(std::string_view before) {
  std::string after(before);
  const auto value = proxy::take_parameter(after, "t");
  std::vector<std::string_view> expected = parameters(before);
  const auto found = std::ranges::find_if(expected, has_name);
  check(value.has_value() == (found != expected.end()));
  if (!value) return check(after == before);
  check(*found == base::concat("t=", *value) || (*found == "t" && value->empty()));
  expected.erase(found);
  check(parameters(after) == expected);
  check(after.substr(0, after.find('?')) == before.substr(0, before.find('?')));
}

void check_token(std::string_view text) {
  const proxy::AccessKey key(base::Secret(std::string(64, '0')));
  const proxy::PortAddress address{"cl-0000000000000000000000001", 3000};
  constexpr std::int64_t kExpires = 1'800'000'000;
  const std::string token = key.preview_token(address, kExpires);
  check(key.check_preview(address, token, kExpires - 1) == Preview::kValid);
  if (text == token) return;
  check(key.check_preview(address, text, 0) == Preview::kInvalid);
  // The signature of another time than the one that stands there.
  check(key.check_preview(address, base::concat(text, token), 0) == Preview::kInvalid ||
        text.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_take(text);
  check_token(text);
  return 0;
}
