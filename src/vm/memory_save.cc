#include "vm/memory_save.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kChunkPages = 256;   // Read and written at a time.
constexpr std::size_t kSmallGap = 8;       // Pages.
constexpr std::size_t kWantedRuns = 4096;  // Each becomes an extent or two.

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

class Saver {
 public:
  Saver(const MemorySource& source, const MemoryMap& base, int layer, int fd)
      : source_(source), base_(base), layer_(layer), fd_(fd) {}

  Result<MemoryMap> run() {
    WRENN_TRY(find_wanted());
    fill_gaps();
    map_.memory_bytes = base_.memory_bytes;
    map_.layer_count = layer_ + 1;
    buffer_.resize(kChunkPages * kPage);
    for (std::size_t page = 0; page < wanted_.size();) {
      std::size_t end = page + 1;
      while (end < wanted_.size() && wanted_[end] == wanted_[page]) ++end;
      if (wanted_[page]) {
        WRENN_TRY(write_run(page, end));
      } else {
        keep_run(page, end);
      }
      page = end;
    }
    if (map_.extents.size() > kMaxMemoryExtents) {
      return base::fail(Code::kInternal, "a VM's memory is in too many pieces");
    }
    return std::move(map_);
  }

 private:
  Result<void> find_wanted() {
    std::vector<std::uint64_t> entries(source_.bytes / kPage);
    WRENN_TRY(read_pagemap(source_, entries));
    wanted_.resize(entries.size());
    for (std::size_t page = 0; page < entries.size(); ++page) {
      const std::uint64_t entry = entries[page];
      wanted_[page] = (entry & (kPresent | kSwapped)) != 0 && (entry & kFileOrShared) == 0;
    }
    for (const auto& extent : base_.extents) {
      if (extent.layer < layer_) continue;
      const auto begin = wanted_.begin() + static_cast<std::ptrdiff_t>(extent.offset / kPage);
      std::fill_n(begin, extent.length / kPage, true);
    }
    return {};
  }

  std::size_t count_runs() const {
    std::size_t runs = 0;
    for (std::size_t page = 0; page < wanted_.size(); ++page) {
      runs += wanted_[page] && (page == 0 || !wanted_[page - 1]) ? 1 : 0;
    }
    return runs;
  }

  // Also of memory that changed all over in single pages, a map of reasonable length.
  void fill_gaps() {
    fill_gaps_up_to(gap_);
    while (count_runs() > kWantedRuns) fill_gaps_up_to(gap_ *= 4);
  }
  void fill_gaps_up_to(std::size_t limit) {
    std::size_t last_end = wanted_.size();  // None yet.
    for (std::size_t page = 0; page < wanted_.size(); ++page) {
      if (!wanted_[page]) continue;
      if (last_end < page && page - last_end <= limit) {
        std::fill(wanted_.begin() + static_cast<std::ptrdiff_t>(last_end),
                  wanted_.begin() + static_cast<std::ptrdiff_t>(page), true);
      }
      last_end = page + 1;
    }
  }

  void keep_run(std::size_t begin, std::size_t end) {
    const std::uint64_t from = begin * kPage;
    const std::uint64_t to = end * kPage;
    while (base_.extents[next_base_].offset + base_.extents[next_base_].length <= from) {
      ++next_base_;
    }
    for (std::size_t i = next_base_; i < base_.extents.size() && base_.extents[i].offset < to;
         ++i) {
      const MemoryExtent& extent = base_.extents[i];
      const std::uint64_t first = std::max(extent.offset, from);
      const std::uint64_t last = std::min(extent.offset + extent.length, to);
      const bool is_zero = extent.layer == kZeroLayer;
      map_.append({.offset = first,
                   .length = last - first,
                   .layer = extent.layer,
                   .layer_offset = is_zero ? 0 : extent.layer_offset + (first - extent.offset)});
    }
  }

  Result<void> write_run(std::size_t begin, std::size_t end) {
    for (std::size_t page = begin; page < end; page += kChunkPages) {
      const std::size_t count = std::min(kChunkPages, end - page);
      WRENN_TRY(read_pages(page, count));
      WRENN_TRY(write_pages(page, count));
    }
    return {};
  }

  Result<void> read_pages(std::size_t page, std::size_t count) {
    std::size_t done = 0;
    while (done < count * kPage) {
      const iovec local{buffer_.data() + done, count * kPage - done};
      const iovec remote{reinterpret_cast<void*>(source_.address + page * kPage + done),
                         local.iov_len};
      const ssize_t n = ::process_vm_readv(source_.pid, &local, 1, &remote, 1, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return base::fail_errno(n < 0 ? errno : EIO, "cannot read a VM's memory");
      done += static_cast<std::size_t>(n);
    }
    return {};
  }

  // Runs of zero pages are noted only, unless they are so short that data around them would fall
  // into too many pieces.
  Result<void> write_pages(std::size_t page, std::size_t count) {
    const std::span<const char> bytes(buffer_.data(), count * kPage);
    for (std::size_t at = 0; at < count;) {
      std::size_t data_end = at;
      std::size_t zero_end = at;  // Of the zeros behind the data.
      while (data_end < count) {
        while (zero_end < count && is_zero(bytes.subspan(zero_end * kPage, kPage))) ++zero_end;
        if (zero_end - data_end >= gap_ || (zero_end == count && zero_end > data_end)) break;
        data_end = std::max(zero_end, data_end + 1);
        zero_end = data_end;
      }
      if (data_end > at)
        WRENN_TRY(write_data(page + at, bytes.subspan(at * kPage, (data_end - at) * kPage)));
      if (zero_end > data_end) {
        map_.append({.offset = (page + data_end) * kPage, .length = (zero_end - data_end) * kPage});
      }
      at = std::max(zero_end, data_end);
    }
    return {};
  }

  Result<void> write_data(std::size_t page, std::span<const char> bytes) {
    map_.append({.offset = page * kPage,
                 .length = bytes.size(),
                 .layer = layer_,
                 .layer_offset = written_});
    written_ += bytes.size();
    return base::write_all(fd_, {bytes.data(), bytes.size()});
  }

  const MemorySource& source_;
  const MemoryMap& base_;
  const int layer_;
  const int fd_;
  std::size_t gap_ = kSmallGap;
  std::vector<bool> wanted_;  // By page: it is written, or noted as zero.
  MemoryMap map_;
  std::size_t next_base_ = 0;
  std::vector<char> buffer_;
  std::uint64_t written_ = 0;
};

}  // namespace

Result<MemoryMap> save_changed_pages(const MemorySource& source, const MemoryMap& base, int layer,
                                     int fd) {
  const bool fits = source.bytes == base.memory_bytes && source.bytes % kPage == 0 &&
                    source.address % kPage == 0 && layer >= 0 && layer <= base.layer_count &&
                    layer < kMaxMemoryLayers;
  if (!fits) return base::fail(Code::kInvalidArgument, "this memory cannot be saved so");
  Saver saver(source, base, layer, fd);
  return saver.run();
}

}  // namespace wrenn::vm
