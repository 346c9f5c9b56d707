#include "proxy/access.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using base::concat;

// What is signed begins with its purpose, so that no token of one kind is one of another; NUL is in
// none of the parts.
constexpr std::string_view kTrafficPurpose = "wrenn traffic token v1";
constexpr std::string_view kPreviewPurpose = "wrenn preview token v1";
constexpr std::string_view kDownloadPurpose = "wrenn download v1";

std::string traffic_signature(const base::Secret& key, std::string_view sandbox_id) {
  return base::to_hex(base::hmac_sha256(key.reveal(), concat(kTrafficPurpose, '\0', sandbox_id)));
}

// `expires` as it stands in the token.
std::string preview_signature(const base::Secret& key, const PortAddress& address,
                              std::string_view expires) {
  return base::to_hex(base::hmac_sha256(
      key.reveal(),
      concat(kPreviewPurpose, '\0', address.sandbox_id, '\0', address.port, '\0', expires)));
}

}  // namespace

std::string AccessKey::traffic_token(std::string_view sandbox_id) const {
  return traffic_signature(key_, sandbox_id);
}

bool AccessKey::is_traffic_token(std::string_view sandbox_id, std::string_view token) const {
  if (key_.empty()) return false;
  return base::constant_time_equal(traffic_signature(key_, sandbox_id), token);
}

std::string AccessKey::preview_token(const PortAddress& address, std::int64_t expires_unix) const {
  const std::string expires = concat(expires_unix);
  return concat(expires, '.', preview_signature(key_, address, expires));
}

std::string AccessKey::download_signature(std::string_view text) const {
  return base::to_hex(base::hmac_sha256(key_.reveal(), concat(kDownloadPurpose, '\0', text)));
}

bool AccessKey::is_download_signature(std::string_view text, std::string_view signature) const {
  if (key_.empty()) return false;
  return base::constant_time_equal(download_signature(text), signature);
}

AccessKey::Preview AccessKey::check_preview(const PortAddress& address, std::string_view token,
                                            std::int64_t now_unix) const {
  const std::size_t dot = token.find('.');
  if (key_.empty() || dot == std::string_view::npos) return Preview::kInvalid;
  const std::string_view expires = token.substr(0, dot);
  const auto seconds = base::parse_int<std::int64_t>(expires);
  if (!seconds) return Preview::kInvalid;
  // The text that stands there is what was signed, so there is no second way to write a token.
  if (!base::constant_time_equal(preview_signature(key_, address, expires),
                                 token.substr(dot + 1))) {
    return Preview::kInvalid;
  }
  return now_unix < *seconds ? Preview::kValid : Preview::kExpired;
}

std::optional<std::string> take_parameter(std::string& target, std::string_view name) {
  const std::size_t question = target.find('?');
  if (question == std::string::npos) return std::nullopt;
  std::size_t begin = question + 1;
  while (true) {
    const std::size_t end = std::min(target.find('&', begin), target.size());
    const std::string_view pair = std::string_view(target).substr(begin, end - begin);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == name && !pair.empty()) {
      std::string value(pair.substr(std::min(equals + 1, pair.size())));
      // One separator goes with it: the one behind it while another parameter follows, else the
      // one before it, which is the '?' when it was alone.
      const bool is_last = end == target.size();
      target.erase(is_last ? begin - 1 : begin, end - begin + 1);
      return value;
    }
    if (end == target.size()) return std::nullopt;
    begin = end + 1;
  }
}

}  // namespace wrenn::proxy
