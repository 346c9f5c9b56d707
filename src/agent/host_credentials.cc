#include "agent/host_credentials.h"

#include <sys/stat.h>

#include <boost/json.hpp>

#include "base/strings.h"
#include "net/certificates.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

namespace json = boost::json;

constexpr const char* kFile = "host-credentials.json";
constexpr const char* kOldFile = "host-token";
constexpr std::uint64_t kMaxBytes = 256 * 1024;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

std::unexpected<base::Error> unusable(const base::Path& path, std::string_view why) {
  return base::fail(Code::kFailedPrecondition,
                    concat("the credentials of this host in ", path.native(), " ", why),
                    "restore the file, or remove it together with the host (`wrenn host rm`) and "
                    "register the host anew");
}

Result<void> check_mode(const base::Path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return base::fail_errno(errno, path.native());
  if ((status.st_mode & 0077) == 0) return {};
  return base::fail(Code::kFailedPrecondition,
                    concat("others than root may read ", path.native(), ", which has a key"),
                    concat("chmod 600 ", path.native()));
}

Result<HostCredentials> read_credentials(const base::Path& path) {
  WRENN_TRY(check_mode(path));
  WRENN_TRY_ASSIGN(const std::string content, base::read_file(path, kMaxBytes));
  boost::system::error_code error;
  const json::value value = json::parse(content, error);
  const json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return unusable(path, "cannot be read");
  HostCredentials read{.host_id = text_of(*object, "host_id"),
                       .control_plane = text_of(*object, "control_plane"),
                       .key = base::Secret(text_of(*object, "key_pem")),
                       .certificate = text_of(*object, "cert_pem"),
                       .authority = text_of(*object, "ca_cert_pem")};
  const auto fits = net::belongs_together(read.certificate, read.key);
  const bool is_whole =
      !read.host_id.empty() && !read.control_plane.empty() && net::read_certificate(read.authority);
  if (!fits || !*fits || !is_whole) return unusable(path, "are damaged");
  return read;
}

bool is_there(const base::Path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

Result<std::optional<HostCredentials>> load_credentials(const base::Path& wrenn_dir) {
  for (const char* name : {kFile, kOldFile}) {
    const base::Path path = wrenn_dir / name;
    if (!is_there(path)) continue;
    WRENN_TRY_ASSIGN(HostCredentials read, read_credentials(path));
    return read;
  }
  return std::nullopt;
}

Result<void> save_credentials(const base::Path& wrenn_dir, const HostCredentials& credentials) {
  const json::object object{{"host_id", credentials.host_id},
                            {"control_plane", credentials.control_plane},
                            {"key_pem", credentials.key.reveal()},
                            {"cert_pem", credentials.certificate},
                            {"ca_cert_pem", credentials.authority}};
  return base::write_file_atomic(wrenn_dir / kFile, json::serialize(object) + "\n", 0600);
}

}  // namespace wrenn::agent
