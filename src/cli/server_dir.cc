#include "cli/server_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"

namespace wrenn::cli {
namespace {

std::string boot_id() {
  const auto text = base::read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(base::trim(*text)) : std::string();
}

base::Result<void> make_dir(const base::Path& path, mode_t mode) {
  WRENN_TRY(base::make_dirs(path));
  if (::chmod(path.c_str(), mode) != 0) {
    return base::fail_errno(errno, base::concat("cannot set the mode of ", path.native()));
  }
  return {};
}

}  // namespace

base::Result<ServerDir> ServerDir::locate(const std::string& flag, const Environment& environment) {
  const std::string text =
      !flag.empty() ? flag : environment("WRENN_DIR").value_or("/var/lib/wrenn");
  std::error_code error;
  base::Path path = std::filesystem::weakly_canonical(std::filesystem::absolute(text), error);
  if (error) return base::fail_errno(error.value(), base::concat("cannot use ", text));
  if (!path.has_filename()) path = path.parent_path();
  if (path == path.root_path()) {
    return base::fail(base::Code::kInvalidArgument, "the root directory cannot be Wrenn's own",
                      "give a directory with --dir or WRENN_DIR");
  }
  return ServerDir(std::move(path));
}

base::Path ServerDir::log(Part part) const {
  return root_ / "logs" / (part == Part::kAgent ? "agent.log" : "cp.log");
}

base::Path ServerDir::pid_file(Part part) const {
  return run() / (part == Part::kAgent ? "agent.pid" : "cp.pid");
}

bool ServerDir::exists() const {
  std::error_code ignored;
  return std::filesystem::is_directory(root_, ignored);
}

base::Result<void> ServerDir::make() const {
  // One that is there keeps its mode: a package lets fewer people in.
  WRENN_TRY(base::make_dirs(root_));
  // The control plane finds the agent's socket in run/, but may not look around.
  WRENN_TRY(make_dir(run(), 0711));
  WRENN_TRY(make_dir(root_ / "logs", 0750));
  WRENN_TRY(make_dir(control(), 0700));
  if (::chown(control().c_str(), kControlUser, kControlUser) != 0) {
    return base::fail_errno(errno, "cannot give the control plane its directory");
  }
  return {};
}

std::optional<base::ProcessIdentity> ServerDir::running(Part part) const {
  const auto text = base::read_file(pid_file(part), 4096);
  if (!text) return std::nullopt;
  const auto process = parse_pid_file(*text, boot_id());
  if (!process || !base::is_alive(*process)) return std::nullopt;
  return process;
}

base::Result<void> ServerDir::write_pid(Part part, const base::ProcessIdentity& process) const {
  return base::write_file_atomic(pid_file(part), format_pid_file(process, boot_id()));
}

void ServerDir::remove_pid(Part part) const {
  ::unlink(pid_file(part).c_str());
}

SavedServer ServerDir::saved() const {
  SavedServer saved;
  const auto text = base::read_file(run() / "cli.json", 1 << 20);
  const auto value = text ? parse_json(*text) : base::fail(text.error());
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return saved;
  saved.listen = string_field(*object, "listen");
  saved.proxy_listen = string_field(*object, "proxy_listen");
  saved.settings.api_url = string_field(*object, "api_url");
  saved.settings.api_key = base::Secret(string_field(*object, "api_key"));
  return saved;
}

base::Result<void> ServerDir::save(const SavedServer& saved) const {
  boost::json::object object;
  object["listen"] = saved.listen;
  object["proxy_listen"] = saved.proxy_listen;
  object["api_url"] = saved.settings.api_url;
  object["api_key"] = saved.settings.api_key.reveal();
  return base::write_file_atomic(run() / "cli.json", pretty_json(object) + "\n", 0600);
}

base::Result<ServerLock> ServerLock::take(const ServerDir& dir) {
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file(dir.run() / "up.lock", O_RDWR | O_CREAT, 0600));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::fail_errno(errno, "cannot lock " + dir.run().native());
    return base::fail(
        base::Code::kAborted,
        base::concat("another `wrenn up` or `wrenn down` is at work on ", dir.root().native()),
        "wait until it has finished");
  }
  return ServerLock(std::move(fd));
}

std::string format_pid_file(const base::ProcessIdentity& process, std::string_view boot_id) {
  return base::concat(process.pid, ' ', process.start_ticks, ' ', boot_id, '\n');
}

std::optional<base::ProcessIdentity> parse_pid_file(std::string_view text,
                                                    std::string_view boot_id) {
  const auto words = base::split(base::trim(text), ' ');
  if (words.size() != 3 || words[2] != boot_id) return std::nullopt;
  const auto pid = base::parse_int<pid_t>(words[0]);
  const auto ticks = base::parse_int<std::uint64_t>(words[1]);
  if (!pid || *pid <= 0 || !ticks) return std::nullopt;
  return base::ProcessIdentity{*pid, *ticks};
}

}  // namespace wrenn::cli
