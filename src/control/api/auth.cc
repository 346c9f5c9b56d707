#include "control/api/auth.h"

#include "base/strings.h"

namespace wrenn::control {

Answer<base::Secret> key_of(const net::Headers& headers) {
  if (const auto key = headers.find("x-api-key"); key && !key->empty()) {
    return base::Secret(std::string(*key));
  }
  constexpr std::string_view kScheme = "bearer ";
  if (const auto value = headers.find("authorization");
      value && base::equal_ignore_case(value->substr(0, kScheme.size()), kScheme)) {
    return base::Secret(std::string(base::trim(value->substr(kScheme.size()))));
  }
  return refuse(ApiCode::kUnauthorized,
                "an API key is needed: send it in the X-API-Key header; "
                "`wrenn-cp key create --name NAME` makes one");
}

bool has_credentials(const net::Headers& headers) {
  const auto key = headers.find("x-api-key");
  return (key && !key->empty()) || headers.find("authorization").has_value();
}

ApiError invalid_key() {
  return {ApiCode::kUnauthorized,
          "the API key is not valid: it is mistyped or was revoked; "
          "`wrenn-cp key create --name NAME` makes a new one"};
}

}  // namespace wrenn::control
