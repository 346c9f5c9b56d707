#include "envd/files_route.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "connect/codec.h"
#include "envd/file_entry.h"
#include "envd/http_reply.h"
#include "envd/staged_file.h"
#include "net/multipart.h"
#include "proto/envd.pb.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Path;
using base::Result;
using net::Task;

constexpr std::size_t kChunk = 64 * 1024;

struct Target {
  Actor actor;
  std::optional<std::string> path;  // As it stands in the query.
};

Result<Target> read_target(const net::Request& request, const GuestSettings& settings) {
  WRENN_TRY_ASSIGN(const Query query, parse_query(request.query()));
  const auto username = query.find("username");
  Target target;
  if (username != query.end() && !username->second.empty()) {
    WRENN_TRY_ASSIGN(target.actor, find_actor(settings, username->second));
  } else {
    WRENN_TRY_ASSIGN(target.actor, find_actor(settings, request.headers()));
  }
  const auto path = query.find("path");
  if (path != query.end() && !path->second.empty()) target.path = path->second;
  return target;
}

struct OpenFile {
  base::Fd fd;
  std::uint64_t size = 0;
  std::string name;
};

Result<OpenFile> open_for_reading(const net::Request& request, const GuestSettings& settings) {
  WRENN_TRY_ASSIGN(const Target target, read_target(request, settings));
  if (!target.path) return base::fail(Code::kInvalidArgument, "the path is missing");
  WRENN_TRY_ASSIGN(const Path path, target.actor.resolve(*target.path));
  // Not blocking: a named pipe must not hold up the agent.
  base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return base::fail_errno(errno, to_text(path.native()));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return base::fail_errno(errno, to_text(path.native()));
  if (!S_ISREG(info.st_mode)) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("path '", to_text(path.native()), "' is ",
                                   S_ISDIR(info.st_mode) ? "a directory" : "not a file"));
  }
  return OpenFile{std::move(fd), static_cast<std::uint64_t>(info.st_size),
                  path.filename().native()};
}

// Fills the buffer unless the file ends before.
Result<std::size_t> read_chunk(int fd, std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t n = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read the file");
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  return filled;
}

net::Headers file_headers(const OpenFile& file) {
  return net::Headers()
      .with("Content-Type", "application/octet-stream")
      .with("Content-Disposition",
            base::concat("inline; filename*=UTF-8''", base::percent_encode(file.name)));
}

Task<Result<void>> send_file(const OpenFile& file, net::ResponseWriter& response) {
  std::string buffer(kChunk, '\0');
  auto first = read_chunk(file.fd.get(), buffer);
  if (!first) co_return co_await send_file_error(response, first.error());
  // A short file is sent as what was read: those of /proc and /sys state a size that means nothing.
  if (*first < kChunk) {
    co_return co_await response.send(200, file_headers(file),
                                     std::string_view(buffer).substr(0, *first));
  }
  const auto length =
      file.size > 0 ? std::optional(std::max<std::uint64_t>(file.size, kChunk)) : std::nullopt;
  WRENN_CO_TRY(co_await response.start(200, file_headers(file), length));
  std::uint64_t left = length.value_or(UINT64_MAX);
  for (std::size_t n = *first; n > 0 && left > 0;) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(n, left));
    WRENN_CO_TRY(co_await response.write(std::string_view(buffer).substr(0, part)));
    left -= part;
    auto next = read_chunk(file.fd.get(), buffer);
    if (!next) {
      response.abort();
      co_return base::fail(std::move(next).error());
    }
    n = *next;
  }
  co_return co_await response.finish();
}

// The files of one upload, all of which appear or none.
class Upload {
 public:
  explicit Upload(Target target) : target_(std::move(target)) {}

  Result<void> begin(std::string_view path) {
    WRENN_TRY_ASSIGN(const Path resolved, target_.actor.resolve(path));
    const bool is_repeated = std::ranges::any_of(
        files_, [&](const StagedFile& file) { return file.target() == resolved; });
    if (is_repeated) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("the path '", to_text(path), "' comes twice"));
    }
    WRENN_TRY_ASSIGN(StagedFile file, StagedFile::create(resolved, target_.actor.user));
    files_.push_back(std::move(file));
    is_open_ = true;
    return {};
  }

  Result<void> begin_part(const net::PartHead& head) {
    if (head.name != "file") return {};
    if (target_.path) return begin(*target_.path);
    if (head.filename && !head.filename->empty()) return begin(*head.filename);
    return base::fail(Code::kInvalidArgument, "a file comes without a path");
  }
  Result<void> data(std::string_view bytes) {
    if (!is_open_) return {};
    return files_.back().write(bytes);
  }
  Result<void> end_part() {
    if (!std::exchange(is_open_, false)) return {};
    return files_.back().close();
  }

  // The JSON array that the client gets.
  Result<std::string> commit() {
    std::vector<std::string> items;
    for (StagedFile& file : files_) {
      WRENN_TRY(file.commit());
      ::envd::UploadedFile item;
      item.set_path(to_text(file.target().native()));
      item.set_name(to_text(file.target().filename().native()));
      item.set_type("file");
      WRENN_TRY_ASSIGN(std::string json, connect::encode(item, connect::Codec::kJson));
      items.push_back(std::move(json));
    }
    return base::concat("[", base::join(items, ","), "]");
  }

  const Target& target() const { return target_; }

 private:
  const Target target_;
  std::vector<StagedFile> files_;
  bool is_open_ = false;
};

