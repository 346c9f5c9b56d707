#include "storage/dm/exception_store.h"

#include <endian.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>

#include "base/strings.h"
#include "storage/cow_disk.h"
#include "storage/file_range.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint32_t kMagic = 0x70416e53;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kHeaderChunks = 1;
constexpr std::size_t kExceptionBytes = 16;
static_assert(kExceptionsPerArea * kExceptionBytes == kChunkBytes);

struct Header {
  std::uint32_t magic = htole32(kMagic);
  std::uint32_t valid = htole32(1);
  std::uint32_t version = htole32(kVersion);
  std::uint32_t chunk_sectors = htole32(static_cast<std::uint32_t>(kChunkSectors));
};
static_assert(sizeof(Header) == 16);

struct StoredException {
  std::uint64_t chunk = 0;
  std::uint64_t place = 0;
};
static_assert(sizeof(StoredException) == kExceptionBytes);
using Area = std::array<StoredException, kExceptionsPerArea>;

std::uint64_t area_place(std::uint64_t area) {
  return kHeaderChunks + area * (kExceptionsPerArea + 1);
}
// Where the content of the exception with this number lies.
std::uint64_t content_place(std::uint64_t number) {
  return area_place(number / kExceptionsPerArea) + 1 + number % kExceptionsPerArea;
}
std::uint64_t chunks_for(std::uint64_t exceptions) {
  return kHeaderChunks + exceptions / kExceptionsPerArea + 1 + exceptions;
}

base::Error broken(std::string_view why) {
  return {Code::kDataLoss, concat("this file of a snapshot is broken: ", why)};
}

// What the file does not have is zeros.
template <class T>
Result<T> read_at(int fd, std::uint64_t offset) {
  T value;
  std::memset(&value, 0, sizeof(value));  // Whatever it begins as otherwise.
  std::size_t done = 0;
  auto* bytes = reinterpret_cast<char*>(&value);
  while (done < sizeof(T)) {
    const ssize_t n =
        ::pread(fd, bytes + done, sizeof(T) - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read the file of a snapshot");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return value;
}

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

Result<std::uint64_t> chunks_in(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return base::fail_errno(errno, "cannot stat");
  return static_cast<std::uint64_t>(info.st_size) / kChunkBytes;
}

Result<void> set_size(int fd, std::uint64_t bytes) {
  if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0) return {};
  return base::fail_errno(errno, "cannot size the file of a snapshot");
}

Result<void> check_header(int fd) {
  WRENN_TRY_ASSIGN(const Header header, read_at<Header>(fd, 0));
  if (le32toh(header.magic) != kMagic) return base::fail(broken("it has no header"));
  if (le32toh(header.version) != kVersion) return base::fail(broken("its version is unknown"));
  if (le32toh(header.chunk_sectors) != kChunkSectors) {
    return base::fail(broken("its chunks are not of 4 KiB"));
  }
  if (header.valid != 0) return {};
  return base::fail(broken("the kernel gave it up after a write that failed"));
}

// One chunk of a disk, and in which of several stores it lies.
struct Found {
  std::uint64_t chunk = 0;
  std::size_t store = 0;
  std::uint64_t place = 0;
};

// Each chunk once, from the last store that has it, by chunk.
Result<std::vector<Found>> find_newest(const std::vector<int>& stores) {
  std::vector<Found> found;
  for (std::size_t i = 0; i < stores.size(); ++i) {
    WRENN_TRY_ASSIGN(const auto exceptions, read_store(stores[i]));
    for (const auto& one : exceptions) found.push_back({one.chunk, i, one.place});
  }
  std::ranges::sort(found, [](const Found& a, const Found& b) {
    return std::tuple(a.chunk, b.store, b.place) < std::tuple(b.chunk, a.store, a.place);
  });
  const auto same = [](const Found& a, const Found& b) { return a.chunk == b.chunk; };
  const auto rest = std::ranges::unique(found, same);
  found.erase(rest.begin(), rest.end());
  return found;
}

using Chunk = std::array<char, kChunkBytes>;

Result<void> copy_chunk(const std::vector<int>& stores, const Found& from, int out,
                        std::uint64_t offset, std::uint64_t limit) {
  WRENN_TRY_ASSIGN(const Chunk chunk, read_at<Chunk>(stores[from.store], from.place * kChunkBytes));
  return write_at(out, std::string_view(chunk.data(), std::min(kChunkBytes, limit)), offset);
}

}  // namespace

