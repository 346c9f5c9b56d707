#include "base/sealer.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

Sealer sealer_of(char c) {
  return Sealer::create(Secret(std::string(kSealKeyBytes, c))).value();
}

TEST(Sealer, OpensWhatItSealed) {
  const Sealer sealer = sealer_of('k');
  for (const std::string& value :
       {std::string(), std::string("a secret"), random_bytes(1000), std::string(3, '\0')}) {
    const std::string sealed = sealer.seal(value, "tokens/1");
    EXPECT_TRUE(Sealer::is_sealed(sealed));
    if (!value.empty()) {
      EXPECT_FALSE(sealed.contains(value));
    }
    EXPECT_NE(sealer.seal(value, "tokens/1"), sealed);
    const auto opened = sealer_of('k').open(sealed, "tokens/1");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), value);
  }
}

// Made by another implementation of XChaCha20-Poly1305, with the nonce 0, 1, ..., 23: what
// was stored must open ever after.
TEST(Sealer, OpensWhatWasStoredBefore) {
  constexpr std::string_view kStored =
      "sealed1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXttOz5W3O3KtVwSYr9+wSDa2zsRq8ISBo";
  const auto opened = sealer_of('k').open(kStored, "tokens/1");
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_EQ(opened->reveal(), "a secret");
}

TEST(Sealer, OpensNothingElse) {
  const Sealer sealer = sealer_of('k');
  const std::string sealed = sealer.seal("a secret", "tokens/1");
  EXPECT_FALSE(sealer_of('x').open(sealed, "tokens/1"));
  EXPECT_FALSE(sealer.open(sealed, "tokens/2"));
  const std::string bytes = from_base64(sealed.substr(8)).value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] ^= 1;
    const auto opened = sealer.open("sealed1:" + to_base64(changed), "tokens/1");
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().code, Code::kFailedPrecondition);
    EXPECT_FALSE(sealer.open("sealed1:" + to_base64(bytes.substr(0, i)), "tokens/1")) << i;
  }
  for (const char* text : {"", "a secret", "sealed1:", "sealed1:?", "sealed2:AAAA"}) {
    EXPECT_FALSE(sealer.open(text, "tokens/1")) << text;
  }
}

TEST(Sealer, TellsWhatIsSealed) {
  EXPECT_TRUE(Sealer::is_sealed("sealed2:AAAA"));  // By a newer version.
  EXPECT_FALSE(Sealer::is_sealed(std::string(64, 'a')));
  EXPECT_FALSE(Sealer::is_sealed(""));
}

TEST(Sealer, AFingerprintNamesTheKeyAndIsNotIt) {
  const std::string bytes(kSealKeyBytes, 'k');
  const std::string print = Sealer::create(Secret(bytes)).value().fingerprint();
  EXPECT_EQ(print.size(), 16u);
  EXPECT_EQ(print, Sealer::create(Secret(bytes)).value().fingerprint());
  EXPECT_NE(print, Sealer::create(Secret(std::string(kSealKeyBytes, 'l'))).value().fingerprint());
  EXPECT_FALSE(to_hex(bytes).contains(print));
}

TEST(Sealer, KeysAre64Digits) {
  const std::string digits = "00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddeeff";
  const auto key = seal_key_from_hex(digits);
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->reveal()), to_lower(digits));
  for (const std::string& text :
       {std::string(), digits.substr(1), digits + "0", digits + "00", std::string(64, 'z'),
        " " + digits.substr(1), digits.substr(0, 63) + "\n"}) {
    EXPECT_FALSE(seal_key_from_hex(text)) << text;
  }
  EXPECT_FALSE(Sealer::create(Secret("short")));
}

}  // namespace
}  // namespace wrenn::base
