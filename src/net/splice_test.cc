#include "net/splice.h"

#include <sys/socket.h>

#include <array>

#include <gtest/gtest.h>

#include "net/http_connection.h"

namespace wrenn::net {
namespace {

class SpliceTest : public testing::Test {
 protected:
  using Pair = std::array<std::unique_ptr<Stream>, 2>;

  Pair make_pair() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {*Stream::adopt(loop, base::Fd(ends[0])), *Stream::adopt(loop, base::Fd(ends[1]))};
  }

  Loop loop;
  Pair in = make_pair();
  Pair out = make_pair();
  SpliceBuffer buffer = *SpliceBuffer::create();
};

TEST_F(SpliceTest, MovesWhatIsThereAndTellsTheEnd) {
  ASSERT_TRUE(loop.block_on(in[0]->write_all("some bytes")));
  EXPECT_EQ(loop.block_on(buffer.fill(*in[1], 4)).value_or(0), 4u);
  ASSERT_TRUE(loop.block_on(buffer.drain(*out[0])));
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(loop.block_on(buffer.fill(*in[1], 100)).value_or(0), 6u);
  ASSERT_TRUE(loop.block_on(buffer.drain(*out[0])));
  std::array<char, 100> bytes;
  const auto n = loop.block_on(out[1]->read_some(bytes));
  EXPECT_EQ(std::string_view(bytes.data(), n.value_or(0)), "some bytes");
  in[0]->shutdown_write();
  EXPECT_EQ(loop.block_on(buffer.fill(*in[1], 100)).value_or(1), 0u);
}

TEST_F(SpliceTest, ABodyThatComesIsNoLongerWaitedFor) {
  constexpr std::uint64_t kLength = 1 << 20;
  InputBuffer input(*in[1]);
  BodyReader body(input, Framing::kLength, kLength, base::Duration::zero());
  body.expect_continue(*in[1]);
  EXPECT_FALSE(body.can_splice());
  body.leave_continue();
  EXPECT_TRUE(body.awaits_continue());
  ASSERT_TRUE(body.can_splice());
  ASSERT_TRUE(loop.block_on(in[0]->write_all("body")));
  EXPECT_EQ(loop.block_on(body.splice(buffer)).value_or(0), 4u);
  EXPECT_FALSE(body.awaits_continue());
  EXPECT_EQ(body.left(), kLength - 4);
}

TEST_F(SpliceTest, ABodyThatIsCutIsAnError) {
  InputBuffer input(*in[1]);
  BodyReader body(input, Framing::kLength, 1 << 20, base::Duration::zero());
  in[0]->shutdown_write();
  const auto n = loop.block_on(body.splice(buffer));
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().code, base::Code::kUnavailable);
  EXPECT_FALSE(body.finished());
}

}  // namespace
}  // namespace wrenn::net
