#include "envd/guest/init.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

TEST(Hosts, NameIsReplaced) {
  EXPECT_EQ(hosts_with_name("127.0.0.1 localhost\n127.0.1.1 old\n::1 localhost", "new"),
            "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 new\n");
}

TEST(Init, NothingIsChangedByABadRequest) {
  GuestSettings settings;
  ::envd::InitRequest request;
  request.set_access_token("token");
  request.set_default_user("no-such-user");
  EXPECT_EQ(apply_init(request, settings).error().code, base::Code::kInvalidArgument);
  request.set_default_user("root");
  request.set_hostname("bad name");
  EXPECT_EQ(apply_init(request, settings).error().code, base::Code::kInvalidArgument);
  request.clear_hostname();
  request.mutable_timestamp()->set_string_value("yesterday");
  EXPECT_EQ(apply_init(request, settings).error().code, base::Code::kInvalidArgument);
  EXPECT_TRUE(settings.token.empty());
}

}  // namespace
}  // namespace wrenn::envd
