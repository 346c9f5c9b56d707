#include "control/mail/address.h"

#include <string>

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

TEST(Address, WhatPeopleHave) {
  for (const char* text :
       {"a@b", "somebody@example.com", "first.last+tag@mail.example.co.uk", "o'brien@example.com",
        "x_y-z@1.example", "UPPER@EXAMPLE.COM", "root@localhost"}) {
    EXPECT_TRUE(is_email(text)) << text;
  }
  EXPECT_TRUE(is_email(std::string(64, 'a') + "@example.com"));
}

TEST(Address, WhatIsNone) {
  for (const char* text : {"",
                           "@",
                           "a",
                           "a@",
                           "@b",
                           "a@b@c",
                           "a b@c",
                           "a@b c",
                           ".a@b",
                           "a.@b",
                           "a..b@c",
                           "a@.b",
                           "a@b.",
                           "a@b..c",
                           "a@-b",
                           "a@b-",
                           "a@b_c",
                           "\"a b\"@c",
                           "a@[127.0.0.1]",
                           "<a@b>",
                           "a@b\r\nBcc: c@d",
                           "a\r\n@b",
                           "a@b\n",
                           "a,b@c",
                           "a;b@c",
                           "a:b@c",
                           "a@b,c@d",
                           "a(x)@b",
                           "j\xC3\xB6rg@example.com",
                           "a@ex\xC3\xA4mple.com"}) {
    EXPECT_FALSE(is_email(text)) << text;
  }
  EXPECT_FALSE(is_email(std::string_view("a\0@b", 4)));
  EXPECT_FALSE(is_email(std::string(65, 'a') + "@example.com"));
  EXPECT_FALSE(is_email("a@" + std::string(64, 'b') + ".com"));
  std::string many = "a@b";
  while (many.size() <= 254) many += ".b";
  EXPECT_FALSE(is_email(many));
}

}  // namespace
}  // namespace wrenn::control
