#include "storage/objects/blob.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/files.h"
#include "base/strings.h"
#include "storage/file_range.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::Result;

// Little endian, as all numbers here.
// Header: magic, file size, 1 when sealed; then the header of the seal, if any.
// Record: offset, length, packed length; then so many bytes. The last has no length, and as its
// offset the number of those before.
constexpr std::string_view kMagic = "wrnblob1";
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kRecordBytes = 16;
constexpr std::uint64_t kChunkBytes = 256 << 10;
constexpr std::size_t kSealHeaderBytes = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr std::size_t kSealBytes = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::size_t kKeyBytes = crypto_secretstream_xchacha20poly1305_KEYBYTES;
constexpr int kLevel = 1;  // The link is slower than the processor, but not by much.

void put64(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>((value >> shift) & 0xFF);
}
void put32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xFF);
}
std::uint64_t get_number(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) {
    value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}
const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

base::Error broken(std::string_view what) {
  return {Code::kDataLoss, base::concat("what was stored is not whole: ", what)};
}

Result<void> check_key(const base::Secret& key) {
  if (key.empty() || key.reveal().size() == kKeyBytes) return {};
  return base::fail(Code::kInvalidArgument, base::concat("a key has ", kKeyBytes, " bytes"));
}

Result<std::uint64_t> size_of(int file) {
  struct stat info{};
  if (::fstat(file, &info) != 0) return base::fail_errno(errno, "cannot examine a file");
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::string> read_at(int file, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t n =
        ::pread(file, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read a file");
    if (n == 0) return base::fail(Code::kDataLoss, "a file became shorter while it was read");
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

using OnChunk = std::function<Result<void>(std::uint64_t offset, std::string_view bytes)>;

// The chunks of the file that are not zero. They lie on a grid, so that the same content has the
// same chunks wherever its holes are.
Result<void> for_each_chunk(int file, std::uint64_t size, const std::stop_token& stop,
                            const OnChunk& on_chunk) {
  std::uint64_t offset = 0;
  while (offset < size) {
    if (stop.stop_requested()) return base::fail(Code::kCanceled, "reading a file was ended");
    const off_t data = ::lseek(file, static_cast<off_t>(offset), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};
    if (data < 0) return base::fail_errno(errno, "cannot look for the data of a file");
    offset = static_cast<std::uint64_t>(data) / kChunkBytes * kChunkBytes;
    if (offset >= size) return {};
    const auto count = static_cast<std::size_t>(std::min(kChunkBytes, size - offset));
    WRENN_TRY_ASSIGN(const std::string bytes, read_at(file, offset, count));
    if (!is_zero(bytes)) WRENN_TRY(on_chunk(offset, bytes));
    offset += count;
  }
  return {};
}

class Hasher {
 public:
  Hasher(std::uint64_t size, const base::Secret& key) {
    const auto secret = key.reveal();
    crypto_generichash_init(&state_, secret.empty() ? nullptr : raw(secret), secret.size(), kBytes);
    std::string text;
    put64(text, size);
    crypto_generichash_update(&state_, raw(text), text.size());
  }
  void add(std::uint64_t offset, std::string_view bytes) {
    std::string text;
    put64(text, offset);
    put64(text, bytes.size());
    crypto_generichash_update(&state_, raw(text), text.size());
    crypto_generichash_update(&state_, raw(bytes), bytes.size());
  }
  std::string finish() {
    std::string hash(kBytes, '\0');
    crypto_generichash_final(&state_, raw(hash), hash.size());
    return base::to_hex(hash);
  }

 private:
  static constexpr std::size_t kBytes = 32;
  crypto_generichash_state state_{};
};

class Writer {
 public:
  Writer(int blob, const base::Secret& key) : blob_(blob), key_(key) {}

  Result<std::uint64_t> write(int file, const std::stop_token& stop) {
    WRENN_TRY(check_key(key_));
    WRENN_TRY_ASSIGN(const std::uint64_t size, size_of(file));
    std::string header(kMagic);
    put64(header, size);
    put64(header, key_.empty() ? 0 : 1);
    if (!key_.empty()) {
      std::string seal(kSealHeaderBytes, '\0');
      crypto_secretstream_xchacha20poly1305_init_push(&seal_, raw(seal), raw(key_.reveal()));
      header += seal;
    }
    WRENN_TRY(append(header));
    WRENN_TRY(
        for_each_chunk(file, size, stop, [this](std::uint64_t offset, std::string_view bytes) {
          ++records_;
          return write_record(offset, bytes);
        }));
    WRENN_TRY(write_record(records_, {}));
    return written_;
  }

 private:
  Result<void> write_record(std::uint64_t offset, std::string_view bytes) {
    std::string packed;
    if (!bytes.empty()) {
      packed.resize(::ZSTD_compressBound(bytes.size()));
      const std::size_t n =
          ::ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), kLevel);
      if (::ZSTD_isError(n) != 0) return base::fail(Code::kInternal, ::ZSTD_getErrorName(n));
      packed.resize(n);
    }
    std::string head;
    put64(head, offset);
    put32(head, static_cast<std::uint32_t>(bytes.size()));
    put32(head, static_cast<std::uint32_t>(packed.size() + (key_.empty() ? 0 : kSealBytes)));
    if (!key_.empty()) packed = sealed(packed, head, bytes.empty());
    return append(head + packed);
  }
  std::string sealed(std::string_view packed, std::string_view head, bool is_last) {
    std::string out(packed.size() + kSealBytes, '\0');
    const unsigned char tag = is_last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0;
    crypto_secretstream_xchacha20poly1305_push(&seal_, raw(out), nullptr, raw(packed),
                                               packed.size(), raw(head), head.size(), tag);
    return out;
  }
  Result<void> append(std::string_view bytes) {
    WRENN_TRY(base::write_all(blob_, bytes));
    written_ += bytes.size();
    return {};
  }

  const int blob_;
  const base::Secret& key_;
  crypto_secretstream_xchacha20poly1305_state seal_{};
  std::uint64_t records_ = 0;
  std::uint64_t written_ = 0;
};

class Reader {
 public:
  Reader(int blob, int file, const base::Secret& key) : blob_(blob), file_(file), key_(key) {}

  // The name of what was read.
  Result<std::string> read(std::uint64_t min_size, std::uint64_t max_size) {
    WRENN_TRY(check_key(key_));
    WRENN_TRY_ASSIGN(blob_size_, size_of(blob_));
    WRENN_TRY_ASSIGN(const std::uint64_t size, read_header());
    if (size < min_size || size > max_size) return base::fail(broken("it has another size"));
    Hasher hasher(size, key_);
    std::uint64_t end = 0;
    for (std::uint64_t records = 0;; ++records) {
      WRENN_TRY_ASSIGN(const std::string head, take(kRecordBytes));
      const std::uint64_t offset = get_number(head, 0, 8);
      const std::uint64_t length = get_number(head, 8, 4);
      WRENN_TRY_ASSIGN(const std::string bytes, read_record(head, length));
      if (length == 0) {
        if (offset != records || at_ != blob_size_) return base::fail(broken("its end is missing"));
        break;
      }
      if (offset < end || offset % kChunkBytes != 0 || offset > size || length > size - offset) {
        return base::fail(broken("a chunk lies elsewhere"));
      }
      end = offset + length;
      hasher.add(offset, bytes);
      WRENN_TRY(write_at(file_, bytes, offset));
    }
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0) {
      return base::fail_errno(errno, "cannot give a file its length");
    }
    return hasher.finish();
  }

 private:
  Result<std::string> take(std::size_t count) {
    if (count > blob_size_ - at_) return base::fail(broken("it is cut short"));
    WRENN_TRY_ASSIGN(auto bytes, read_at(blob_, at_, count));
    at_ += count;
    return bytes;
  }
  // The size of the file.
  Result<std::uint64_t> read_header() {
    WRENN_TRY_ASSIGN(const std::string header, take(kHeaderBytes));
    const bool is_sealed = get_number(header, 16, 8) == 1;
    if (!header.starts_with(kMagic) || get_number(header, 16, 8) > 1) {
      return base::fail(broken("it is no blob"));
    }
    if (is_sealed != !key_.empty()) {
      return base::fail(Code::kPermissionDenied,
                        is_sealed ? "what was stored is sealed, and there is no key here"
                                  : "what was stored is not sealed, and only that is read here",
                        "give all hosts the same key");
    }
    if (is_sealed) {
      WRENN_TRY_ASSIGN(const std::string seal, take(kSealHeaderBytes));
      crypto_secretstream_xchacha20poly1305_init_pull(&seal_, raw(seal), raw(key_.reveal()));
    }
    return get_number(header, 8, 8);
  }
  Result<std::string> read_record(std::string_view head, std::uint64_t length) {
    const std::uint64_t packed_bytes = get_number(head, 12, 4);
    if (length > kChunkBytes || packed_bytes > ::ZSTD_compressBound(kChunkBytes) + kSealBytes) {
      return base::fail(broken("a chunk is too large"));
    }
    WRENN_TRY_ASSIGN(std::string packed, take(static_cast<std::size_t>(packed_bytes)));
    if (!key_.empty()) {
      WRENN_TRY_ASSIGN(packed, opened(packed, head, length == 0));
    }
    if (length == 0) return std::string();
    std::string bytes(static_cast<std::size_t>(length), '\0');
    const std::size_t n =
        ::ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size());
    if (::ZSTD_isError(n) != 0 || n != length) return base::fail(broken("a chunk is damaged"));
    return bytes;
  }
  Result<std::string> opened(std::string_view packed, std::string_view head, bool is_last) {
    if (packed.size() < kSealBytes) return base::fail(broken("a chunk is damaged"));
    std::string out(packed.size() - kSealBytes, '\0');
    unsigned char tag = 0;
    const bool is_ours =
        crypto_secretstream_xchacha20poly1305_pull(&seal_, raw(out), nullptr, &tag, raw(packed),
                                                   packed.size(), raw(head), head.size()) == 0;
    if (!is_ours) return base::fail(broken("it is damaged, or sealed with another key"));
    if ((tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL) != is_last) {
      return base::fail(broken("its end is missing"));
    }
    return out;
  }

  const int blob_;
  const int file_;
  const base::Secret& key_;
  crypto_secretstream_xchacha20poly1305_state seal_{};
  std::uint64_t blob_size_ = 0;
  std::uint64_t at_ = 0;
};

}  // namespace

