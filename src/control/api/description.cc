#include "control/api/description.h"

#include "base/strings.h"

namespace wrenn::control {

using net::Task;

Task<Answer<void>> get_description(Services&, Call& call) {
  co_return client_answer(
      co_await call.response().send(200, call.headers("application/yaml"), openapi_text()));
}

Task<Answer<void>> get_reference(Services&, Call& call) {
  const auto policy = net::Headers().with(
      "Content-Security-Policy",
      base::concat("default-src 'none'; style-src '", reference_style_hash(),
                   "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
  co_return client_answer(co_await call.response().send(
      200, call.headers("text/html; charset=utf-8", policy), reference_page()));
}

}  // namespace wrenn::control
