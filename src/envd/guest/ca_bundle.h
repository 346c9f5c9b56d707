// Certificates of /init, for the guest's TLS clients to trust.
#pragma once

#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::envd {

// The certificates of a PEM text and nothing else of it. kInvalidArgument when there is none, when
// one is not base64 of a DER sequence, and for texts of more than 256 KiB. Pure; fuzzed.
base::Result<std::string> read_certificates(std::string_view pem);

// The text of a bundle with these certificates at its end, in place of those of an earlier call.
// Pure.
std::string bundle_with(std::string_view bundle, std::string_view certificates);

// Below `root`: into the bundle that the programs read, and where update-ca-certificates finds them
// when a package runs it. Blocking.
base::Result<void> install_certificates(std::string_view certificates, const base::Path& root);

}  // namespace wrenn::envd
