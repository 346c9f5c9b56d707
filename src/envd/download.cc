#include "envd/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/strings.h"
#include "envd/accept_encoding.h"
#include "envd/byte_range.h"
#include "envd/content_type.h"
#include "envd/file_entry.h"
#include "envd/http_reply.h"
#include "envd/validators.h"
#include "net/gzip.h"
#include "net/loop.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;
using net::Task;

// A file up to this size is read at once and sent together with the head.
constexpr std::size_t kPiece = 64 * 1024;

struct OpenFile {
  base::Fd fd;
  struct stat info{};
  std::string name;
  // Nothing for a file that does not tell, as those of /proc.
  std::optional<std::uint64_t> size;
  // Of a small file, or the beginning of one that does not tell its size.
  std::string bytes;

  bool is_whole() const { return size && *size == bytes.size(); }
  // What a file system makes up has no date to rely on.
  bool has_validators() const { return size == static_cast<std::uint64_t>(info.st_size); }
};

// Fills the buffer unless the file ends before.
Result<std::size_t> read_piece(int fd, std::span<char> buffer) {
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

Result<OpenFile> open_file(const base::Path& path) {
  OpenFile file;
  // Not blocking: a named pipe must not hold up the agent.
  file.fd = base::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.fd.valid()) return base::fail_errno(errno, to_text(path.native()));
  if (::fstat(file.fd.get(), &file.info) != 0) {
    return base::fail_errno(errno, to_text(path.native()));
  }
  if (!S_ISREG(file.info.st_mode)) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("path '", to_text(path.native()), "' is ",
                                   S_ISDIR(file.info.st_mode) ? "a directory" : "not a file"));
  }
  file.name = path.filename().native();
  const auto stated = static_cast<std::uint64_t>(file.info.st_size);
  if (stated > kPiece) {
    file.size = stated;
    return file;
  }
  file.bytes.resize(kPiece);
  WRENN_TRY_ASSIGN(const std::size_t filled, read_piece(file.fd.get(), file.bytes));
  file.bytes.resize(filled);
  if (filled < kPiece || stated == kPiece) file.size = filled;
  return file;
}

std::string disposition(std::string_view name) {
  const bool is_ascii = std::ranges::all_of(name, [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (!is_ascii) return base::concat("inline; filename*=UTF-8''", base::percent_encode(name));
  if (net::is_token(name)) return base::concat("inline; filename=", name);
  std::string quoted;
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return base::concat("inline; filename=\"", quoted, "\"");
}

net::Headers file_headers(const OpenFile& file, Encoding encoding, const Validators& validators) {
  auto headers = net::Headers()
                     .with("Content-Type", content_type_of(file.name))
                     .with("Content-Disposition", disposition(file.name))
                     .with("Vary", "Accept-Encoding");
  if (encoding == Encoding::kGzip) headers.set("Content-Encoding", "gzip");
  if (encoding == Encoding::kIdentity && file.size) headers.set("Accept-Ranges", "bytes");
  if (!file.has_validators()) return headers;
  headers.set("ETag", validators.etag);
  headers.set("Last-Modified", http_date(validators.modified));
  return headers;
}

Task<Result<void>> send_gzip(const OpenFile& file, net::Headers headers,
                             net::ResponseWriter& response) {
  net::GzipEncoder encoder;
  std::string out;
  encoder.feed(file.bytes, out);
  if (file.is_whole()) {
    encoder.finish(out);
    co_return co_await response.send(200, std::move(headers), out);
  }
  WRENN_CO_TRY(co_await response.start(200, std::move(headers)));
  std::string buffer(kPiece, '\0');
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, read_piece(file.fd.get(), buffer));
    if (n == 0) break;
    encoder.feed(std::string_view(buffer).substr(0, n), out);
    WRENN_CO_TRY(co_await response.write(out));
    out.clear();
    // Compressing is work: others wait for one piece at most.
    if (co_await net::LetOthersRun() == net::Woken::kStopped) {
      co_return base::fail(net::stopped_error());
    }
  }
  encoder.finish(out);
  WRENN_CO_TRY(co_await response.write(out));
  co_return co_await response.finish();
}

// A file that tells no size, to its end.
Task<Result<void>> send_to_end(const OpenFile& file, net::Headers headers,
                               net::ResponseWriter& response) {
  WRENN_CO_TRY(co_await response.start(200, std::move(headers)));
  std::string buffer = file.bytes;
  for (std::size_t n = buffer.size(); n > 0;) {
    WRENN_CO_TRY(co_await response.write(std::string_view(buffer).substr(0, n)));
    WRENN_CO_TRY_ASSIGN(n, read_piece(file.fd.get(), buffer));
  }
  co_return co_await response.finish();
}

