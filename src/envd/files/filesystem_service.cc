#include "envd/files/filesystem_service.h"

#include <malloc.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "base/strings.h"
#include "envd/files/file_entry.h"
#include "envd/files/tree_listing.h"
#include "envd/files/tree_move.h"
#include "envd/files/tree_remove.h"
#include "envd/stop_flag.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Path;
using base::Result;
using connect::CallContext;
using net::Task;

// In entries: some 700 KB.
constexpr int kLargeListing = 1000;

// Runs `function(const StopFlag&)` on the pool; a caller who goes away stops it.
template <class Response, class F>
Task<Result<void>> run_into(net::BlockingPool& pool, F function, Result<Response>* response) {
  *response = co_await run_stoppable(pool, std::move(function));
  co_return {};
}

template <class Response, class F>
Task<Result<Response>> run_for(CallContext& context, net::BlockingPool& pool, F function) {
  Result<Response> response;
  WRENN_CO_TRY(co_await net::stop_on_disconnect(context.peer,
                                                run_into(pool, std::move(function), &response)));
  co_return response;
}

template <class Response>
Result<Response> entry_at(const Path& path, UserCache& cache) {
  WRENN_TRY_ASSIGN(const auto users, cache.get());
  Response response;
  WRENN_TRY_ASSIGN(*response.mutable_entry(), describe(path, *users));
  return response;
}

Result<filesystem::ListDirResponse> list(const Path& path, std::uint32_t depth, UserCache& cache,
                                         const StopFlag& stop) {
  WRENN_TRY_ASSIGN(const auto users, cache.get());
  return list_tree(path, depth, *users, stop);
}

Result<filesystem::MakeDirResponse> make_directory(const Path& path, const User& owner,
                                                   UserCache& cache) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      return base::fail(Code::kInvalidArgument,
                        base::concat(path.native(), " is there and not a directory"));
    }
    return base::fail(Code::kAlreadyExists, base::concat(path.native(), " exists already"));
  }
  WRENN_TRY(make_owned_dirs(path, owner));
  return entry_at<filesystem::MakeDirResponse>(path, cache);
}

Result<filesystem::MoveResponse> move_to(const Path& source, const Path& destination,
                                         const User& owner, UserCache& cache,
                                         const StopFlag& stop) {
  struct stat info{};
  // Looked for first: a mistake in the source must not make directories.
  if (::lstat(source.c_str(), &info) != 0) return base::fail_errno(errno, source.native());
  WRENN_TRY(make_owned_dirs(destination.parent_path(), owner));
  WRENN_TRY(move_entry(source, destination, stop));
  return entry_at<filesystem::MoveResponse>(destination, cache);
}

Result<filesystem::RemoveResponse> remove_at(const Path& path, const StopFlag& stop) {
  WRENN_TRY(remove_entry(path, stop));
  return filesystem::RemoveResponse();
}

}  // namespace

FilesystemService::FilesystemService(net::Loop& loop, const GuestSettings& settings,
                                     net::BlockingPool& pool)
    : settings_(settings), pool_(pool), trim_(loop, [] { ::malloc_trim(0); }) {}

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
  co_return co_await pool_.run(
      [path, users = settings_.users] { return entry_at<filesystem::StatResponse>(path, *users); });
}

Task<Result<filesystem::MakeDirResponse>> FilesystemService::make_dir(
    CallContext& context, const filesystem::MakeDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  co_return co_await pool_.run([path, owner = actor.user, users = settings_.users] {
    return make_directory(path, owner, *users);
  });
}

Task<Result<filesystem::MoveResponse>> FilesystemService::move(
    CallContext& context, const filesystem::MoveRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path source, actor.resolve(request.source()));
  WRENN_CO_TRY_ASSIGN(const Path destination, actor.resolve(request.destination()));
  co_return co_await run_for<filesystem::MoveResponse>(
      context, pool_,
      [source, destination, owner = actor.user, users = settings_.users](const StopFlag& stop) {
        return move_to(source, destination, owner, *users, stop);
      });
}

Task<Result<filesystem::ListDirResponse>> FilesystemService::list_dir(
    CallContext& context, const filesystem::ListDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  const std::uint32_t depth = request.depth();
  auto listed = co_await run_for<filesystem::ListDirResponse>(
      context, pool_, [path, depth, users = settings_.users](const StopFlag& stop) {
        return list(path, depth, *users, stop);
      });
  if (listed && listed->entries_size() >= kLargeListing) trim_.start(std::chrono::seconds(1));
  co_return listed;
}

Task<Result<filesystem::RemoveResponse>> FilesystemService::remove(
    CallContext& context, const filesystem::RemoveRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Path path, actor.resolve(request.path()));
  if (request.path().empty() || path == "/") {
    co_return base::fail(Code::kInvalidArgument, "the root directory cannot be removed");
  }
  co_return co_await run_for<filesystem::RemoveResponse>(
      context, pool_, [path](const StopFlag& stop) { return remove_at(path, stop); });
}

}  // namespace wrenn::envd
