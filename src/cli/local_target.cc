#include "cli/local_target.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::cli {

base::Result<LocalTarget> LocalTarget::open(std::string_view destination, std::string_view name) {
  LocalTarget target;
  if (destination == "-") {
    target.fd_ = STDOUT_FILENO;
    return target;
  }
  std::error_code ignored;
  base::Path path(destination);
  if (std::filesystem::is_directory(path, ignored)) path /= name;
  if (std::filesystem::is_directory(path, ignored) || !path.has_filename()) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat(path.native(), " is a directory, or should be one"),
                      "name the file to write");
  }
  const bool in_place =
      std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored);
  if (in_place) {
    WRENN_TRY_ASSIGN(target.owned_, base::open_file(path, O_WRONLY));
  } else {
    // Through a symbolic link, as every other tool does.
    const auto real = std::filesystem::canonical(path, ignored);
    target.final_ = real.empty() ? path : real;
    const std::string temporary =
        base::concat(target.final_.native(), ".wrenn-", base::to_hex(base::random_bytes(4)));
    WRENN_TRY_ASSIGN(target.owned_, base::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666));
    target.temporary_ = temporary;
  }
  target.fd_ = target.owned_.get();
  return target;
}

LocalTarget::LocalTarget(LocalTarget&& other) noexcept
    : owned_(std::move(other.owned_)),
      fd_(std::exchange(other.fd_, -1)),
      temporary_(std::exchange(other.temporary_, {})),
      final_(std::move(other.final_)) {}

LocalTarget::~LocalTarget() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

base::Result<void> LocalTarget::write(std::string_view bytes) {
  return base::write_all(fd_, bytes);
}

base::Result<void> LocalTarget::commit() {
  if (temporary_.empty()) return {};
  if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
    return base::fail_errno(errno, base::concat("cannot write ", final_.native()));
  }
  temporary_.clear();
  return {};
}

}  // namespace wrenn::cli
