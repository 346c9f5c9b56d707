#include "vm/memory_save.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "vm/memory_mapping.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kBatchPages = 512;  // Read and written at a time.
constexpr std::size_t kSmallGap = 8;      // Pages.
// Memory that changed all over is copied in larger pieces rather than mapped in more.
constexpr std::size_t kWantedExtents = 8192;
// Zeros that only reading the memory shows may add some.
constexpr std::size_t kAcceptedExtents = 2 * kWantedExtents;

// https://docs.kernel.org/admin-guide/mm/pagemap.html
constexpr std::uint64_t kPresent = 1ull << 63;
constexpr std::uint64_t kSwapped = 1ull << 62;
constexpr std::uint64_t kFileOrShared = 1ull << 61;

bool is_zero(std::span<const char> page) {
  return page.front() == 0 && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

Result<void> read_pagemap(const MemorySource& source, std::vector<std::uint64_t>& entries) {
  WRENN_TRY_ASSIGN(const base::Fd file,
                   base::open_file(concat("/proc/", source.pid, "/pagemap"), O_RDONLY));
  auto bytes = std::as_writable_bytes(std::span(entries));
  auto offset = static_cast<off_t>(source.address / kPage * sizeof(std::uint64_t));
  while (!bytes.empty()) {
    const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return base::fail_errno(n < 0 ? errno : EIO, "cannot read a VM's page map");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

// Pages that go to the new layer, or are noted as zero.
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// A file that grows by pieces of memory, which stay the caller's until flush().
class LayerWriter {
 public:
  explicit LayerWriter(int fd) : fd_(fd) {}

  std::uint64_t size() const { return size_; }

  Result<void> add(const char* data, std::size_t bytes) {
    size_ += bytes;
    if (!parts_.empty()) {
      iovec& last = parts_.back();
      if (static_cast<const char*>(last.iov_base) + last.iov_len == data) {
        last.iov_len += bytes;
        return {};
      }
    }
    if (parts_.size() == kMaxParts) WRENN_TRY(flush());
    parts_.push_back({const_cast<char*>(data), bytes});
    return {};
  }

  Result<void> flush() {
    std::span<iovec> left = parts_;
    while (!left.empty()) {
      const ssize_t n =
          ::pwritev(fd_, left.data(), static_cast<int>(left.size()), static_cast<off_t>(written_));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return base::fail_errno(n < 0 ? errno : EIO, "cannot write a VM's memory");
      written_ += static_cast<std::uint64_t>(n);
      left = skip(left, static_cast<std::size_t>(n));
    }
    parts_.clear();
    return {};
  }

  Result<void> start_again() {
    parts_.clear();
    size_ = written_ = 0;
    if (::ftruncate(fd_, 0) == 0) return {};
    return base::fail_errno(errno, "cannot empty a memory layer");
  }

  static std::span<iovec> skip(std::span<iovec> parts, std::size_t bytes) {
    while (!parts.empty() && bytes >= parts.front().iov_len) {
      bytes -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (bytes > 0) {
      parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + bytes;
      parts.front().iov_len -= bytes;
    }
    return parts;
  }

 private:
  static constexpr std::size_t kMaxParts = 1024;  // The kernel takes no more.
  const int fd_;
  std::vector<iovec> parts_;
  std::uint64_t size_ = 0;
  std::uint64_t written_ = 0;
};

class Saver {
 public:
  Saver(const MemorySource& source, const MemoryMap& base, int layer, int fd)
      : source_(source), base_(base), layer_(layer), pages_(source.bytes / kPage), writer_(fd) {}

  Result<MemoryMap> run() {
    WRENN_TRY(find_runs());
    while (true) {
      join_runs();
      const bool can_widen = gap_ < pages_;
      WRENN_TRY_ASSIGN(const bool is_whole,
                       write(can_widen ? kAcceptedExtents : kMaxMemoryExtents));
      if (is_whole) return std::move(map_);
      if (!can_widen) return base::fail(Code::kInternal, "a VM's memory is in too many pieces");
      // There are more rows of zeros than anybody could know before.
      WRENN_TRY(writer_.start_again());
      gap_ *= 2;
    }
  }

 private:
  Result<void> find_runs() {
    std::vector<std::uint64_t> entries(pages_);
    WRENN_TRY(read_pagemap(source_, entries));
    std::vector<bool> wanted(pages_);
    for (std::size_t page = 0; page < pages_; ++page) {
      const std::uint64_t entry = entries[page];
      wanted[page] = (entry & (kPresent | kSwapped)) != 0 && (entry & kFileOrShared) == 0;
    }
    for (const auto& extent : base_.extents) {
      if (extent.layer < layer_) continue;
      const auto begin = wanted.begin() + static_cast<std::ptrdiff_t>(extent.offset / kPage);
      std::fill_n(begin, extent.length / kPage, true);
    }
    for (std::size_t page = 0; page < pages_; ++page) {
      if (!wanted[page]) continue;
      if (runs_.empty() || runs_.back().end != page) runs_.push_back({page, page});
      runs_.back().end = page + 1;
    }
    return {};
  }

  void begin_map() {
    map_ = {.memory_bytes = base_.memory_bytes, .layer_count = layer_ + 1, .extents = {}};
    next_base_ = 0;
    next_page_ = 0;
  }

  // What lies between two runs. Its pages are copied when the runs become one.
  struct Gap {
    std::size_t run = 0;  // It lies behind this one.
    std::size_t pages = 0;
    std::size_t saved = 0;  // Extents that the map gets shorter by.
    bool operator<(const Gap& other) const {
      return pages * other.saved < other.pages * saved;  // Pages for each extent.
    }
  };

  // Joins runs over small gaps, and over those that cost the least until the map is short enough.
  void join_runs() {
    begin_map();
    std::vector<Gap> gaps;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      keep_until(runs_[i].begin);
      append_data((runs_[i].end - runs_[i].begin) * kPage, runs_[i].begin * kPage);
      next_page_ = runs_[i].end;
      if (i + 1 == runs_.size()) break;
      const std::size_t before = map_.extents.size();
      keep_until(runs_[i + 1].begin);
      // Joined they are one, but for the rows of zeros in it.
      const std::size_t kept = map_.extents.size() - before;
      const auto zeros = std::count_if(map_.extents.end() - static_cast<std::ptrdiff_t>(kept),
                                       map_.extents.end(), [this](const MemoryExtent& e) {
                                         return e.layer == kZeroLayer && e.length >= gap_ * kPage;
                                       });
      gaps.push_back({.run = i,
                      .pages = runs_[i + 1].begin - runs_[i].end,
                      .saved = kept + 1 - std::min(kept + 1, 2 * static_cast<std::size_t>(zeros))});
    }
    keep_until(pages_);
    std::size_t extents = map_.extents.size();
    std::vector<bool> is_joined(runs_.size());
    std::sort(gaps.begin(), gaps.end());
    for (const Gap& gap : gaps) {
      const bool is_wanted = extents > kWantedExtents && gap.saved > 0;
      if (gap.pages > gap_ && !is_wanted) continue;
      is_joined[gap.run] = true;
      extents -= gap.saved;
    }
    std::vector<Run> joined;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (i > 0 && is_joined[i - 1]) {
        joined.back().end = runs_[i].end;
      } else {
        joined.push_back(runs_[i]);
      }
    }
    runs_ = std::move(joined);
  }

  // All of map_ and of the layer; false as soon as the map has more extents than that.
  Result<bool> write(std::size_t max_extents) {
    begin_map();
    zeros_ = 0;
    std::vector<Run> batch;
    std::size_t batch_pages = 0;
    for (const Run& run : runs_) {
      for (std::size_t page = run.begin; page < run.end;) {
        const std::size_t end = std::min(run.end, page + (kBatchPages - batch_pages));
        batch.push_back({page, end});
        batch_pages += end - page;
        page = end;
        if (batch_pages < kBatchPages) continue;
        WRENN_TRY(write_batch(batch));
        batch.clear();
        batch_pages = 0;
        if (map_.extents.size() > max_extents) return false;
      }
    }
    WRENN_TRY(write_batch(batch));
    WRENN_TRY(end_run(pages_));
    WRENN_TRY(writer_.flush());
    return map_.extents.size() <= max_extents;
  }

  Result<void> write_batch(const std::vector<Run>& batch) {
    WRENN_TRY(read_pages(batch));
    const char* data = buffer_.data();
    for (const Run& run : batch) {
      for (std::size_t page = run.begin; page < run.end; ++page, data += kPage) {
        WRENN_TRY(take(page, data));
      }
    }
    // The buffer is about to be used again.
    return writer_.flush();
  }

  Result<void> read_pages(const std::vector<Run>& batch) {
    std::vector<iovec> remote;
    std::size_t bytes = 0;
    for (const Run& run : batch) {
      const std::size_t length = (run.end - run.begin) * kPage;
      // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process.
      remote.push_back({reinterpret_cast<void*>(source_.address + run.begin * kPage), length});
      bytes += length;
    }
    std::size_t done = 0;
    for (std::span<iovec> left = remote; !left.empty();) {
      const iovec local{buffer_.data() + done, bytes - done};
      const ssize_t n = ::process_vm_readv(source_.pid, &local, 1, left.data(), left.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return base::fail_errno(n < 0 ? errno : EIO, "cannot read a VM's memory");
      done += static_cast<std::size_t>(n);
      left = LayerWriter::skip(left, static_cast<std::size_t>(n));
    }
    return {};
  }

  // The next page of a run. Long rows of zero pages are noted only; short ones between data are
  // data, because each would be a mapping of its own.
  Result<void> take(std::size_t page, const char* data) {
    if (page != next_page_) WRENN_TRY(end_run(page));
    ++next_page_;
    if (is_zero({data, kPage})) {
      ++zeros_;
      return {};
    }
    if (zeros_ > 0 && zeros_ < gap_ && ends_with_data(page - zeros_)) {
      WRENN_TRY(add_zeros());
    } else {
      note_zeros();
    }
    append_data(kPage, writer_.size());
    return writer_.add(data, kPage);
  }

  // What lies between the run and this page is as it was before.
  Result<void> end_run(std::size_t page) {
    note_zeros();
    keep_until(page);
    return {};
  }

  // Whether the map ends with data of the new layer, right before this page.
  bool ends_with_data(std::size_t page) const {
    if (map_.extents.empty()) return false;
    const MemoryExtent& last = map_.extents.back();
    return last.layer == layer_ && last.offset + last.length == page * kPage;
  }

  Result<void> add_zeros() {
    static constexpr std::array<char, 64 * kPage> kZeros{};
    while (zeros_ > 0) {
      const std::size_t count = std::min(zeros_, kZeros.size() / kPage);
      append_data(count * kPage, writer_.size());
      WRENN_TRY(writer_.add(kZeros.data(), count * kPage));
      zeros_ -= count;
    }
    return {};
  }
  void note_zeros() {
    if (zeros_ > 0) map_.append({.offset = map_end(), .length = zeros_ * kPage});
    zeros_ = 0;
  }

  void append_data(std::uint64_t length, std::uint64_t layer_offset) {
    map_.append(
        {.offset = map_end(), .length = length, .layer = layer_, .layer_offset = layer_offset});
  }
  std::uint64_t map_end() const {
    return map_.extents.empty() ? 0 : map_.extents.back().offset + map_.extents.back().length;
  }

  void keep_until(std::size_t page) {
    const std::uint64_t from = next_page_ * kPage;
    const std::uint64_t to = page * kPage;
    next_page_ = page;
    for (; next_base_ < base_.extents.size(); ++next_base_) {
      const MemoryExtent& extent = base_.extents[next_base_];
      if (extent.offset >= to) return;
      const std::uint64_t first = std::max(extent.offset, from);
      const std::uint64_t last = std::min(extent.offset + extent.length, to);
      if (first < last) {
        const bool is_zero = extent.layer == kZeroLayer;
        map_.append({.offset = first,
                     .length = last - first,
                     .layer = extent.layer,
                     .layer_offset = is_zero ? 0 : extent.layer_offset + (first - extent.offset)});
      }
      if (extent.offset + extent.length > to) return;
    }
  }

  const MemorySource& source_;
  const MemoryMap& base_;
  const int layer_;
  const std::size_t pages_;
  LayerWriter writer_;
  std::vector<char> buffer_ = std::vector<char>(kBatchPages * kPage);
  std::size_t gap_ = kSmallGap;
  std::vector<Run> runs_;

  MemoryMap map_;
  std::size_t next_base_ = 0;  // The first extent of the base that may lie behind the map's end.
  std::size_t next_page_ = 0;  // All before it was taken, or is kept.
  std::size_t zeros_ = 0;      // Taken pages that the map does not have yet.
};

}  // namespace

Result<MemoryMap> save_changed_pages(const MemorySource& source, const MemoryMap& base, int layer,
                                     int fd) {
  struct stat file{};
  const bool fits = source.bytes == base.memory_bytes && source.bytes % kPage == 0 &&
                    source.address % kPage == 0 && layer >= 0 && layer <= base.layer_count &&
                    layer < kMaxMemoryLayers && ::fstat(fd, &file) == 0 && file.st_size == 0;
  if (!fits) return base::fail(Code::kInvalidArgument, "this memory cannot be saved so");
  WRENN_TRY(check_mapping(source, base));
  Saver saver(source, base, layer, fd);
  return saver.run();
}

}  // namespace wrenn::vm
