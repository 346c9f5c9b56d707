#include "envd/guest/ca_bundle.h"

#include "base/strings.h"
#include "envd/files/staged_file.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
// Lines outside of certificates mean nothing to readers of PEM.
constexpr std::string_view kOursBegin = "# Added by /init of the sandbox: begin\n";
constexpr std::string_view kOursEnd = "# Added by /init of the sandbox: end\n";

// True when the bytes are one DER sequence, from the first to the last.
bool is_der_sequence(std::string_view der) {
  constexpr char kSequence = 0x30;
  if (der.size() < 2 || der[0] != kSequence) return false;
  auto length = static_cast<std::size_t>(static_cast<unsigned char>(der[1]));
  std::size_t head = 2;
  if (length >= 0x80) {
    const std::size_t count = length & 0x7f;
    if (count == 0 || count > 3 || der.size() < head + count) return false;
    length = 0;
    for (; head < 2 + count; ++head) {
      length = length * 256 + static_cast<unsigned char>(der[head]);
    }
  }
  return der.size() == head + length;
}

// The base64 between the two lines, as lines of 64 characters.
Result<std::string> read_body(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') packed += c;
  }
  const auto der = base::from_base64(packed);
  if (!der || !is_der_sequence(*der)) {
    return base::fail(Code::kInvalidArgument, "a certificate of the CA bundle is damaged");
  }
  constexpr std::size_t kLine = 64;
  std::string lines;
  for (std::size_t i = 0; i < packed.size(); i += kLine) {
    lines += base::concat(std::string_view(packed).substr(i, kLine), '\n');
  }
  return lines;
}

Result<void> write_whole(const base::Path& path, std::string_view content) {
  const User root{.name = "root", .uid = 0, .gid = 0, .home = "/root", .shell = "/bin/sh"};
  WRENN_TRY_ASSIGN(StagedFile file, StagedFile::create(path, root));
  WRENN_TRY(file.write(content));
  return file.commit();
}

}  // namespace

Result<std::string> read_certificates(std::string_view pem) {
  constexpr std::size_t kMaxBundle = 256 * 1024;
  if (pem.size() > kMaxBundle) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("the CA bundle is larger than ", base::human_bytes(kMaxBundle)));
  }
  std::string certificates;
  while (true) {
    const auto begin = pem.find(kBegin);
    if (begin == std::string_view::npos) break;
    pem.remove_prefix(begin + kBegin.size());
    const auto end = pem.find(kEnd);
    if (end == std::string_view::npos) {
      return base::fail(Code::kInvalidArgument, "a certificate of the CA bundle has no end");
    }
    WRENN_TRY_ASSIGN(const std::string body, read_body(pem.substr(0, end)));
    certificates += base::concat(kBegin, "\n", body, kEnd, "\n");
    pem.remove_prefix(end + kEnd.size());
  }
  if (!certificates.empty()) return certificates;
  return base::fail(Code::kInvalidArgument, "the CA bundle has no certificate",
                    "send PEM: one or more blocks of BEGIN CERTIFICATE");
}

std::string bundle_with(std::string_view bundle, std::string_view certificates) {
  std::string text(bundle);
  const auto begin = text.find(kOursBegin);
  const auto end = text.find(kOursEnd, begin == std::string::npos ? 0 : begin);
  if (begin != std::string::npos && end != std::string::npos) {
    text.erase(begin, end + kOursEnd.size() - begin);
  }
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return base::concat(text, kOursBegin, certificates, kOursEnd);
}

Result<void> install_certificates(std::string_view certificates, const base::Path& root) {
  const base::Path bundle = root / "etc/ssl/certs/ca-certificates.crt";
  auto present = base::read_file(bundle);
  if (!present && present.error().code != Code::kNotFound) {
    return base::fail(std::move(present).error());
  }
  WRENN_TRY(write_whole(bundle, bundle_with(present.value_or(""), certificates)));
  return write_whole(root / "usr/local/share/ca-certificates/wrenn.crt", certificates);
}

}  // namespace wrenn::envd
