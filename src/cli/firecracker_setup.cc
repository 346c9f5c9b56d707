#include "cli/firecracker_setup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/crypto.h"
#include "base/elf.h"
#include "base/jail.h"
#include "base/strings.h"
#include "cli/programs.h"

namespace wrenn::cli {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint64_t kMaxProgramBytes = 64ull << 20;
constexpr std::uint64_t kMaxArchiveBytes = 256ull << 20;
constexpr std::size_t kHexDigits = 64;
constexpr auto kTransferLimit = std::chrono::minutes(10);

// A program and what it calls itself.
struct Wanted {
  const char* name;
  std::string_view says;
};
constexpr Wanted kFirecracker{"firecracker", "Firecracker"};
constexpr Wanted kJailer{"jailer", "Jailer"};

Result<void> need_root() {
  if (::geteuid() == 0) return {};
  return base::fail(Code::kPermissionDenied, "what sandboxes run under must be root's",
                    "run it with sudo");
}

Result<void> check_sum(std::string_view bytes, std::string_view wanted, std::string_view what) {
  const std::string is = base::sha256_hex(bytes);
  if (wanted.empty() || is == base::to_lower(wanted)) return {};
  return base::fail(Code::kDataLoss, concat("the SHA-256 of ", what, " is ", is, ", not ", wanted),
                    "get it again, from a place that you trust");
}

Result<void> check_hex(std::string_view sha256) {
  const auto bytes = base::from_hex(base::to_lower(sha256));
  if (sha256.empty() || (sha256.size() == kHexDigits && bytes)) return {};
  return base::fail(Code::kInvalidArgument, concat("'", sha256, "' is no SHA-256"),
                    "it has 64 hexadecimal digits; sha256sum prints it");
}

// What it says about itself. Nobody knows yet what it is, so it runs as nobody, without a network,
// files or processes to see.
Result<std::string> ask_version(const base::Path& program, bool is_static) {
  constexpr const char* kInJail = "/program";
  constexpr uid_t kNobody = 65534;
  base::JailSpec jail;
  jail.argv = {kInJail, "--version"};
  if (!is_static) base::add_system_files(jail);
  jail.binds.push_back({program, kInJail});
  jail.credentials = base::Credentials{kNobody, kNobody, {}};
  jail.new_pid_namespace = true;
  jail.new_ipc_namespace = true;
  WRENN_TRY_ASSIGN(const base::Fd null, base::open_file("/dev/null", O_WRONLY));
  WRENN_TRY_ASSIGN(const Captured said,
                   capture(std::move(jail), null.get(), std::chrono::seconds(10)));
  if (said.status.signal == 0 && said.status.code == 0) return said.output;
  return base::fail(Code::kFailedPrecondition,
                    concat("it ", describe(said.status), " when it was asked for its version"));
}

Result<InstalledProgram> install(const Wanted& wanted, std::string_view bytes,
                                 const base::Path& prefix) {
  WRENN_TRY_ASSIGN(const base::ElfFacts elf, base::parse_elf(bytes));
  const base::Path directory = prefix / "bin";
  WRENN_TRY(base::make_dirs(directory));
  InstalledProgram installed{
      .path = directory / wanted.name, .version = {}, .sha256 = base::sha256_hex(bytes)};
  {
    WRENN_TRY_ASSIGN(const base::TempDir trial, base::TempDir::create(directory, ".wrenn-"));
    const base::Path program = trial.path() / wanted.name;
    WRENN_TRY(base::write_file_atomic(program, bytes, 0755));
    WRENN_TRY_ASSIGN(const std::string said, ask_version(program, elf.is_static));
    installed.version = version_said(said, wanted.says);
  }
  if (installed.version.empty()) {
    return base::fail(Code::kFailedPrecondition,
                      concat("it does not say that it is ", wanted.says));
  }
  WRENN_TRY(base::write_file_atomic(installed.path, bytes, 0755));
  if (::chown(installed.path.c_str(), 0, 0) == 0) return installed;
  return base::fail_errno(errno, concat("cannot give ", installed.path.native(), " to root"));
}

Result<void> run_quietly(std::vector<std::string> argv) {
  WRENN_TRY_ASSIGN(const base::Path program, find_program(argv.front()));
  base::JailSpec spec;
  spec.argv = std::move(argv);
  spec.argv.front() = program.native();
  spec.env = child_environment();
  spec.root = base::JailRoot::kHost;
  spec.new_session = false;
  WRENN_TRY_ASSIGN(const Captured ended, capture(spec, STDERR_FILENO, kTransferLimit));
  if (ended.status.signal == 0 && ended.status.code == 0) return {};
  return base::fail(Code::kUnavailable,
                    concat(program.filename().native(), ' ', describe(ended.status)));
}

// Without TLS nobody knows who answers, and then the checksum from there says nothing.
bool is_trusted(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://127.0.0.1:") ||
         url.starts_with("http://localhost:");
}

Result<void> download(const std::string& url, const base::Path& to) {
  auto done = run_quietly({"curl", "--fail", "--silent", "--show-error", "--location", "--proto",
                           url.starts_with("https:") ? "=https" : "=http,https", "--max-filesize",
                           concat(kMaxArchiveBytes), "--output", to.native(), "--", url});
  if (done) return {};
  return base::fail(
      Code::kUnavailable, concat("cannot download ", url),
      "see whether there is such a release, or download it elsewhere and use --binary");
}

// "1.13.1", for a name of a file.
Result<std::string> release_number(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  const auto is_allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
  };
  const bool is_good = !version.empty() && version.front() >= '0' && version.front() <= '9' &&
                       std::ranges::all_of(version, is_allowed);
  if (is_good) return std::string(version);
  return base::fail(Code::kInvalidArgument, concat("'", version, "' is no version"),
                    "a release is named like 1.13.1");
}

