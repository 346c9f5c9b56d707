// The API's own description: an OpenAPI 3.1 document, and a page for people that is made of it;
// both from the pieces in openapi/ when the sources are built. Thread-safe.
#pragma once

#include <string_view>

#include "control/api/call.h"

namespace wrenn::control {

std::string_view openapi_text();
std::string_view reference_page();
// Of the one style of the page, as Content-Security-Policy wants it: "sha256-...".
std::string_view reference_style_hash();

net::Task<Answer<void>> get_description(Services& services, Call& call);
net::Task<Answer<void>> get_reference(Services& services, Call& call);

}  // namespace wrenn::control