// A full disk is better told before the bytes are sent than after.
Result<void> check_room(const net::Request& request, const Path& path) {
  Path existing = path;
  std::error_code error;
  while (!std::filesystem::is_directory(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  struct statvfs room{};
  if (::statvfs(existing.c_str(), &room) != 0) return {};  // Writing will tell.
  const std::uint64_t available = std::uint64_t{room.f_bavail} * room.f_frsize;
  if (request.content_length().value_or(0) <= available) return {};
  return base::fail(
      Code::kResourceExhausted,
      base::concat("not enough disk space: ", base::human_bytes(available), " are free"),
      "remove files, or create the sandbox with a larger disk");
}

// Feeds the body to `consume` in pieces.
template <class Consumer>
Task<Result<void>> read_body(net::Request& request, Consumer& consumer) {
  std::string buffer(kChunk, '\0');
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await request.body().read(buffer));
    if (n == 0) co_return {};
    WRENN_CO_TRY(consumer.feed(std::string_view(buffer).substr(0, n)));
  }
}

struct WholeBody {
  Upload& upload;
  Result<void> feed(std::string_view bytes) { return upload.data(bytes); }
};

class MultipartBody {
 public:
  MultipartBody(std::string_view boundary, Upload& upload) : parser_(boundary), upload_(upload) {}

  Result<void> feed(std::string_view bytes) {
    if (is_complete_) return {};
    parser_.feed(bytes);
    while (true) {
      WRENN_TRY_ASSIGN(const auto event, parser_.next());
      switch (event.kind) {
        case net::MultipartEvent::Kind::kNeedInput:
          return {};
        case net::MultipartEvent::Kind::kEnd:
          is_complete_ = true;
          return {};
        case net::MultipartEvent::Kind::kPart:
          WRENN_TRY(upload_.begin_part(event.part));
          break;
        case net::MultipartEvent::Kind::kData:
          WRENN_TRY(upload_.data(event.data));
          break;
        case net::MultipartEvent::Kind::kPartEnd:
          WRENN_TRY(upload_.end_part());
          break;
      }
    }
  }
  bool is_complete() const { return is_complete_; }

 private:
  net::MultipartParser parser_;
  Upload& upload_;
  bool is_complete_ = false;
};

Task<Result<std::string>> receive_into(net::Request& request, Upload& upload) {
  const std::string_view type = request.headers().find("content-type").value_or("");
  if (const auto boundary = net::multipart_boundary(type)) {
    const Target& target = upload.target();
    WRENN_CO_TRY_ASSIGN(const Path path, target.actor.resolve(target.path.value_or("")));
    WRENN_CO_TRY(check_room(request, path));
    MultipartBody body(*boundary, upload);
    WRENN_CO_TRY(co_await read_body(request, body));
    if (!body.is_complete()) {
      co_return base::fail(Code::kInvalidArgument, "the multipart body lacks its last boundary");
    }
    co_return upload.commit();
  }
  const std::string_view plain = base::trim(type.substr(0, type.find(';')));
  if (!plain.empty() && !base::equal_ignore_case(plain, "application/octet-stream")) {
    co_return base::fail(Code::kInvalidArgument,
                         "the Content-Type must be application/octet-stream or "
                         "multipart/form-data with a boundary");
  }
  if (!upload.target().path) co_return base::fail(Code::kInvalidArgument, "the path is missing");
  WRENN_CO_TRY_ASSIGN(const Path path, upload.target().actor.resolve(*upload.target().path));
  WRENN_CO_TRY(check_room(request, path));
  WRENN_CO_TRY(upload.begin(*upload.target().path));
  WholeBody body{upload};
  WRENN_CO_TRY(co_await read_body(request, body));
  co_return upload.commit();
}

// What did not become a file is gone when this returns, before the client is told.
Task<Result<std::string>> receive(net::Request& request, Target target) {
  Upload upload(std::move(target));
  co_return co_await receive_into(request, upload);
}

}  // namespace

Task<Result<void>> FilesRoute::get(net::Request& request, net::ResponseWriter& response) {
  const auto file = open_for_reading(request, settings_);
  if (!file) co_return co_await send_file_error(response, file.error());
  co_return co_await send_file(*file, response);
}

Task<Result<void>> FilesRoute::post(net::Request& request, net::ResponseWriter& response) {
  auto target = read_target(request, settings_);
  if (!target) co_return co_await send_file_error(response, target.error());
  const auto reply = co_await receive(request, std::move(*target));
  if (!reply) co_return co_await send_file_error(response, reply.error());
  co_return co_await response.send(200, net::Headers().with("Content-Type", "application/json"),
                                   *reply);
}

}  // namespace wrenn::envd
