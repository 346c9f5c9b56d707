#include "agent/working_set.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "vm/firecracker/handshake.h"
#include "vm/firecracker/page_handler.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::Result;
namespace firecracker = vm::firecracker;

// kNotFound when nothing was recorded (yet).
Result<firecracker::PageList> read_record(const base::Path& path, std::uint64_t memory_bytes) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return base::fail(Code::kDataLoss, "it is not a plain file");
  }
  if (info.st_size == 0) return base::fail(Code::kNotFound, "it is empty");
  // The very file that was looked at.
  WRENN_TRY_ASSIGN(const std::string bytes,
                   base::read_file(base::concat("/proc/self/fd/", file.get())));
  return firecracker::parse_page_list(bytes, memory_bytes);
}

}  // namespace

Result<void> keep_working_set(const base::Path& vm_directory, const Checkpoint& base,
                              const base::Path& directory) {
  const base::Path record = vm_directory / firecracker::kHandlerRecord;
  const auto pages = read_record(record, base.shape().memory_bytes());
  if (pages && !pages->empty()) {
    const base::Path path = directory / kWorkingSetFile;
    WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0400));
    return base::write_all(file.get(), firecracker::to_bytes(*pages));
  }
  if (!pages && pages.error().code != Code::kNotFound) {
    base::log_warn("a list of pages is not kept",
                   {{"file", record.native()}, {"error", pages.error()}});
  }
  return link_working_set(base, directory);
}

}  // namespace wrenn::agent
