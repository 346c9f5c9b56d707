#include "envd/files/upload.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "base/strings.h"
#include "connect/codec.h"
#include "envd/files/file_entry.h"
#include "envd/files/file_metadata.h"
#include "envd/files/staged_file.h"
#include "envd/http_reply.h"
#include "net/gzip.h"
#include "net/loop.h"
#include "net/multipart.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Path;
using base::Result;
using net::Task;

constexpr std::size_t kPiece = 256 * 1024;

// The files of one upload.
class Upload {
 public:
  Upload(UploadTarget target, Metadata metadata)
      : target_(std::move(target)), metadata_(std::move(metadata)) {}

  Result<void> begin(std::string_view path) {
    WRENN_TRY_ASSIGN(const Path resolved, target_.actor.resolve(path));
    const bool is_repeated = std::ranges::any_of(
        files_, [&](const StagedFile& file) { return file.target() == resolved; });
    if (is_repeated) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("the path '", to_text(path), "' comes twice"));
    }
    WRENN_TRY_ASSIGN(StagedFile file, StagedFile::create(resolved, target_.actor.user));
    WRENN_TRY(file.set_metadata(metadata_));
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

  Result<std::string> commit() {
    std::vector<std::string> items;
    for (StagedFile& file : files_) {
      WRENN_TRY(file.commit());
      WRENN_TRY_ASSIGN(std::string json, uploaded_json(file.target(), metadata_));
      items.push_back(std::move(json));
    }
    return base::concat("[", base::join(items, ","), "]");
  }

  const UploadTarget& target() const { return target_; }

 private:
  const UploadTarget target_;
  const Metadata metadata_;
  std::vector<StagedFile> files_;
  bool is_open_ = false;
};

// A full disk is better told before the bytes are sent than after.
Result<void> check_room(std::uint64_t needed, const Path& path) {
  Path existing = path;
  std::error_code error;
  while (!std::filesystem::is_directory(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  struct statvfs room{};
  if (::statvfs(existing.c_str(), &room) != 0) return {};  // Writing will tell.
  const std::uint64_t available = std::uint64_t{room.f_bavail} * room.f_frsize;
  if (needed <= available) return {};
  return base::fail(
      Code::kResourceExhausted,
      base::concat("not enough disk space: ", base::human_bytes(available), " are free"),
      "remove files, or create the sandbox with a larger disk");
}

// Feeds the body to `consume` in pieces.
template <class Consumer>
Task<Result<void>> read_body(net::ByteSource& body, Consumer& consumer) {
  std::string buffer(kPiece, '\0');
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await body.read(buffer));
    if (n == 0) co_return {};
    WRENN_CO_TRY(consumer.feed(std::string_view(buffer).substr(0, n)));
    // A few bytes of gzip can make many pieces without any wait.
    if (co_await net::LetOthersRun() == net::Woken::kStopped) {
      co_return base::fail(net::stopped_error());
    }
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

Task<Result<std::string>> receive_form(net::ByteSource& body, std::string boundary,
                                       Upload& upload) {
  MultipartBody form(boundary, upload);
  WRENN_CO_TRY(co_await read_body(body, form));
  if (!form.is_complete()) {
    co_return base::fail(Code::kInvalidArgument, "the multipart body lacks its last boundary");
  }
  co_return upload.commit();
}

Task<Result<std::string>> receive_file(net::ByteSource& body, Upload& upload) {
  WRENN_CO_TRY(upload.begin(*upload.target().path));
  WholeBody whole{upload};
  WRENN_CO_TRY(co_await read_body(body, whole));
  co_return upload.commit();
}

// The boundary of a form; nothing for a body that is the file.
Result<std::optional<std::string>> read_content_type(const net::Headers& headers) {
  const std::string_view type = headers.find("content-type").value_or("");
  const std::string_view plain = base::trim(type.substr(0, type.find(';')));
  if (plain.empty() || base::equal_ignore_case(plain, "application/octet-stream")) {
    return std::nullopt;
  }
  if (base::equal_ignore_case(plain, "multipart/form-data")) return net::multipart_boundary(type);
  return base::fail(Code::kInvalidArgument,
                    "the Content-Type must be application/octet-stream or "
                    "multipart/form-data with a boundary");
}

Result<bool> read_content_encoding(const net::Headers& headers) {
  const std::string_view coding = base::trim(headers.find("content-encoding").value_or(""));
  const bool is_single = headers.count("content-encoding") <= 1;
  if (is_single && (coding.empty() || base::equal_ignore_case(coding, "identity"))) return false;
  if (is_single && base::equal_ignore_case(coding, "gzip")) return true;
  return base::fail(Code::kInvalidArgument,
                    base::concat("unsupported content encoding '", to_text(coding),
                                 "', supported: [identity, gzip]"));
}

Task<Result<std::string>> receive_into(net::Request& request, Upload& upload) {
  const UploadTarget& target = upload.target();
  WRENN_CO_TRY_ASSIGN(auto boundary, read_content_type(request.headers()));
  WRENN_CO_TRY_ASSIGN(const bool is_gzip, read_content_encoding(request.headers()));
  if (!boundary && !target.path)
    co_return base::fail(Code::kInvalidArgument, "the path is missing");
  WRENN_CO_TRY_ASSIGN(const Path path, target.actor.resolve(target.path.value_or("")));
  WRENN_CO_TRY(check_room(request.content_length().value_or(0), path));
  std::optional<net::GunzipSource> decoded;
  if (is_gzip) decoded.emplace(request.body());
  net::ByteSource& body = decoded ? static_cast<net::ByteSource&>(*decoded) : request.body();
  if (boundary) co_return co_await receive_form(body, std::move(*boundary), upload);
  co_return co_await receive_file(body, upload);
}

}  // namespace

Task<Result<std::string>> receive_upload(net::Request& request, UploadTarget target) {
  WRENN_CO_TRY_ASSIGN(Metadata metadata, metadata_from_headers(request.headers()));
  Upload upload(std::move(target), std::move(metadata));
  co_return co_await receive_into(request, upload);
}

}  // namespace wrenn::envd
