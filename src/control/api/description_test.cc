// The description of the API, which is read here by its indentation, and the routes that there are.
#include "control/api/description.h"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/api/api.h"

namespace wrenn::control {
namespace {

// "GET /v1/capsules/{}" and who it is for, of each operation.
using Operations = std::map<std::string, std::string>;

// The names of parameters are the description's alone.
std::string without_names(std::string_view path) {
  std::string out;
  bool is_name = false;
  for (const char c : path) {
    if (c == '}') is_name = false;
    if (!is_name) out += c;
    if (c == '{') is_name = true;
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c - 'a' + 'A');
  return out;
}

Operations described() {
  constexpr std::string_view kAccess = "      x-access: ";
  Operations found;
  bool is_in_paths = false;
  std::string path;
  std::string operation;
  for (const std::string_view line : base::split(openapi_text(), '\n')) {
    if (line.empty()) continue;  // Between two paragraphs of a text.
    if (!line.starts_with(' ')) is_in_paths = line == "paths:";
    if (!is_in_paths) continue;
    if (line.starts_with("  /")) {
      path = without_names(line.substr(2, line.size() - 3));
    } else if (line.starts_with("    ") && line[4] != ' ') {
      operation = base::concat(upper(line.substr(4, line.size() - 5)), ' ', path);
      EXPECT_TRUE(found.emplace(operation, "").second) << operation << " is described twice";
    } else if (line.starts_with(kAccess)) {
      found[operation] = line.substr(kAccess.size());
    }
  }
  return found;
}

TEST(OpenApiTest, DescribesEveryRouteAndNoOther) {
  Operations there;
  for (const RouteInfo& route : api_routes()) {
    there.emplace(base::concat(route.method, ' ', route.pattern), route.access);
  }
  const Operations known = described();
  for (const auto& [operation, access] : there) {
    ASSERT_TRUE(known.contains(operation)) << operation << " is not described";
    // A cookie is the handler's business.
    const std::string& said = known.at(operation);
    EXPECT_EQ(said == "cookie" ? "open" : said, access) << operation;
  }
  for (const auto& [operation, access] : known) {
    EXPECT_TRUE(there.contains(operation)) << operation << " is described and not there";
  }
}

TEST(OpenApiTest, ThePageHasEveryOperationAndNothingFromElsewhere) {
  const std::string_view page = reference_page();
  std::set<std::string_view> ids;
  constexpr std::string_view kId = "      operationId: ";
  for (const std::string_view line : base::split(openapi_text(), '\n')) {
    if (line.starts_with(kId)) ids.insert(line.substr(kId.size()));
  }
  EXPECT_EQ(ids.size(), api_routes().size());
  for (const auto id : ids) {
    EXPECT_TRUE(page.contains(base::concat("<article id=\"", id, "\">"))) << id;
    EXPECT_TRUE(page.contains(base::concat("href=\"#", id, "\""))) << id;
  }
  for (const auto* outside : {"<script", "src=", "http://", "https://", "url(", " style="}) {
    EXPECT_FALSE(page.contains(outside)) << outside;
  }
}

}  // namespace
}  // namespace wrenn::control