Task<Result<void>> send_part(const OpenFile& file, int status, net::Headers headers,
                             std::uint64_t offset, std::uint64_t length,
                             net::ResponseWriter& response) {
  if (file.is_whole()) {
    co_return co_await response.send(status, std::move(headers),
                                     std::string_view(file.bytes).substr(offset, length));
  }
  WRENN_CO_TRY(co_await response.start(status, std::move(headers), length));
  WRENN_CO_TRY(co_await response.send_file(file.fd.get(), offset, length));
  co_return co_await response.finish();
}

Task<Result<void>> send_identity(const net::Request& request, const OpenFile& file,
                                 net::Headers headers, const Validators& validators,
                                 net::ResponseWriter& response) {
  if (!file.size) co_return co_await send_to_end(file, std::move(headers), response);
  RangeChoice range;
  const auto field = request.headers().find("range");
  const bool applies = file.has_validators() ? range_applies(request.headers(), validators)
                                             : !request.headers().find("if-range");
  if (field && applies && request.method() == "GET") range = choose_range(*field, *file.size);
  switch (range.kind) {
    case RangeChoice::Kind::kWhole:
      co_return co_await send_part(file, 200, std::move(headers), 0, *file.size, response);
    case RangeChoice::Kind::kPart:
      headers.set("Content-Range", base::concat("bytes ", range.offset, "-",
                                                range.offset + range.length - 1, "/", *file.size));
      co_return co_await send_part(file, 206, std::move(headers), range.offset, range.length,
                                   response);
    case RangeChoice::Kind::kUnsatisfiable:
      break;
  }
  co_return co_await send_http_error(
      response, 416,
      {Code::kOutOfRange, base::concat("the range lies outside the file's ", *file.size, " bytes")},
      net::Headers().with("Content-Range", base::concat("bytes */", *file.size)));
}

// Many clients take gzip without having thought about it, and packing what is packed already (an
// archive, a picture) takes far longer than sending it. The beginning of a large file tells.
bool is_worth_packing(const OpenFile& file) {
  if (file.is_whole()) return true;
  std::string sample(kPiece / 4, '\0');
  const ssize_t n = ::pread(file.fd.get(), sample.data(), sample.size(), 0);
  if (n <= 0) return false;
  sample.resize(static_cast<std::size_t>(n));
  return net::gzip(sample).size() < sample.size() / 8 * 7;
}

// Ranges count in the bytes of the file as it is, and an empty file stays empty.
std::optional<Encoding> choose_encoding(const net::Request& request, const OpenFile& file) {
  const AcceptedEncodings accepted = accepted_encodings(request.headers());
  const bool is_plain = file.size == 0 || request.headers().find("range").has_value() ||
                        (accepted.best() == Encoding::kGzip && !is_worth_packing(file));
  if (is_plain && accepted.identity > 0) return Encoding::kIdentity;
  return accepted.best();
}

Task<Result<void>> send_open(const net::Request& request, const OpenFile& file,
                             net::ResponseWriter& response) {
  const auto encoding = choose_encoding(request, file);
  if (!encoding) {
    co_return co_await send_http_error(
        response, 406,
        {Code::kInvalidArgument, "no acceptable encoding found, supported: [identity, gzip]"},
        net::Headers().with("Vary", "Accept-Encoding"));
  }
  const Validators validators =
      validators_of(file.info, *encoding == Encoding::kGzip ? "-gzip" : "");
  net::Headers headers = file_headers(file, *encoding, validators);
  const Condition condition =
      file.has_validators() ? check_conditions(request.headers(), validators) : Condition::kHolds;
  if (condition == Condition::kFailed) {
    co_return co_await send_http_error(
        response, 412, {Code::kFailedPrecondition, "the file is not the one the request expects"});
  }
  if (condition == Condition::kNotModified) {
    WRENN_CO_TRY(co_await response.start(304, std::move(headers)));
    co_return co_await response.finish();
  }
  if (*encoding == Encoding::kGzip) {
    co_return co_await send_gzip(file, std::move(headers), response);
  }
  co_return co_await send_identity(request, file, std::move(headers), validators, response);
}

}  // namespace

Task<Result<void>> send_download(const net::Request& request, base::Path path,
                                 net::ResponseWriter& response) {
  const auto file = open_file(path);
  if (!file) co_return co_await send_file_error(response, file.error());
  auto sent = co_await send_open(request, *file, response);
  // Nothing can be put right once a part is on its way.
  if (!sent) response.abort();
  co_return sent;
}

}  // namespace wrenn::envd
