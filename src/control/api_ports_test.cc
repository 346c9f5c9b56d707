// The API over HTTP: ports of sandboxes, and their addresses.
#include <gtest/gtest.h>

#include "control/test_world.h"

namespace wrenn::control {
namespace {

using net::Task;

void expect_error(const Got& got, int status, std::string_view code) {
  EXPECT_EQ(got.status, status) << got.body;
  EXPECT_TRUE(got.has(base::concat("{\"error\":{\"code\":\"", code, "\",\"message\":\"")))
      << got.body;
}

// The value of a field of text, wherever it stands.
std::string field(const std::string& json, std::string_view name) {
  const std::string mark = base::concat('"', name, "\":\"");
  const auto at = json.find(mark);
  if (at == std::string::npos) return "";
  const auto begin = at + mark.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

Task<void> check_access(World& world) {
  const std::string sandbox = co_await world.new_sandbox();
  const std::string id = World::id_in(sandbox);
  const std::string listening = base::concat(
      R"({"port":3000,"addresses":["127.0.0.1"],"reachable":true,"public":false,"url":"http://3000-)",
      id, R"(.localhost:8081/","path_url":"http://127.0.0.1:8081/proxy/)", id, R"(/3000/"})");
  Got got = co_await world.call("GET", sandbox + "/ports");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, base::concat(R"({"ports":[)", listening, "]}"));

  got = co_await world.call("PUT", sandbox + "/ports/8080", R"({"public":true})");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.body.starts_with(
      R"({"port":8080,"addresses":[],"reachable":false,"public":true,"url":"http://8080-)"))
      << got.body;
  EXPECT_TRUE(world.ports.is_public(id, 8080).value());
  got = co_await world.call("GET", sandbox + "/ports");
  EXPECT_TRUE(got.has(listening) && got.has(R"({"port":8080,"addresses":[])")) << got.body;

  got = co_await world.call("PUT", sandbox + "/ports/8080", R"({"public":false})");
  EXPECT_TRUE(got.status == 200 && got.has(R"("public":false)")) << got.body;
  EXPECT_FALSE(world.ports.is_public(id, 8080).value());
  got = co_await world.call("GET", sandbox + "/ports");
  EXPECT_FALSE(got.has("8080-"));

  EXPECT_EQ((co_await world.call("PUT", sandbox + "/ports/1", R"({"public":true})")).status, 200);
  EXPECT_EQ((co_await world.call("DELETE", sandbox)).status, 204);
  EXPECT_TRUE(world.ports.list(id).value().empty());
  expect_error(co_await world.call("GET", sandbox + "/ports"), 409, "invalid_state");
}

TEST(ApiPortsTest, APortIsPublicUntilItsSandboxEnds) {
  World().run(check_access);
}

Task<void> check_url(World& world) {
  const std::string sandbox = co_await world.new_sandbox();
  const proxy::PortAddress address{World::id_in(sandbox), 3000};
  Got got = co_await world.call("POST", sandbox + "/ports/3000/url", R"({"expires_sec":60})");
  EXPECT_EQ(got.status, 200) << got.body;
  const std::int64_t now = base::unix_ms_now() / 1000;
  for (const auto& [name, plain] :
       {std::pair("url", world.proxy_settings.host_url(address)),
        std::pair("path_url", world.proxy_settings.path_url(address))}) {
    const std::string url = field(got.body, name);
    EXPECT_TRUE(url.starts_with(plain + "?wrenn_preview=")) << url;
    const std::string token = url.substr(std::min(url.size(), plain.size() + 15));
    using enum proxy::AccessKey::Preview;
    EXPECT_EQ(world.access_key.check_preview(address, token, now), kValid);
    EXPECT_EQ(world.access_key.check_preview(address, token, now + 61), kExpired);
  }
  EXPECT_TRUE(
      world.access_key.is_traffic_token(address.sandbox_id, field(got.body, "traffic_token")));
  EXPECT_EQ(field(got.body, "traffic_header"), "X-Wrenn-Traffic-Token");
  EXPECT_EQ(field(got.body, "expires_at").size(), 20u) << got.body;
  EXPECT_EQ((co_await world.call("POST", sandbox + "/ports/3000/url")).status, 200);
}

TEST(ApiPortsTest, SignedAddressesAreThoseOfThePort) {
  World().run(check_url);
}

Task<void> check_mistakes(World& world) {
  const std::string ports = co_await world.new_sandbox() + "/ports/";
  for (const char* port : {"0", "65536", "-1", "080", "x", "3000x", "+80", "49983", "%20"}) {
    const std::string target = ports + port;
    expect_error(co_await world.call("PUT", target, R"({"public":true})"), 400, "invalid_request");
    expect_error(co_await world.call("POST", target + "/url"), 400, "invalid_request");
  }
  for (const char* body : {"", "{}", R"({"public":null})", R"({"public":1})", "[]", "{"}) {
    const Got got = co_await world.call("PUT", ports + "3000", body);
    expect_error(got, 400, "invalid_request");
  }
  for (const char* seconds : {"59", "604801", "-1", "1.5", "\"1h\""}) {
    const std::string body = base::concat(R"({"expires_sec":)", seconds, '}');
    const Got got = co_await world.call("POST", ports + "3000/url", body);
    expect_error(got, 400, "invalid_request");
    EXPECT_TRUE(got.has("expires_sec")) << got.body;
  }
  const std::string other = "/v1/capsules/cl-0000000000000000000000007/ports";
  expect_error(co_await world.call("GET", other), 404, "not_found");
  expect_error(co_await world.call("POST", other + "/1/url"), 404, "not_found");
  expect_error(co_await world.call("PUT", other + "/1", R"({"public":true})"), 404, "not_found");
  EXPECT_FALSE(world.ports.is_public("cl-0000000000000000000000007", 1).value());
  const auto nobody = net::Headers().with("X-API-Key", "wrn_");
  expect_error(co_await world.call("POST", ports + "1/url", "", nobody), 401, "unauthorized");
}

TEST(ApiPortsTest, MistakesAreTold) {
  World().run(check_mistakes);
}

Task<void> check_misdirected(World& world) {
  const std::string id = "cl-0000000000000000000000007";
  Got got = co_await world.call("GET", base::concat("/proxy/", id, "/3000/a?x=1"));
  expect_error(got, 421, "misdirected_request");
  EXPECT_TRUE(got.has(base::concat("http://127.0.0.1:8081/proxy/", id, "/3000/"))) << got.body;
  expect_error(co_await world.call("GET", "/proxy/x"), 421, "misdirected_request");
  const auto host = net::Headers().with("Host", base::concat("3000-", id, ".localhost:8080"));
  got = co_await world.call("GET", "/v1/capsules", "", host);
  expect_error(got, 421, "misdirected_request");
  EXPECT_TRUE(got.has(base::concat("http://3000-", id, ".localhost:8081/"))) << got.body;
  got = co_await world.call("GET", "/", "", net::Headers().with("Host", "3000-cl-x.localhost"));
  expect_error(got, 421, "misdirected_request");
  got = co_await world.call("GET", "/v1/capsules", "", net::Headers().with("Host", "localhost"));
  EXPECT_EQ(got.status, 200);
}

TEST(ApiPortsTest, WhatIsForTheProxyIsSentThere) {
  World().run(check_misdirected);
}

}  // namespace
}  // namespace wrenn::control