std::uint64_t store_bytes(std::uint64_t disk_bytes) {
  return chunks_for((disk_bytes + kChunkBytes - 1) / kChunkBytes) * kChunkBytes;
}

Result<void> write_empty_store(int fd, std::uint64_t disk_bytes) {
  WRENN_TRY(set_size(fd, store_bytes(disk_bytes)));
  return write_at(fd, bytes_of(Header()), 0);
}

Result<std::vector<Exception>> read_store(int fd) {
  constexpr std::uint64_t kMaxChunks = kMaxDiskBytes / kChunkBytes;
  WRENN_TRY(check_header(fd));
  WRENN_TRY_ASSIGN(const std::uint64_t file_chunks, chunks_in(fd));
  std::vector<Exception> exceptions;
  for (std::uint64_t area = 0; area_place(area) < file_chunks; ++area) {
    WRENN_TRY_ASSIGN(const Area stored, read_at<Area>(fd, area_place(area) * kChunkBytes));
    for (const auto& one : stored) {
      const Exception exception{le64toh(one.chunk), le64toh(one.place)};
      if (exception.place == 0) return exceptions;
      const bool is_content = exception.place > kHeaderChunks &&
                              (exception.place - kHeaderChunks) % (kExceptionsPerArea + 1) != 0;
      if (!is_content || exception.place >= file_chunks || exception.chunk >= kMaxChunks) {
        return base::fail(broken("a chunk lies where it cannot"));
      }
      exceptions.push_back(exception);
    }
  }
  return exceptions;
}

Result<std::uint64_t> used_bytes(int fd) {
  WRENN_TRY_ASSIGN(const auto exceptions, read_store(fd));
  std::uint64_t chunks = chunks_for(exceptions.size());
  for (const auto& one : exceptions) chunks = std::max(chunks, one.place + 1);
  return chunks * kChunkBytes;
}

Result<void> merge_stores(const std::vector<int>& stores, int out) {
  WRENN_TRY_ASSIGN(const auto found, find_newest(stores));
  WRENN_TRY(set_size(out, chunks_for(found.size()) * kChunkBytes));
  WRENN_TRY(write_at(out, bytes_of(Header()), 0));
  for (std::size_t first = 0; first < found.size(); first += kExceptionsPerArea) {
    Area area{};
    const std::size_t end = std::min<std::size_t>(first + kExceptionsPerArea, found.size());
    for (std::size_t i = first; i < end; ++i) {
      area[i - first] = {htole64(found[i].chunk), htole64(content_place(i))};
      WRENN_TRY(copy_chunk(stores, found[i], out, content_place(i) * kChunkBytes, kChunkBytes));
    }
    WRENN_TRY(write_at(out, bytes_of(area), area_place(first / kExceptionsPerArea) * kChunkBytes));
  }
  return {};
}

Result<void> flatten(int base, const std::vector<int>& stores, std::uint64_t disk_bytes, int out) {
  WRENN_TRY(copy_sparse(base, out));
  WRENN_TRY(set_size(out, disk_bytes));
  WRENN_TRY_ASSIGN(const auto found, find_newest(stores));
  for (const auto& one : found) {
    const std::uint64_t offset = one.chunk * kChunkBytes;
    if (offset >= disk_bytes) return base::fail(broken("it is of a larger disk"));
    WRENN_TRY(copy_chunk(stores, one, out, offset, disk_bytes - offset));
  }
  return {};
}

}  // namespace wrenn::storage::dm
