#include "base/sealer.h"

#include <sodium.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

constexpr std::string_view kFamily = "sealed";
constexpr std::string_view kPrefix = "sealed1:";
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kSealKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
// The version is sealed along: another one's rules never apply.
std::string bound_to(std::string_view context) {
  return concat(kPrefix, context);
}

}  // namespace

std::optional<Secret> seal_key_from_hex(std::string_view text) {
  auto bytes = from_hex(text);
  if (!bytes || bytes->size() != kSealKeyBytes) return std::nullopt;
  return Secret(*std::move(bytes));
}

Result<Sealer> Sealer::create(Secret key) {
  if (key.reveal().size() != kSealKeyBytes) {
    return fail(Code::kInvalidArgument, concat("a key has ", kSealKeyBytes, " bytes"));
  }
  return Sealer(std::move(key));
}

std::string Sealer::fingerprint() const {
  // A key is 256 random bits, so its hash says nothing of it; the label keeps the hash from being
  // used as another one.
  constexpr std::string_view kLabel = "wrenn encryption key fingerprint\n";
  constexpr std::size_t kDigits = 16;
  return sha256_hex(concat(kLabel, key_.reveal())).substr(0, kDigits);
}

bool Sealer::is_sealed(std::string_view text) {
  return text.starts_with(kFamily) && text.contains(':');
}

std::string Sealer::seal(std::string_view value, std::string_view context) const {
  const std::string nonce = random_bytes(kNonceBytes);
  const std::string bound = bound_to(context);
  std::string box(value.size() + kTagBytes, '\0');
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(box), nullptr, raw(value), value.size(),
                                             raw(bound), bound.size(), nullptr, raw(nonce),
                                             raw(key_.reveal()));
  return concat(kPrefix, to_base64(nonce + box));
}

Result<Secret> Sealer::open(std::string_view sealed, std::string_view context) const {
  const auto closed = fail(Code::kFailedPrecondition,
                           "a sealed value does not open: its key is another one, or it was "
                           "changed since");
  if (!sealed.starts_with(kPrefix)) {
    return fail(Code::kFailedPrecondition, "a value is not sealed as this version does it");
  }
  const auto bytes = from_base64(sealed.substr(kPrefix.size()));
  if (!bytes || bytes->size() < kNonceBytes + kTagBytes) return closed;
  const std::string_view nonce = std::string_view(*bytes).substr(0, kNonceBytes);
  const std::string_view box = std::string_view(*bytes).substr(kNonceBytes);
  const std::string bound = bound_to(context);
  std::string value(box.size() - kTagBytes, '\0');
  const bool opens = crypto_aead_xchacha20poly1305_ietf_decrypt(
                         raw(value), nullptr, nullptr, raw(box), box.size(), raw(bound),
                         bound.size(), raw(nonce), raw(key_.reveal())) == 0;
  if (!opens) return closed;
  return Secret(std::move(value));
}

}  // namespace wrenn::base