Result<std::string> expected_sum(const ReleaseRequest& request, const std::string& url,
                                 const std::string& archive, const base::Path& directory) {
  if (!request.sha256.empty()) return request.sha256;
  if (!is_trusted(url)) {
    return base::fail(Code::kInvalidArgument, concat("nobody vouches for what comes from ", url),
                      "say --sha256, or use an https:// address");
  }
  const base::Path file = directory / "sum";
  WRENN_TRY(download(concat(url, ".sha256.txt"), file));
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(file));
  std::string sum = checksum_in(text, archive);
  if (!sum.empty()) return sum;
  return base::fail(Code::kDataLoss, concat(url, ".sha256.txt has no checksum of the archive"));
}

}  // namespace

std::string version_said(std::string_view output, std::string_view name) {
  output = output.substr(0, output.find('\n'));
  if (!output.starts_with(concat(name, " v"))) return {};
  output.remove_prefix(name.size() + 2);
  const std::string_view version = output.substr(0, output.find_first_not_of("0123456789."));
  return version.find('.') == std::string_view::npos ? std::string() : std::string(version);
}

std::string checksum_in(std::string_view text, std::string_view file) {
  for (const auto line : base::split(text, '\n')) {
    const std::string_view sum = line.substr(0, kHexDigits);
    // Behind it a space, then another or "*", and the name, maybe in a directory.
    std::string_view name = base::trim(line.substr(sum.size()));
    if (name.starts_with('*')) name.remove_prefix(1);
    name.remove_prefix(name.rfind('/') + 1);
    if (name == file && sum.size() == kHexDigits && base::from_hex(sum)) return std::string(sum);
  }
  return {};
}

Result<InstalledProgram> install_firecracker(const base::Path& file, std::string_view sha256,
                                             const base::Path& prefix) {
  WRENN_TRY(need_root());
  WRENN_TRY(check_hex(sha256));
  WRENN_TRY_ASSIGN(const std::string bytes, base::read_file(file, kMaxProgramBytes));
  WRENN_TRY(check_sum(bytes, sha256, file.native()));
  auto installed = install(kFirecracker, bytes, prefix);
  if (!installed) return base::fail(std::move(installed).error().with_context(file.native()));
  return installed;
}

Result<std::vector<InstalledProgram>> install_firecracker_release(const ReleaseRequest& request) {
  WRENN_TRY(need_root());
  WRENN_TRY(check_hex(request.sha256));
  WRENN_TRY_ASSIGN(const std::string number, release_number(request.version));
  const std::string archive = concat("firecracker-v", number, "-x86_64.tgz");
  const std::string url = concat(request.url, "/v", number, '/', archive);
  WRENN_TRY_ASSIGN(const base::TempDir directory, base::TempDir::create());
  WRENN_TRY_ASSIGN(const std::string sum, expected_sum(request, url, archive, directory.path()));
  const base::Path file = directory.path() / archive;
  WRENN_TRY(download(url, file));
  {
    WRENN_TRY_ASSIGN(const std::string bytes, base::read_file(file, kMaxArchiveBytes));
    WRENN_TRY(check_sum(bytes, sum, archive));
  }
  std::vector<InstalledProgram> installed;
  for (const Wanted& wanted : {kFirecracker, kJailer}) {
    const std::string member =
        concat("release-v", number, "-x86_64/", wanted.name, "-v", number, "-x86_64");
    WRENN_TRY(run_quietly({"tar", "--extract", "--gzip", "--no-same-owner", "--file", file.native(),
                           "--directory", directory.path().native(), "--", member}));
    WRENN_TRY_ASSIGN(const std::string bytes,
                     base::read_file(directory.path() / member, kMaxProgramBytes));
    auto one = install(wanted, bytes, request.prefix);
    if (!one) return base::fail(std::move(one).error().with_context(member));
    installed.push_back(*std::move(one));
  }
  return installed;
}

}  // namespace wrenn::cli
