#include "net/gzip.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "net/loop.h"

namespace wrenn::net {
namespace {

using base::Code;

std::string long_text() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  return text + base::random_bytes(100'000);
}

TEST(Gzip, GoesThereAndBack) {
  for (const std::string& text : {std::string(), std::string("x"), long_text()}) {
    const std::string packed = gzip(text);
    const auto back = gunzip(packed, text.size());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, text);
  }
  EXPECT_LT(gzip(std::string(1 << 20, 'a')).size(), 10'000U);
}

TEST(Gzip, TheLimitHoldsWhateverTheInputIs) {
  const std::string bomb = gzip(std::string(10u << 20, '\0'));
  EXPECT_EQ(gunzip(bomb, 1u << 20).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(gunzip(bomb, 10u << 20));
}

TEST(Gzip, TellsWhatIsNotGzip) {
  const std::string good = gzip("hello");
  EXPECT_EQ(gunzip("hello", 100).error().code, Code::kInvalidArgument);
  EXPECT_EQ(gunzip("", 100).error().code, Code::kInvalidArgument);
  EXPECT_EQ(gunzip(good + "x", 100).error().code, Code::kInvalidArgument);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(gunzip(good.substr(0, size), 100).error().code, Code::kInvalidArgument) << size;
  }
  std::string broken = good;
  broken[broken.size() - 5] ^= 1;  // Of the checksum.
  EXPECT_EQ(gunzip(broken, 100).error().code, Code::kInvalidArgument);
}

TEST(Gzip, SeveralMembersAreOneText) {
  EXPECT_EQ(gunzip(gzip("ab") + gzip("") + gzip("c"), 3).value(), "abc");
}

// Gives `step` bytes at a time.
class Dripping final : public ByteSource {
 public:
  Dripping(std::string text, std::size_t step) : text_(std::move(text)), step_(step) {}
  Task<base::Result<std::size_t>> read(std::span<char> buffer) override {
    const std::size_t n =
        std::string_view(text_).substr(at_, step_).copy(buffer.data(), buffer.size());
    at_ += n;
    co_return n;
  }

 private:
  const std::string text_;
  const std::size_t step_;
  std::size_t at_ = 0;
};

TEST(GunzipSource, DoesNotDependOnHowTheInputIsCut) {
  const std::string text = long_text();
  for (const std::size_t step : {std::size_t{7}, std::size_t{4096}, std::size_t{1} << 20}) {
    Loop loop;
    Dripping source(gzip(text), step);
    GunzipSource decoded(source);
    EXPECT_EQ(loop.block_on(read_all(decoded, text.size())).value(), text) << step;
  }
  Loop loop;
  Dripping cut(gzip(text).substr(0, 1000), 100);
  GunzipSource decoded(cut);
  EXPECT_EQ(loop.block_on(read_all(decoded, text.size())).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace wrenn::net
