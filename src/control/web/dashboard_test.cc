#include "control/web/dashboard.h"

#include <array>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/gzip.h"

namespace wrenn::control {
namespace {

constexpr std::string_view kScript = "/_app/immutable/entry/start.B2x1.js";
constexpr std::string_view kCode = "console.log('hello, hello, hello, hello, hello, hello');";

class DashboardTest : public testing::Test {
 protected:
  std::optional<WebReply> ask(std::string_view path, net::Headers request = {},
                              std::string_view method = "GET") const {
    return web_reply(files_, proxy_, method, path, request);
  }
  static net::Headers navigation() {
    return net::Headers().with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
  }

  const std::string packed_ = net::gzip(kCode);
  const std::array<WebFile, 3> files_{
      WebFile{kScript, "text/javascript; charset=utf-8", "aa11", packed_, kCode.size(), true, true},
      WebFile{"/index.html", "text/html; charset=utf-8", "bb22", "<html>", 6, false, false},
      WebFile{"/theme.js", "text/javascript; charset=utf-8", "cc33", "x", 1, false, false}};
  const ProxySettings proxy_ = ProxySettings::create({}, "127.0.0.1:8081").value();
};

TEST_F(DashboardTest, FilesAreKeptForEverWhereTheirNamesChange) {
  const auto got = ask(kScript, net::Headers().with("Accept-Encoding", "br, gzip"));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body(), packed_);
  EXPECT_EQ(got->headers.find("content-encoding"), "gzip");
  EXPECT_EQ(got->headers.find("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(got->headers.find("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(got->headers.find("vary"), "Accept-Encoding");
  EXPECT_EQ(ask("/theme.js")->headers.find("cache-control"), "no-cache");
}

TEST_F(DashboardTest, ClientsWithoutGzipGetThePlainContent) {
  for (const std::string_view accepts : {"", "identity", "gzip;q=0"}) {
    const auto got = ask(kScript, net::Headers().with("Accept-Encoding", accepts));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->body(), kCode);
    EXPECT_FALSE(got->headers.find("content-encoding"));
  }
}

TEST_F(DashboardTest, NavigationsGetThePageWhereverTheyGo) {
  for (const std::string_view path :
       {"/", "/login", "/dashboard/sandboxes/cl-1", "/auth/github/callback", "/index.html"}) {
    const auto got = ask(path, navigation());
    ASSERT_TRUE(got) << path;
    EXPECT_EQ(got->body(), "<html>");
    EXPECT_EQ(got->headers.find("cache-control"), "no-cache");
    EXPECT_EQ(got->headers.find("vary"), "Accept, Accept-Encoding");
  }
}

TEST_F(DashboardTest, TheApiKeepsItsErrors) {
  for (const std::string_view path : {"/v1", "/v1/nothing", "/auth/oauth/nobody/x"}) {
    EXPECT_FALSE(ask(path, navigation())) << path;
  }
  // Programs do not ask for pages.
  EXPECT_FALSE(ask("/"));
  EXPECT_FALSE(ask("/nothing", net::Headers().with("Accept", "*/*")));
  EXPECT_FALSE(ask("/", navigation(), "POST"));
  // A script of an earlier version: a page in its place would only confuse.
  EXPECT_FALSE(ask("/_app/immutable/entry/start.old.js", navigation()));
}

TEST_F(DashboardTest, OnlyTheTableCanBeReached) {
  for (const std::string_view path : {"/../etc/passwd", "//theme.js", "/theme.js/", "/%74heme.js",
                                      "/./theme.js", "theme.js", ""}) {
    EXPECT_FALSE(ask(path)) << path;
  }
}

TEST_F(DashboardTest, WhatTheBrowserHasIsNotSentAgain) {
  const auto first = ask("/", navigation());
  ASSERT_TRUE(first);
  const std::string tag(first->headers.find("etag").value());
  EXPECT_EQ(tag, "W/\"bb22\"");
  auto again = navigation();
  again.add("If-None-Match", base::concat("\"other\", ", tag));
  const auto second = ask("/", again);
  EXPECT_EQ(second->status, 304);
  EXPECT_TRUE(second->body().empty());
  EXPECT_EQ(second->headers.find("etag"), tag);
}

TEST_F(DashboardTest, NothingComesFromElsewhere) {
  const auto got = ask("/", navigation());
  EXPECT_EQ(got->headers.find("x-content-type-options"), "nosniff");
  EXPECT_EQ(got->headers.find("cross-origin-opener-policy"), "same-origin");
  EXPECT_EQ(got->headers.find("referrer-policy"), "same-origin");
  EXPECT_EQ(got->headers.find("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            "font-src 'self'; connect-src 'self'; frame-src http://127.0.0.1:8081 "
            "http://*.localhost:8081; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
}

TEST_F(DashboardTest, AProgramWithoutItSaysSo) {
  const auto got = web_reply({}, proxy_, "GET", "/", navigation());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 404);
  EXPECT_NE(got->body().find("make build"), std::string_view::npos);
  EXPECT_FALSE(web_reply({}, proxy_, "GET", "/", {}));
}

TEST(DashboardFilesTest, WhatIsBuiltInIsInOrderAndWhole) {
  const auto files = dashboard_files();
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_TRUE(i == 0 || files[i - 1].path < files[i].path) << files[i].path;
    EXPECT_EQ(files[i].is_immutable, files[i].path.starts_with("/_app/immutable/"));
    if (!files[i].is_gzip) continue;
    const auto plain = net::gunzip(files[i].content, files[i].size);
    ASSERT_TRUE(plain) << files[i].path;
    EXPECT_EQ(plain->size(), files[i].size);
  }
}

}  // namespace
}  // namespace wrenn::control
