#include "envd/files/accept_encoding.h"

#include "base/strings.h"

namespace wrenn::envd {
namespace {

constexpr int kWhole = 1000;

// "0.25" -> 250. What is malformed counts as not acceptable.
int parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  int value = (text[0] - '0') * kWhole;
  if (text.size() > 1 && text[1] != '.') return 0;
  int unit = kWhole;
  for (const char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (c < '0' || c > '9') return 0;
    unit /= 10;
    value += unit * (c - '0');
  }
  return std::min(value, kWhole);
}

int quality_of(std::string_view parameters) {
  for (const std::string_view parameter : base::split(parameters, ';')) {
    const std::string_view text = base::trim(parameter);
    if (base::equal_ignore_case(text.substr(0, 2), "q=")) return parse_quality(text.substr(2));
  }
  return kWhole;
}

struct Named {
  std::optional<int> identity;
  std::optional<int> gzip;
  std::optional<int> any;
};

void read_field(std::string_view field, Named& named) {
  for (const std::string_view item : base::split(field, ',')) {
    const auto semicolon = item.find(';');
    const std::string_view coding = base::trim(item.substr(0, semicolon));
    const int quality =
        semicolon == std::string_view::npos ? kWhole : quality_of(item.substr(semicolon + 1));
    if (base::equal_ignore_case(coding, "identity")) named.identity = quality;
    if (base::equal_ignore_case(coding, "gzip") || base::equal_ignore_case(coding, "x-gzip")) {
      named.gzip = quality;
    }
    if (coding == "*") named.any = quality;
  }
}

}  // namespace

std::optional<Encoding> AcceptedEncodings::best() const {
  if (gzip > 0 && gzip >= identity) return Encoding::kGzip;
  if (identity > 0) return Encoding::kIdentity;
  return std::nullopt;
}

AcceptedEncodings accepted_encodings(const net::Headers& headers) {
  Named named;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!base::equal_ignore_case(headers[i].name, "accept-encoding")) continue;
    read_field(headers[i].value, named);
  }
  AcceptedEncodings accepted;
  // The file as it is needs no naming; a "*" speaks for it only to exclude it.
  accepted.identity = named.identity.value_or(named.any == 0 ? 0 : 1);
  // Whoever takes anything is served best without work on either side.
  const int by_any = named.any.value_or(0) > 0 && accepted.identity == 0 ? *named.any : 0;
  accepted.gzip = named.gzip.value_or(by_any);
  return accepted;
}

}  // namespace wrenn::envd
