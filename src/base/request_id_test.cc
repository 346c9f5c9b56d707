#include "base/request_id.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(RequestId, OnlyPlainOnesAreTaken) {
  for (const char* good : {"a", "req-0123456789abcdef", "6F1c.x_y-Z", "."}) {
    EXPECT_TRUE(is_request_id(good)) << good;
    EXPECT_EQ(request_id_of(good), good);
  }
  EXPECT_TRUE(is_request_id(std::string(kMaxRequestId, 'x')));
  const std::string too_long(kMaxRequestId + 1, 'x');
  for (const std::string& bad :
       {std::string(), too_long, std::string("a b"), std::string("a\nb"), std::string("a\"b"),
        std::string("a=b"), std::string("a/b"), std::string("gr\xc3\xbc"), std::string(1, '\0')}) {
    EXPECT_FALSE(is_request_id(bad)) << bad;
    EXPECT_NE(request_id_of(bad), bad);
  }
}

TEST(RequestId, NewOnesDiffer) {
  EXPECT_TRUE(is_request_id(new_request_id()));
  EXPECT_TRUE(new_request_id().starts_with("req-"));
  EXPECT_NE(request_id_of(std::nullopt), request_id_of(std::nullopt));
}

}  // namespace
}  // namespace wrenn::base
