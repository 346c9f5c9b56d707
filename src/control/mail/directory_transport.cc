#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/crypto.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/mail/transport.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;

constexpr std::string_view kSuffix = ".eml";

class DirectoryTransport : public MailTransport {
 public:
  explicit DirectoryTransport(base::Path directory) : directory_(std::move(directory)) {}

  Result<std::string> send(const ComposedMail& mail, const std::stop_token&) override {
    WRENN_TRY(base::make_dirs(directory_, 0700));
    // Names sort by time; at the same time, of several programs too, by chance.
    last_ms_ = std::max(last_ms_ + 1, base::unix_ms_now());
    const base::Path path =
        directory_ / concat(last_ms_, "-", base::to_hex(base::random_bytes(4)), kSuffix);
    WRENN_TRY(base::write_file_atomic(path, mail.message, 0600));
    WRENN_TRY(remove_oldest());
    return path.native();
  }

 private:
  Result<void> remove_oldest() const {
    std::vector<base::Path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() == kSuffix) files.push_back(entry->path());
    }
    if (error) return base::fail_errno(error.value(), concat("listing ", directory_.native()));
    if (files.size() <= kMaxMailFiles) return {};
    std::ranges::sort(files);
    files.resize(files.size() - kMaxMailFiles);
    for (const auto& file : files) std::filesystem::remove(file, error);
    return {};
  }

  const base::Path directory_;
  std::int64_t last_ms_ = 0;
};

}  // namespace

std::unique_ptr<MailTransport> directory_transport(base::Path directory) {
  return std::make_unique<DirectoryTransport>(std::move(directory));
}

std::unique_ptr<MailTransport> mail_transport(const MailSettings& settings,
                                              const base::Path& directory) {
  return settings.host.empty() ? directory_transport(directory) : smtp_transport(settings);
}

}  // namespace wrenn::control
