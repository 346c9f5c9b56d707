#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "vm/firecracker/test_vmm.h"

namespace wrenn::vm::firecracker {
namespace {

using base::concat;

constexpr std::size_t kPage = 4096;

std::string failed(std::string_view what) {
  return concat(what, ": ", static_cast<const char*>(std::strerror(errno)));
}

char* map_memory(std::size_t bytes, int flags, int fd) {
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, fd, 0);
  return data == MAP_FAILED ? nullptr : static_cast<char*>(data);
}

// As Firecracker: the device where there is one, since a user may not ask the kernel directly.
base::Fd open_userfaultfd() {
  const base::Fd device(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK;
  if (device.valid()) return base::Fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, kFlags));
  return base::Fd(static_cast<int>(::syscall(SYS_userfaultfd, kFlags)));
}

bool send_fd(int socket, std::string_view message, int fd) {
  iovec part{const_cast<char*>(message.data()), message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
  return ::sendmsg(socket, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

base::Fd connect_to(const std::string& path) {
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    socket.reset();
  }
  return socket;
}

base::Fd create_file(const std::string& path, std::size_t bytes) {
  base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (file.valid() && ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) file.reset();
  return file;
}

}  // namespace

TestMemory::~TestMemory() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

std::string TestMemory::set_up(std::size_t bytes, Tracking tracking) {
  data_ = map_memory(bytes, MAP_ANONYMOUS, -1);
  if (data_ == nullptr) return failed("cannot make the guest's memory");
  bytes_ = bytes;
  tracking_ = tracking;
  dirty_.assign(bytes / kPage, false);
  return {};
}

std::string TestMemory::load_file(std::size_t bytes, const std::string& path, Tracking tracking) {
  // For reading only: it may not be able to write to it.
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!file.valid() || ::fstat(file.get(), &info) != 0)
    return failed("cannot open the memory file");
  if (static_cast<std::size_t>(info.st_size) < bytes) return "the memory file is too short";
  data_ = map_memory(bytes, 0, file.get());
  if (data_ == nullptr) return failed("cannot map the memory file");
  bytes_ = bytes;
  tracking_ = tracking;
  is_of_file_ = true;
  dirty_.assign(bytes / kPage, false);
  return {};
}

std::string TestMemory::load_served(std::size_t bytes, const std::string& socket,
                                    Tracking tracking) {
  if (auto problem = set_up(bytes, tracking); !problem.empty()) return problem;
  faults_ = open_userfaultfd();
  if (!faults_.valid()) return failed("cannot make a userfaultfd");
  uffdio_api api{.api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE, .ioctls = 0};
  if (::ioctl(faults_.get(), UFFDIO_API, &api) != 0) return failed("UFFDIO_API");
  uffdio_register range{};
  range.range = {.start = reinterpret_cast<std::uint64_t>(data_), .len = bytes};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (::ioctl(faults_.get(), UFFDIO_REGISTER, &range) != 0) return failed("UFFDIO_REGISTER");
  connection_ = connect_to(socket);
  if (!connection_.valid()) return failed("cannot connect to who serves the memory");
  const std::string regions =
      concat(R"([{"base_host_virt_addr":)", reinterpret_cast<std::uint64_t>(data_), R"(,"size":)",
             bytes, R"(,"offset":0,"page_size":4096,"page_size_kib":4096}])");
  if (!send_fd(connection_.get(), regions, faults_.get()))
    return failed("cannot send the userfaultfd");
  return {};
}

void TestMemory::fill(std::size_t page, std::size_t count, unsigned char value) {
  if (page + count > bytes_ / kPage) return;
  std::memset(data_ + page * kPage, value, count * kPage);
  const std::lock_guard lock(mutex_);
  std::fill_n(dirty_.begin() + static_cast<std::ptrdiff_t>(page), count, true);
}

int TestMemory::look(std::size_t page) const {
  if (page >= bytes_ / kPage) return -1;
  const char* data = data_ + page * kPage;
  const bool is_even = std::all_of(data, data + kPage, [data](char c) { return c == *data; });
  return is_even ? static_cast<unsigned char>(*data) : -1;
}

bool TestMemory::discard(std::size_t page, std::size_t count) {
  if (page + count > bytes_ / kPage) return false;
  char* data = data_ + page * kPage;
  if (!is_of_file_) return ::madvise(data, count * kPage, MADV_DONTNEED) == 0;
  // What is mapped from a file would come back from there.
  return ::mmap(data, count * kPage, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == data;
}

std::string TestMemory::write_full(const std::string& path) {
  const base::Fd file = create_file(path, bytes_);
  if (!file.valid()) return failed("cannot create the memory file");
  for (std::size_t done = 0; done < bytes_;) {
    const ssize_t n = ::write(file.get(), data_ + done, bytes_ - done);
    if (n <= 0) return failed("cannot write the memory file");
    done += static_cast<std::size_t>(n);
  }
  const std::lock_guard lock(mutex_);
  std::fill(dirty_.begin(), dirty_.end(), false);
  return {};
}

std::string TestMemory::write_diff(const std::string& path) {
  const base::Fd file = create_file(path, bytes_);
  if (!file.valid()) return failed("cannot create the memory file");
  const std::lock_guard lock(mutex_);
  for (std::size_t page = 0; page < dirty_.size(); ++page) {
    if (!dirty_[page]) continue;
    const auto offset = static_cast<off_t>(page * kPage);
    if (::pwrite(file.get(), data_ + page * kPage, kPage, offset) != static_cast<ssize_t>(kPage)) {
      return failed("cannot write the memory file");
    }
    dirty_[page] = false;
  }
  return {};
}

}  // namespace wrenn::vm::firecracker