Result<std::string> blob_name(int file, const base::Secret& key, const std::stop_token& stop) {
  WRENN_TRY(check_key(key));
  WRENN_TRY_ASSIGN(const std::uint64_t size, size_of(file));
  Hasher hasher(size, key);
  WRENN_TRY(
      for_each_chunk(file, size, stop, [&hasher](std::uint64_t offset, std::string_view bytes) {
        hasher.add(offset, bytes);
        return Result<void>();
      }));
  return hasher.finish();
}

Result<std::uint64_t> write_blob(int file, int blob, const base::Secret& key,
                                 const std::stop_token& stop) {
  return Writer(blob, key).write(file, stop);
}

Result<void> read_blob(int blob, int file, const base::Secret& key, const std::string& name,
                       std::uint64_t size) {
  if (size > kMaxBlobFileBytes) return base::fail(broken("it is too large"));
  WRENN_TRY_ASSIGN(const std::string found, Reader(blob, file, key).read(size, size));
  if (found != name) return base::fail(broken("it is another file"));
  return {};
}

Result<void> read_unnamed_blob(int blob, int file, const base::Secret& key,
                               std::uint64_t max_size) {
  WRENN_TRY(Reader(blob, file, key).read(0, max_size));
  return {};
}

std::uint64_t most_blob_bytes(std::uint64_t size) {
  const std::uint64_t records = size / kChunkBytes + 2;
  return kHeaderBytes + kSealHeaderBytes +
         records * (kRecordBytes + kSealBytes + ::ZSTD_compressBound(kChunkBytes));
}

}  // namespace wrenn::storage
