#include "vm/firecracker/memory_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kBatchPages = 512;
// Shorter rows of zeros between data are data: each extent is work for whoever restores.
constexpr std::size_t kSmallGap = 8;

enum class Page : unsigned char { kUnchanged, kZero, kData };

bool is_zero(std::string_view page) {
  return page.front() == '\0' && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

Result<void> read_at(int fd, char* data, std::size_t bytes, std::uint64_t offset) {
  while (bytes > 0) {
    const ssize_t n = ::pread(fd, data, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read a VM's memory");
    if (n == 0) return base::fail(Code::kDataLoss, "a VM's memory file is cut off");
    data += n;
    bytes -= static_cast<std::size_t>(n);
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> write_at(int fd, const char* data, std::size_t bytes, std::uint64_t offset) {
  while (bytes > 0) {
    const ssize_t n = ::pwrite(fd, data, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot write a VM's memory");
    data += n;
    bytes -= static_cast<std::size_t>(n);
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

// The kernel shares blocks where it can, and copies elsewhere.
Result<void> copy_range(int from, int to, std::uint64_t offset, std::uint64_t bytes) {
  while (bytes > 0) {
    auto in = static_cast<off_t>(offset);
    auto out = in;
    const ssize_t n = ::copy_file_range(from, &in, to, &out, bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL)) break;
    if (n < 0) return base::fail_errno(errno, "cannot write a VM's memory");
    if (n == 0) return base::fail(Code::kDataLoss, "a VM's memory file is cut off");
    offset += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::uint64_t>(n);
  }
  std::string buffer(std::min<std::uint64_t>(bytes, kBatchPages * kPage), '\0');
  while (bytes > 0) {
    const std::size_t part = std::min<std::uint64_t>(bytes, buffer.size());
    WRENN_TRY(read_at(from, buffer.data(), part, offset));
    WRENN_TRY(write_at(to, buffer.data(), part, offset));
    offset += part;
    bytes -= part;
  }
  return {};
}

class LayerMaker {
 public:
  LayerMaker(std::span<const MemoryFile> files, const MemoryMap& base, int layer, int fd)
      : files_(files), base_(base), layer_(layer), fd_(fd), pages_(base.memory_bytes / kPage) {}

  Result<MemoryMap> run() {
    sources_.assign(pages_, kNobody);
    for (std::size_t i = 0; i < files_.size(); ++i) WRENN_TRY(find_pages(static_cast<int>(i)));
    WRENN_TRY(check_base());
    if (::ftruncate(fd_, static_cast<off_t>(base_.memory_bytes)) != 0 || ::fchmod(fd_, 0444) != 0) {
      return base::fail_errno(errno, "cannot make a memory layer");
    }
    kinds_.assign(pages_, Page::kUnchanged);
    for (std::size_t page = 0; page < pages_;) WRENN_TRY(take_run(page));
    for (std::size_t gap = kSmallGap;; gap *= 2) {
      MemoryMap map = make_map(gap);
      if (map.extents.size() <= kMaxMemoryExtents) return map;
      if (gap > pages_) break;
    }
    return base::fail(Code::kResourceExhausted, "a VM's memory is in too many pieces");
  }

 private:
  static constexpr int kNobody = -1;

  Result<void> find_pages(int index) {
    const MemoryFile& file = files_[static_cast<std::size_t>(index)];
    struct stat info{};
    if (::fstat(file.fd, &info) != 0) return base::fail_errno(errno, "fstat");
    if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) != base_.memory_bytes) {
      return base::fail(Code::kDataLoss, "a VM's memory file is not of its memory's size");
    }
    if (file.kind == FileKind::kFull) {
      std::ranges::fill(sources_, index);
      return {};
    }
    off_t at = 0;
    while (true) {
      const off_t begin = ::lseek(file.fd, at, SEEK_DATA);
      if (begin < 0 && errno == ENXIO) return {};  // Holes only from here.
      if (begin < 0) return base::fail_errno(errno, "cannot find what a VM has changed");
      at = ::lseek(file.fd, begin, SEEK_HOLE);
      if (at < 0) return base::fail_errno(errno, "cannot find what a VM has changed");
      const auto first = static_cast<std::uint64_t>(begin) / kPage;
      const auto last =
          std::min<std::uint64_t>(pages_, (static_cast<std::uint64_t>(at) + kPage - 1) / kPage);
      std::fill(sources_.begin() + static_cast<std::ptrdiff_t>(first),
                sources_.begin() + static_cast<std::ptrdiff_t>(std::max(first, last)), index);
    }
  }

  // What is left unchanged must still be there.
  Result<void> check_base() const {
    for (const auto& extent : base_.extents) {
      if (extent.layer < layer_) continue;
      const auto begin = sources_.begin() + static_cast<std::ptrdiff_t>(extent.offset / kPage);
      const auto end = begin + static_cast<std::ptrdiff_t>(extent.length / kPage);
      if (std::find(begin, end, kNobody) == end) continue;
      return base::fail(Code::kFailedPrecondition,
                        "what has changed alone cannot take the place of older layers");
    }
    return {};
  }

  // From `page` on, as far as one file goes; moves it there.
  Result<void> take_run(std::size_t& page) {
    const int source = sources_[page];
    std::size_t end = page + 1;
    while (end < pages_ && sources_[end] == source) ++end;
    if (source == kNobody) {
      page = end;
      return {};
    }
    const int from = files_[static_cast<std::size_t>(source)].fd;
    for (; page < end; page = std::min(end, page + kBatchPages)) {
      WRENN_TRY(take_batch(from, page, std::min(end, page + kBatchPages)));
    }
    return {};
  }

  Result<void> take_batch(int from, std::size_t begin, std::size_t end) {
    WRENN_TRY(read_at(from, buffer_.data(), (end - begin) * kPage, begin * kPage));
    std::size_t data = begin;  // Where a row of data begins.
    for (std::size_t page = begin; page <= end; ++page) {
      const bool is_data = page < end && !is_zero({buffer_.data() + (page - begin) * kPage, kPage});
      if (is_data) {
        kinds_[page] = Page::kData;
        continue;
      }
      if (data < page) {
        WRENN_TRY(copy_range(from, fd_, data * kPage, (page - data) * kPage));
      }
      data = page + 1;
      if (page < end) kinds_[page] = Page::kZero;
    }
    return {};
  }

  // Zeros are holes of the new layer, so a short row of them is data as well.
  MemoryMap make_map(std::size_t gap) const {
    MemoryMap map{.memory_bytes = base_.memory_bytes, .layer_count = layer_ + 1, .extents = {}};
    std::size_t next_base = 0;
    for (std::size_t page = 0; page < pages_;) {
      std::size_t end = page + 1;
      while (end < pages_ && kinds_[end] == kinds_[page]) ++end;
      const std::uint64_t offset = page * kPage;
      const std::uint64_t length = (end - page) * kPage;
      if (kinds_[page] == Page::kUnchanged) {
        keep(map, next_base, offset, offset + length);
      } else if (kinds_[page] == Page::kZero && end - page >= gap) {
        map.append({.offset = offset, .length = length});
      } else {
        map.append({.offset = offset, .length = length, .layer = layer_, .layer_offset = offset});
      }
      page = end;
    }
    return map;
  }

  // The base between two places.
  void keep(MemoryMap& map, std::size_t& next_base, std::uint64_t from, std::uint64_t to) const {
    for (; next_base < base_.extents.size(); ++next_base) {
      const MemoryExtent& extent = base_.extents[next_base];
      const std::uint64_t end = extent.offset + extent.length;
      const std::uint64_t first = std::max(extent.offset, from);
      const std::uint64_t last = std::min(end, to);
      if (first < last) {
        const bool is_zero = extent.layer == kZeroLayer;
        map.append({.offset = first,
                    .length = last - first,
                    .layer = extent.layer,
                    .layer_offset = is_zero ? 0 : extent.layer_offset + (first - extent.offset)});
      }
      if (end > to) return;
    }
  }

  const std::span<const MemoryFile> files_;
  const MemoryMap& base_;
  const int layer_;
  const int fd_;
  const std::size_t pages_;
  std::vector<int> sources_;  // Of each page the last file that has it.
  std::vector<Page> kinds_;
  std::string buffer_ = std::string(kBatchPages * kPage, '\0');
};

// Of errors of a clone: the file system, or these two files, cannot do it.
bool cannot_clone(int error) {
  return error == EOPNOTSUPP || error == EXDEV || error == EINVAL || error == ENOTTY ||
         error == ENOSYS;
}

std::unexpected<base::Error> clone_failed() {
  if (!cannot_clone(errno)) return base::fail_errno(errno, "cannot put a VM's memory together");
  return base::fail(Code::kUnimplemented, "the file system cannot share blocks between files");
}

Result<std::vector<base::Fd>> open_layers(const std::vector<base::Path>& layers) {
  std::vector<base::Fd> files;
  for (const auto& path : layers) {
    WRENN_TRY_ASSIGN(base::Fd file, base::open_file(path, O_RDONLY));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

Result<MemoryMap> make_layer(std::span<const MemoryFile> files, const MemoryMap& base, int layer,
                             int fd) {
  struct stat info{};
  const bool fits = base.memory_bytes % kPage == 0 && layer >= 0 && layer <= base.layer_count &&
                    layer < kMaxMemoryLayers && !files.empty() && ::fstat(fd, &info) == 0 &&
                    info.st_size == 0;
  if (!fits) return base::fail(Code::kInvalidArgument, "this memory cannot be saved so");
  return LayerMaker(files, base, layer, fd).run();
}

Result<bool> tells_holes(const base::Path& directory) {
  constexpr off_t kSize = 1 << 20;
  constexpr off_t kWhere = 64 * static_cast<off_t>(kPage);
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(directory, O_RDWR | O_TMPFILE, 0600));
  if (::ftruncate(file.get(), kSize) != 0) return base::fail_errno(errno, "cannot make a file");
  WRENN_TRY(write_at(file.get(), std::string(kPage, 'x').data(), kPage, kWhere));
  return ::lseek(file.get(), 0, SEEK_DATA) == kWhere &&
         ::lseek(file.get(), kWhere, SEEK_HOLE) == kWhere + static_cast<off_t>(kPage);
}

bool is_plain(const MemoryMap& map) {
  return map.layer_count == 1 && std::ranges::all_of(map.extents, [](const MemoryExtent& extent) {
           return extent.layer == kZeroLayer || extent.layer_offset == extent.offset;
         });
}

Result<void> put_together(const MemoryMap& map, const std::vector<base::Path>& layers, int fd) {
  WRENN_TRY_ASSIGN(const auto files, open_layers(layers));
  // The lowest layer, which is the template's, is the most of it.
  if (!files.empty() && ::ioctl(fd, FICLONE, files.front().get()) != 0) return clone_failed();
  if (::ftruncate(fd, static_cast<off_t>(map.memory_bytes)) != 0) {
    return base::fail_errno(errno, "cannot put a VM's memory together");
  }
  for (const auto& extent : map.extents) {
    if (extent.layer == kZeroLayer) {
      if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      static_cast<off_t>(extent.offset), static_cast<off_t>(extent.length)) != 0) {
        return clone_failed();
      }
      continue;
    }
    if (extent.layer == 0 && extent.layer_offset == extent.offset) continue;
    const file_clone_range range{.src_fd = files.at(static_cast<std::size_t>(extent.layer)).get(),
                                 .src_offset = extent.layer_offset,
                                 .src_length = extent.length,
                                 .dest_offset = extent.offset};
    if (::ioctl(fd, FICLONERANGE, &range) != 0) return clone_failed();
  }
  return {};
}

}  // namespace wrenn::vm::firecracker
