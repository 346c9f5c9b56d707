#include "cli/log_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include <boost/json.hpp>

#include "base/fd.h"
#include "base/strings.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

constexpr std::size_t kMaxLine = 64 * 1024;

bool is_level(std::string_view word) {
  return word == "debug" || word == "info" || word == "warning" || word == "warn" ||
         word == "error" || word == "critical";
}

std::string json_message(std::string_view line) {
  boost::system::error_code error;
  const auto parsed = boost::json::parse({line.data(), line.size()}, error);
  const auto* object = error ? nullptr : parsed.if_object();
  const auto* message = object == nullptr ? nullptr : object->if_contains("msg");
  if (message == nullptr || !message->is_string()) return std::string(line);
  return std::string(message->get_string());
}

}  // namespace

LogTail::LogTail(base::Path path) : path_(std::move(path)) {
  struct stat info{};
  if (::stat(path_.c_str(), &info) == 0) offset_ = info.st_size;
}

void LogTail::poll(const std::function<void(std::string_view line)>& on_line) {
  const auto fd = base::open_file(path_, O_RDONLY);
  if (!fd) return;
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t n = ::pread(fd->get(), buffer.data(), buffer.size(), offset_);
    if (n <= 0) return;
    offset_ += n;
    partial_.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (auto end = partial_.find('\n'); end != std::string::npos;
         end = partial_.find('\n', begin)) {
      const std::string line = printable(partial_.substr(begin, end - begin));
      begin = end + 1;
      kept_.push_back(line);
      if (kept_.size() > kKept) kept_.pop_front();
      on_line(line);
    }
    partial_.erase(0, begin);
    if (partial_.size() > kMaxLine) partial_.clear();
  }
}

std::string LogTail::last_lines() const {
  std::string out;
  for (const auto& line : kept_) out += "  " + line + "\n";
  return out;
}

std::string log_message(std::string_view line) {
  if (line.starts_with('{')) return json_message(line);
  std::string_view rest = line;
  for (int word = 0; word < 3; ++word) {
    const auto space = rest.find(' ');
    if (space == std::string_view::npos) return std::string(line);
    if (word == 1 && !is_level(rest.substr(0, space))) return std::string(line);
    rest.remove_prefix(space + 1);
  }
  return std::string(rest);
}

}  // namespace wrenn::cli
