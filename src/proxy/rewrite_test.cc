#include "proxy/rewrite.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::proxy {
namespace {

const std::string kId = "cl-0000000000000000000000001";
const std::string kPrefix = "/proxy/" + kId + "/3000";
const std::string kHost = "3000-" + kId + ".example.com:8443";

Rewriter in_path() {
  return Rewriter({{kId, 3000}, AddressForm::kPath, "https", "example.com"});
}
Rewriter in_host() {
  return Rewriter({{kId, 3000}, AddressForm::kHost, "https", kHost});
}

struct Case {
  std::string from;
  std::string path_form;
  std::string host_form;
};

TEST(Rewriter, Locations) {
  for (const Case& c : std::vector<Case>{
           {"/", kPrefix + "/", "/"},
           {"/a//b%2Fc?x=/y#z", kPrefix + "/a//b%2Fc?x=/y#z", "/a//b%2Fc?x=/y#z"},
           {"a/b", "a/b", "a/b"},
           {"../a", "../a", "../a"},
           {"?x", "?x", "?x"},
           {"", "", ""},
           {"http://localhost:3000/a", kPrefix + "/a", "/a"},
           {"HTTP://LocalHost:3000", kPrefix + "/", "/"},
           {"http://localhost/a", kPrefix + "/a", "/a"},
           {"//127.0.0.1:3000/a", kPrefix + "/a", "/a"},
           {"http://[::1]:3000?q", kPrefix + "/?q", "/?q"},
           {"http://169.254.0.21:3000/a", kPrefix + "/a", "/a"},
           {"http://localhost:4000/a", "/proxy/" + kId + "/4000/a",
            "https://4000-" + kId + ".example.com:8443/a"},
           // Those of others, and what nobody should try to understand.
           {"https://other.org/a", "https://other.org/a", "https://other.org/a"},
           {"//other.org/a", "//other.org/a", "//other.org/a"},
           {"http://localhost:3000@other.org/", "http://localhost:3000@other.org/",
            "http://localhost:3000@other.org/"},
           {"http://localhost:99999/", "http://localhost:99999/", "http://localhost:99999/"},
           {"http://localhost\\@other.org/", "http://localhost\\@other.org/",
            "http://localhost\\@other.org/"},
           {"mailto:a@b", "mailto:a@b", "mailto:a@b"},
           {"app://localhost:3000/", "app://localhost:3000/", "app://localhost:3000/"},
       }) {
    EXPECT_EQ(in_path().to_public(c.from), c.path_form) << c.from;
    EXPECT_EQ(in_host().to_public(c.from), c.host_form) << c.from;
  }
}

TEST(Rewriter, ApplicationsThatKnowTheirPublicAddress) {
  EXPECT_EQ(in_path().to_public("https://example.com/login"), kPrefix + "/login");
  EXPECT_EQ(in_path().to_public("https://example.com:443/login"), kPrefix + "/login");
  EXPECT_EQ(in_host().to_public("https://" + kHost + "/login"), "/login");
  for (const std::string& path : {kPrefix, kPrefix + "/login", kPrefix + "?x"}) {
    EXPECT_EQ(in_path().to_public(path), path);
    EXPECT_EQ(in_path().to_public("https://example.com" + path), path);
  }
  // Another port only begins with the same digits.
  EXPECT_EQ(in_path().to_public(kPrefix + "0/"), kPrefix + kPrefix + "0/");
}

TEST(Rewriter, Refresh) {
  for (const Case& c : std::vector<Case>{
           {"5; url=/x", "5; url=" + kPrefix + "/x", "5; url=/x"},
           {"0;URL='/x'", "0;URL='" + kPrefix + "/x'", "0;URL='/x'"},
           {"1, /x", "1, " + kPrefix + "/x", "1, /x"},
           {"5", "5", "5"},
           {"5; url=http://localhost:3000/x", "5; url=" + kPrefix + "/x", "5; url=/x"},
           {"5; url=\"/x", "5; url=\"" + kPrefix + "/x", "5; url=\"/x"},
           {"5; urls/x", "5; urls/x", "5; urls/x"},
           {"", "", ""},
           {"5;", "5;", "5;"},
       }) {
    EXPECT_EQ(in_path().refresh(c.from), c.path_form) << c.from;
    EXPECT_EQ(in_host().refresh(c.from), c.host_form) << c.from;
  }
}

TEST(Rewriter, Cookies) {
  for (const Case& c : std::vector<Case>{
           {"a=b", "a=b", "a=b"},
           {"a=b; Path=/", "a=b; Path=" + kPrefix + "/", "a=b; Path=/"},
           {"a=b;path=/x ;HttpOnly", "a=b;path=" + kPrefix + "/x;HttpOnly", "a=b;path=/x;HttpOnly"},
           {"a=b; Domain=.example.com; Secure", "a=b; Secure", "a=b; Secure"},
           {"a=b; domain = localhost", "a=b", "a=b"},
           {"domain=x; Path=" + kPrefix + "/y", "domain=x; Path=" + kPrefix + "/y",
            "domain=x; Path=" + kPrefix + "/y"},
           {"path=/; Max-Age=1", "path=/; Max-Age=1", "path=/; Max-Age=1"},
           {"a=b; Path", "a=b; Path", "a=b; Path"},
           {"", "", ""},
       }) {
    EXPECT_EQ(in_path().set_cookie(c.from), c.path_form) << c.from;
    EXPECT_EQ(in_host().set_cookie(c.from), c.host_form) << c.from;
  }
}

TEST(Rewriter, OriginsAndReferers) {
  EXPECT_EQ(in_host().to_application("https://" + kHost), "http://localhost:3000");
  EXPECT_EQ(in_host().to_application("https://" + kHost + "/a?b"), "http://localhost:3000/a?b");
  EXPECT_EQ(in_path().to_application("https://example.com"), "http://localhost:3000");
  EXPECT_EQ(in_path().to_application("https://example.com" + kPrefix + "/a"),
            "http://localhost:3000/a");
  for (const std::string_view foreign :
       {"null", "https://evil.org", "https://example.com.evil.org", "https://a@example.com", ""}) {
    EXPECT_EQ(in_path().to_application(foreign), foreign);
  }
}

TEST(Rewriter, AResponseKeepsItsOtherFieldsAndTheirOrder) {
  const auto headers = net::Headers()
                           .with("X-A", "/a")
                           .with("location", "/b")
                           .with("Content-Location", "http://127.0.0.1:3000/c")
                           .with("Refresh", "1;url=/d")
                           .with("Set-Cookie", "a=b; Path=/");
  std::string text;
  in_path().response(headers).write_to(text);
  EXPECT_EQ(text, base::concat("X-A: /a\r\nlocation: ", kPrefix, "/b\r\nContent-Location: ",
                               kPrefix, "/c\r\nRefresh: 1;url=", kPrefix,
                               "/d\r\nSet-Cookie: a=b; Path=", kPrefix, "/\r\n"));
}

}  // namespace
}  // namespace wrenn::proxy
