#include "vm/firecracker/saved_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;
using base::Result;

// The magic, three texts that are filled up with zeros, a number, and the first bytes of the
// SHA-256 of all before them. Little-endian.
constexpr std::string_view kMagic = "WRNFCS01";
constexpr std::size_t kTextBytes = 64;
constexpr std::size_t kChecksumBytes = 8;

std::unexpected<base::Error> broken(std::string_view what) {
  return base::fail(Code::kDataLoss, concat("the saved devices of a VM ", what));
}

void put_text(std::string& out, std::string_view text) {
  out += text.substr(0, kTextBytes);
  out.append(kTextBytes - std::min(text.size(), kTextBytes), '\0');
}

// Printable, and nothing behind its end.
bool take_text(std::string_view& bytes, std::string& text) {
  const std::string_view field = bytes.substr(0, kTextBytes);
  bytes.remove_prefix(kTextBytes);
  const auto end = std::min(field.find('\0'), kTextBytes);
  text = field.substr(0, end);
  const auto is_printable = [](char c) { return c > ' ' && c <= '~'; };
  return std::ranges::all_of(text, is_printable) &&
         field.find_first_not_of('\0', end) == std::string_view::npos;
}

// Exactly so many bytes from where the file stands.
Result<std::string> read_exactly(int fd, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t n = ::read(fd, text.data() + done, bytes - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read the saved devices of a VM");
    if (n == 0) return broken("are cut off");
    done += static_cast<std::size_t>(n);
  }
  return text;
}

Result<void> write_new(const base::Path& path, std::string_view first, std::string_view second,
                       mode_t mode) {
  WRENN_TRY_ASSIGN(const base::Fd file,
                   base::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  WRENN_TRY(base::write_all(file.get(), first));
  return base::write_all(file.get(), second);
}

}  // namespace

std::string to_bytes(const SavedState& state) {
  std::string out(kMagic);
  put_text(out, state.format);
  put_text(out, state.version);
  put_text(out, state.disk_file);
  out.append(reinterpret_cast<const char*>(&state.bytes), sizeof state.bytes);
  out += base::sha256(out).substr(0, kChecksumBytes);
  return out;
}

Result<SavedState> parse_saved_state(std::string_view header) {
  if (header.size() != kStateHeaderBytes) return broken("have no whole header");
  const std::string_view checksum = header.substr(header.size() - kChecksumBytes);
  header.remove_suffix(kChecksumBytes);
  if (!header.starts_with(kMagic)) return broken("are not Firecracker's");
  if (base::sha256(header).substr(0, kChecksumBytes) != checksum) {
    return broken("have a wrong checksum");
  }
  header.remove_prefix(kMagic.size());
  SavedState state;
  const bool are_texts = take_text(header, state.format) && take_text(header, state.version) &&
                         take_text(header, state.disk_file);
  std::memcpy(&state.bytes, header.data(), sizeof state.bytes);
  if (!are_texts || state.bytes == 0 || state.bytes > kMaxStateBytes) {
    return broken("have a header that cannot be");
  }
  return state;
}

Result<void> keep_state(const base::Path& state, SavedState saved, const base::Path& to) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(state, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::fail_errno(errno, "fstat");
  saved.bytes = static_cast<std::uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || saved.bytes == 0 || saved.bytes > kMaxStateBytes) {
    return broken("are no file of a possible size");
  }
  WRENN_TRY_ASSIGN(const std::string bytes, read_exactly(file.get(), saved.bytes));
  return write_new(to, to_bytes(saved), bytes, 0400);
}

Result<SavedState> take_state(int devices_fd, const base::Path& to) {
  if (::lseek(devices_fd, 0, SEEK_SET) != 0) {
    return base::fail_errno(errno, "cannot read the saved devices of a VM");
  }
  WRENN_TRY_ASSIGN(const std::string header, read_exactly(devices_fd, kStateHeaderBytes));
  WRENN_TRY_ASSIGN(SavedState state, parse_saved_state(header));
  WRENN_TRY_ASSIGN(const std::string bytes, read_exactly(devices_fd, state.bytes));
  WRENN_TRY(write_new(to, bytes, {}, 0444));
  return state;
}

}  // namespace wrenn::vm::firecracker
