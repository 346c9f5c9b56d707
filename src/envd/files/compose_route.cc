#include "envd/files/compose_route.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "connect/codec.h"
#include "envd/files/file_entry.h"
#include "envd/files/staged_file.h"
#include "envd/http_reply.h"
#include "proto/envd.pb.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Path;
using base::Result;
using net::Task;

constexpr std::size_t kMaxBody = 1u << 20;
constexpr int kMaxSources = 1000;
// What is copied before others get their turn on the pool.
constexpr std::size_t kStep = 16u << 20;

// A composition under way. Blocking.
class Composition {
 public:
  Composition(std::vector<Path> sources, StagedFile target)
      : sources_(std::move(sources)), target_(std::move(target)) {}

  // Copies a step's worth; false when all is copied.
  Result<bool> step() {
    if (!source_.valid()) {
      if (next_ == sources_.size()) return false;
      WRENN_TRY(open_source(sources_[next_]));
    }
    WRENN_TRY_ASSIGN(const std::size_t copied, copy());
    if (copied > 0) return true;
    source_.reset();
    ++next_;
    return true;
  }

  Result<void> commit() {
    struct stat made{};
    if (::fstat(target_.fd(), &made) != 0) return base::fail_errno(errno, "cannot compose");
    WRENN_TRY(target_.commit());
    for (const Path& source : sources_) {
      struct stat info{};
      if (::lstat(source.c_str(), &info) != 0) continue;  // It came twice in the list.
      if (info.st_dev == made.st_dev && info.st_ino == made.st_ino) continue;
      if (::unlink(source.c_str()) != 0 && errno != ENOENT) {
        return base::fail_errno(errno, base::concat("cannot remove ", to_text(source.native())));
      }
    }
    return {};
  }

 private:
  Result<void> open_source(const Path& path) {
    source_ = base::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!source_.valid()) return base::fail_errno(errno, to_text(path.native()));
    struct stat info{};
    if (::fstat(source_.get(), &info) != 0) {
      return base::fail_errno(errno, to_text(path.native()));
    }
    if (S_ISREG(info.st_mode)) return {};
    return base::fail(Code::kInvalidArgument,
                      base::concat("path '", to_text(path.native()), "' is not a file"));
  }

  // 0 at the end of the source.
  Result<std::size_t> copy() {
    const ssize_t n = ::copy_file_range(source_.get(), nullptr, target_.fd(), nullptr, kStep, 0);
    if (n > 0) return static_cast<std::size_t>(n);
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
      return base::fail_errno(errno, "cannot compose");
    }
    // The kernel cannot between these two file systems, or the file does not tell its size.
    return copy_by_hand();
  }

  Result<std::size_t> copy_by_hand() {
    std::string buffer(256 * 1024, '\0');
    while (true) {
      const ssize_t n = ::read(source_.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return base::fail_errno(errno, "cannot read a source");
      const auto size = static_cast<std::size_t>(n);
      WRENN_TRY(target_.write(std::string_view(buffer).substr(0, size)));
      return size;
    }
  }

  const std::vector<Path> sources_;
  StagedFile target_;
  std::size_t next_ = 0;
  base::Fd source_;
};

Result<void> check_sources(const std::vector<Path>& sources) {
  for (const Path& path : sources) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return base::fail_errno(errno, to_text(path.native()));
    if (S_ISREG(info.st_mode)) continue;
    return base::fail(Code::kInvalidArgument,
                      base::concat("path '", to_text(path.native()), "' is not a file"));
  }
  return {};
}

}  // namespace

Task<Result<std::string>> ComposeRoute::compose(net::Request& request) {
  WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_small_body(request, kMaxBody));
  ::envd::ComposeRequest message;
  WRENN_CO_TRY(connect::decode(body, connect::Codec::kJson, message));
  if (message.source_paths().empty() || message.source_paths_size() > kMaxSources) {
    co_return base::fail(Code::kInvalidArgument,
                         base::concat("source_paths must name 1 to ", kMaxSources, " files"));
  }
  if (message.destination().empty()) {
    co_return base::fail(Code::kInvalidArgument, "the destination is missing");
  }
  WRENN_CO_TRY_ASSIGN(const Actor actor, message.username().empty()
                                             ? find_actor(settings_, request.headers())
                                             : find_actor(settings_, message.username()));
  std::vector<Path> sources;
  for (const std::string& path : message.source_paths()) {
    WRENN_CO_TRY_ASSIGN(sources.emplace_back(), actor.resolve(path));
  }
  WRENN_CO_TRY_ASSIGN(const Path destination, actor.resolve(message.destination()));
  WRENN_CO_TRY(co_await pool_.run([&] { return check_sources(sources); }));
  WRENN_CO_TRY_ASSIGN(StagedFile target, StagedFile::create(destination, actor.user));
  Composition composition(std::move(sources), std::move(target));
  while (true) {
    WRENN_CO_TRY_ASSIGN(const bool more, co_await pool_.run([&] { return composition.step(); }));
    if (!more) break;
  }
  WRENN_CO_TRY(co_await pool_.run([&] { return composition.commit(); }));
  co_return uploaded_json(destination, {});
}

Task<Result<void>> ComposeRoute::post(net::Request& request, net::ResponseWriter& response) {
  const auto reply = co_await compose(request);
  if (!reply) co_return co_await send_file_error(response, reply.error());
  co_return co_await response.send(200, net::Headers().with("Content-Type", "application/json"),
                                   *reply);
}

}  // namespace wrenn::envd
