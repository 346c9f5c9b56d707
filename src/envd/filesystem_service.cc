#include "envd/filesystem_service.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/strings.h"
#include "envd/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Path;
using base::Result;
using connect::CallContext;
using net::Task;

constexpr int kMaxEntries = 10'000;

Result<std::vector<Path>> sorted_children(const Path& directory) {
  std::error_code error;
  std::vector<Path> children;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    children.push_back(it->path());
  }
  if (error) return base::fail_errno(error.value(), to_text(directory.native()));
  std::ranges::sort(children);
  return children;
}

Result<void> list_into(const Path& directory, std::uint32_t depth, const UserDatabase& users,
                       filesystem::ListDirResponse& response) {
  WRENN_TRY_ASSIGN(const auto children, sorted_children(directory));
  for (const Path& child : children) {
    auto entry = describe(child, users);
    if (!entry && entry.error().code == Code::kNotFound) continue;  // It vanished meanwhile.
    if (!entry) return base::fail(std::move(entry).error());
    if (response.entries_size() >= kMaxEntries) {
      return base::fail(Code::kResourceExhausted,
                        base::concat("there are more than ", kMaxEntries, " entries"),
                        "list a smaller part of the tree");
    }
    const bool is_directory = entry->type() == filesystem::FILE_TYPE_DIRECTORY;
    const bool is_link = entry->has_symlink_target();
    *response.add_entries() = std::move(*entry);
    if (depth <= 1 || !is_directory || is_link) continue;
    auto listed = list_into(child, depth - 1, users, response);
    if (!listed && listed.error().code != Code::kNotFound) return listed;
  }
  return {};
}

Result<filesystem::ListDirResponse> list_tree(const Path& path, std::uint32_t depth) {
  WRENN_TRY_ASSIGN(const UserDatabase users, UserDatabase::read());
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return base::fail_errno(errno, path.native());
  if (!S_ISDIR(info.st_mode)) {
    return base::fail(Code::kInvalidArgument, base::concat(path.native(), " is not a directory"));
  }
  filesystem::ListDirResponse response;
  WRENN_TRY(list_into(path, std::max(depth, 1U), users, response));
  return response;
}

Result<filesystem::EntryInfo> make_directory(const Path& path, const User& owner) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      return base::fail(Code::kInvalidArgument,
                        base::concat(path.native(), " is there and not a directory"));
    }
    return base::fail(Code::kAlreadyExists, base::concat(path.native(), " exists already"));
  }
  WRENN_TRY(make_owned_dirs(path, owner));
  WRENN_TRY_ASSIGN(const UserDatabase users, UserDatabase::read());
  return describe(path, users);
}

Result<filesystem::EntryInfo> move_entry(const Path& source, const Path& destination,
                                         const User& owner) {
  WRENN_TRY_ASSIGN(const UserDatabase users, UserDatabase::read());
  WRENN_TRY(describe(source, users));
  WRENN_TRY(make_owned_dirs(destination.parent_path(), owner));
  if (::rename(source.c_str(), destination.c_str()) != 0) {
    return base::fail_errno(errno, base::concat("cannot move to ", destination.native()));
  }
  return describe(destination, users);
}

}  // namespace

void FilesystemService::add_to(connect::Router& router) {
  router.unary("/filesystem.Filesystem/Stat", *this, &FilesystemService::stat);
  router.unary("/filesystem.Filesystem/MakeDir", *this, &FilesystemService::make_dir);
  router.unary("/filesystem.Filesystem/Move", *this, &FilesystemService::move);
  router.unary("/filesystem.Filesystem/ListDir", *this, &FilesystemService::list_dir);
  router.unary("/filesystem.Filesystem/Remove", *this, &FilesystemService::remove);
}

Task<Result<filesystem::StatResponse>> FilesystemService::stat(
    CallContext& context, const filesystem::StatRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  WRENN_CO_TRY_ASSIGN(const UserDatabase users, UserDatabase::read());
  filesystem::StatResponse response;
  WRENN_CO_TRY_ASSIGN(*response.mutable_entry(), describe(path, users));
  co_return response;
}

Task<Result<filesystem::MakeDirResponse>> FilesystemService::make_dir(
    CallContext& context, const filesystem::MakeDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  filesystem::MakeDirResponse response;
  WRENN_CO_TRY_ASSIGN(*response.mutable_entry(), make_directory(path, actor.user));
  co_return response;
}

Task<Result<filesystem::MoveResponse>> FilesystemService::move(
    CallContext& context, const filesystem::MoveRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path source, actor.resolve(request.source()));
  WRENN_CO_TRY_ASSIGN(const Path destination, actor.resolve(request.destination()));
  filesystem::MoveResponse response;
  WRENN_CO_TRY_ASSIGN(*response.mutable_entry(), move_entry(source, destination, actor.user));
  co_return response;
}

Task<Result<filesystem::ListDirResponse>> FilesystemService::list_dir(
    CallContext& context, const filesystem::ListDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  const std::uint32_t depth = request.depth();
  co_return co_await pool_.run([path, depth] { return list_tree(path, depth); });
}

Task<Result<filesystem::RemoveResponse>> FilesystemService::remove(
    CallContext& context, const filesystem::RemoveRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  if (request.path().empty() || path == "/") {
    co_return base::fail(Code::kInvalidArgument, "the root directory cannot be removed");
  }
  WRENN_CO_TRY(co_await pool_.run([path] { return base::remove_tree(path); }));
  co_return filesystem::RemoveResponse();
}

}  // namespace wrenn::envd
