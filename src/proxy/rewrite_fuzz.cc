// Any text in the place of an address: what comes out is still one field, and no cookie gets a
// domain or leaves its application's path.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/strings.h"
#include "proxy/forward.h"

namespace {

using namespace wrenn;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_cookie(const proxy::Rewriter& rewriter, std::string_view value) {
  bool is_first = true;
  const std::string cookie = rewriter.set_cookie(value);
  for (const std::string_view part : base::split(cookie, ';')) {
    const std::size_t equals = part.find('=');
    const std::string_view name = base::trim(part.substr(0, equals));
    if (!is_first && equals != std::string_view::npos) {
      const std::string_view path = base::trim(part.substr(equals + 1));
      check(!base::equal_ignore_case(name, "domain"));
      if (base::equal_ignore_case(name, "path") && path.starts_with('/')) {
        check(path.starts_with(rewriter.prefix()));
      }
    }
    is_first = false;
  }
}

void check_all(proxy::AddressForm form, std::string_view authority, std::string_view text) {
  const proxy::Rewriter rewriter(
      {{"cl-0000000000000000000000001", 3000}, form, "https", std::string(authority)});
  const std::string location = rewriter.to_public(text);
  if (text.starts_with('/') && !text.starts_with("//")) {
    check(location.starts_with(rewriter.prefix()));
  }
  check_cookie(rewriter, text);
  for (const std::string& out : {location, rewriter.refresh(text), rewriter.set_cookie(text),
                                 rewriter.to_application(text)}) {
    check(net::is_field_value(out) || !net::is_field_value(text));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_all(proxy::AddressForm::kPath, "example.com", text);
  check_all(proxy::AddressForm::kHost, "3000-cl-0000000000000000000000001.example.com", text);
  return 0;
}
