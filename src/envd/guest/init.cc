#include "envd/guest/init.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/files.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "base/strings.h"
#include "envd/guest/ca_bundle.h"
#include "envd/guest/guest_identity.h"
#include "envd/guest_path.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kMaxEntropy = 4096;

std::int64_t wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// Nothing when the request has none.
Result<std::optional<std::int64_t>> read_timestamp(const ::envd::InitRequest& request) {
  if (!request.has_timestamp()) return std::nullopt;
  const auto& value = request.timestamp();
  std::optional<std::int64_t> time;
  if (value.has_string_value()) time = base::parse_rfc3339(value.string_value());
  // Seconds beyond the year 2200 are most likely milliseconds.
  constexpr double kLatest = 7.3e9;
  if (value.has_number_value() && value.number_value() > 0 && value.number_value() < kLatest) {
    time = static_cast<std::int64_t>(std::llround(value.number_value() * 1e9));
  }
  if (time) return time;
  return base::fail(Code::kInvalidArgument,
                    "the timestamp must be RFC 3339 text or seconds since 1970");
}

Result<void> set_clock(std::int64_t time) {
  if (!clock_needs_step(wall_clock(), time)) return {};
  const timespec spec{time / kSecond, time % kSecond};
  if (::clock_settime(CLOCK_REALTIME, &spec) == 0) return {};
  return base::fail_errno(errno, "cannot set the clock");
}

bool is_hostname(std::string_view name) {
  constexpr std::size_t kMaxName = 63;
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kMaxName && name.front() != '-' &&
         std::ranges::all_of(name, is_allowed);
}

Result<void> set_hostname(const std::string& name) {
  if (::sethostname(name.data(), name.size()) != 0) {
    return base::fail_errno(errno, "cannot set the host name");
  }
  return {};
}

// Programs such as sudo look their own host up. The file needs not survive a power loss, and a sync
// would cost more than all the rest of /init.
Result<void> write_hosts(const std::string& name) {
  const std::string hosts = base::read_file("/etc/hosts").value_or("127.0.0.1 localhost\n");
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file("/etc/hosts", O_WRONLY | O_CREAT | O_TRUNC));
  return base::write_all(fd.get(), hosts_with_name(hosts, name));
}

// A restored guest has the random state of all its siblings: this makes it another.
Result<void> add_entropy(const std::string& bytes) {
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file("/dev/urandom", O_WRONLY));
  std::vector<int> buffer((sizeof(rand_pool_info) + bytes.size()) / sizeof(int) + 1);
  auto* info = reinterpret_cast<rand_pool_info*>(buffer.data());
  info->entropy_count = static_cast<int>(bytes.size() * 8);
  info->buf_size = static_cast<int>(bytes.size());
  std::memcpy(buffer.data() + sizeof(rand_pool_info) / sizeof(int), bytes.data(), bytes.size());
  if (::ioctl(fd.get(), RNDADDENTROPY, info) != 0 || ::ioctl(fd.get(), RNDRESEEDCRNG) != 0) {
    return base::fail_errno(errno, "cannot add to the random generator");
  }
  return {};
}

// Later than all before it, or of the same time: a caller may repeat itself. The token of a guest
// that has none yet is always taken: whatever the host's clock was when its memory was saved, it
// must not go on without one. So is what a restored guest is told: the last moment it knows of is
// from before, and may be by another host's clock.
bool is_current(const ::envd::InitRequest& request, std::optional<std::int64_t> time,
                const GuestSettings& settings) {
  if (request.restored()) return true;
  if (!time || !settings.last_init || *time >= *settings.last_init) return true;
  return settings.token.empty() && !request.access_token().empty();
}

Result<void> check(const ::envd::InitRequest& request, UserCache& cache) {
  if (!request.default_user().empty()) {
    WRENN_TRY_ASSIGN(const auto users, cache.get());
    if (!users->find(request.default_user())) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("there is no user '", request.default_user(), "'"));
    }
  }
  WRENN_TRY(resolve_path(request.default_workdir(), "/", "/"));
  if (!is_identity_text(request.sandbox_id()) || !is_identity_text(request.template_id())) {
    return base::fail(Code::kInvalidArgument,
                      "ids must be at most 128 letters, digits, '-', '_' and '.'");
  }
  if (!request.hostname().empty() && !is_hostname(request.hostname())) {
    return base::fail(Code::kInvalidArgument, "the host name must be letters, digits and '-'");
  }
  if (request.entropy().size() > kMaxEntropy) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("more than ", kMaxEntropy, " bytes of entropy"));
  }
  for (const auto& [name, value] : request.env_vars()) {
    const bool is_name = !name.empty() && name.find('=') == std::string::npos;
    const bool has_nul = (name + value).find('\0') != std::string::npos;
    if (!is_name || has_nul) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("'", name, "' cannot be an environment variable"));
    }
  }
  return {};
}

void log_failure(const Result<void>& step) {
  if (!step) base::log_error("a part of /init failed", {{"error", step.error()}});
}

// The first error is kept, each is logged.
void keep_first(Result<void>& all, Result<void> step) {
  log_failure(step);
  if (all) all = std::move(step);
}

}  // namespace

Result<GuestNames> apply_init(const ::envd::InitRequest& request, GuestSettings& settings) {
  WRENN_TRY(check(request, *settings.users));
  WRENN_TRY_ASSIGN(const auto timestamp, read_timestamp(request));
  std::string certificates;
  if (!request.ca_bundle().empty()) {
    WRENN_TRY_ASSIGN(certificates, read_certificates(request.ca_bundle()));
  }

  Result<void> result;
  if (!request.entropy().empty()) keep_first(result, add_entropy(request.entropy()));
  GuestNames names;
  if (is_current(request, timestamp, settings)) {
    names = {.hostname = request.hostname(),
             .identity = {request.sandbox_id(), request.template_id()}};
    if (timestamp) settings.last_init = timestamp;
    if (!request.access_token().empty()) settings.token = base::Secret(request.access_token());
    for (const auto& [name, value] : identity_env(names.identity)) settings.env[name] = value;
    for (const auto& [name, value] : request.env_vars()) settings.env[name] = value;
    if (!request.default_user().empty()) settings.default_user = request.default_user();
    if (!request.default_workdir().empty()) settings.default_workdir = request.default_workdir();
    if (timestamp) keep_first(result, set_clock(*timestamp));
    if (!request.hostname().empty()) keep_first(result, set_hostname(request.hostname()));
    if (!certificates.empty()) keep_first(result, install_certificates(certificates, "/"));
  }
  if (!result) return std::unexpected(std::move(result).error());
  return names;
}

void write_names(const GuestNames& names) {
  if (!names.hostname.empty()) log_failure(write_hosts(names.hostname));
  log_failure(write_identity(names.identity, "/"));
}

bool clock_needs_step(std::int64_t guest, std::int64_t host) {
  constexpr std::int64_t kBehind = kSecond / 20;
  constexpr std::int64_t kAhead = 5 * kSecond;
  return host - guest > kBehind || guest - host > kAhead;
}

std::string hosts_with_name(std::string_view hosts, std::string_view name) {
  constexpr std::string_view kAddress = "127.0.1.1";
  std::string text;
  for (const std::string_view line : base::split(hosts, '\n')) {
    if (line.empty() || line.starts_with(kAddress)) continue;
    text += base::concat(line, '\n');
  }
  return text + base::concat(kAddress, ' ', name, '\n');
}

}  // namespace wrenn::envd
