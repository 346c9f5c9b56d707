#include "cli/api_client.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(ApiError, TakesTheMessageOfTheApi) {
  const auto error =
      api_error(404, R"({"error":{"code":"not_found","message":"no such sandbox"}})");
  EXPECT_EQ(error.code, base::Code::kNotFound);
  EXPECT_EQ(error.message, "no such sandbox");
  EXPECT_EQ(error.remedy, "");
}

TEST(ApiError, KeepsTheRemedyOfTheApi) {
  const auto error = api_error(503, R"({"error":{"message":"full","remedy":"remove some"}})");
  EXPECT_EQ(error.remedy, "remove some");
}

TEST(ApiError, KnowsWhatToDoAboutAKey) {
  const auto error = api_error(401, R"({"error":{"code":"unauthorized","message":"bad key"}})");
  EXPECT_EQ(error.code, base::Code::kUnauthenticated);
  EXPECT_NE(error.remedy.find("WRENN_API_KEY"), std::string::npos);
}

TEST(ApiError, SurvivesRepliesThatAreNotOurs) {
  for (const char* body : {"", "<html>", "[]", R"({"error":7})", R"({"error":{"message":7}})"}) {
    EXPECT_EQ(api_error(502, body).message, "the API answered with status 502") << body;
  }
}

TEST(ApiClient, RefusesAKeyThatCannotBeSent) {
  const auto api =
      ApiClient::create({"http://127.0.0.1:1", base::Secret("a\r\nX: b")}, std::chrono::seconds(1));
  ASSERT_FALSE(api.has_value());
  EXPECT_EQ(api.error().code, base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace wrenn::cli
