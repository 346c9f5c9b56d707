// filesystem.Filesystem without the watchers, through the real envd.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <fstream>

#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

class FilesystemTest : public EnvdTest {
 public:
  std::string at(std::string_view name) const { return (dir.path() / name).native(); }

  template <class Response, class Request>
  Task<Result<Response>> call(const char* method, const Request& request,
                              connect::CallOptions options = {}) {
    connect::Client large(http, {.max_message_bytes = 64u << 20});
    co_return co_await large.unary<Response>(base::concat("/filesystem.Filesystem/", method),
                                             request, std::move(options));
  }
  Task<Result<filesystem::EntryInfo>> stat(std::string path, connect::CallOptions options = {}) {
    filesystem::StatRequest request;
    request.set_path(path);
    WRENN_CO_TRY_ASSIGN(auto response, co_await call<filesystem::StatResponse>("Stat", request,
                                                                               std::move(options)));
    co_return response.entry();
  }
  Task<Result<filesystem::EntryInfo>> move(std::string from, std::string to,
                                           connect::CallOptions options = {}) {
    filesystem::MoveRequest request;
    request.set_source(from);
    request.set_destination(to);
    WRENN_CO_TRY_ASSIGN(auto response, co_await call<filesystem::MoveResponse>("Move", request,
                                                                               std::move(options)));
    co_return response.entry();
  }
  Task<Result<void>> remove(std::string path) {
    filesystem::RemoveRequest request;
    request.set_path(path);
    WRENN_CO_TRY(co_await call<filesystem::RemoveResponse>("Remove", request));
    co_return {};
  }
  Task<Result<std::vector<std::string>>> list(std::string path, std::uint32_t depth = 0) {
    filesystem::ListDirRequest request;
    request.set_path(path);
    request.set_depth(depth);
    WRENN_CO_TRY_ASSIGN(const auto response,
                        co_await call<filesystem::ListDirResponse>("ListDir", request));
    std::vector<std::string> paths;
    for (const auto& entry : response.entries()) paths.push_back(entry.path());
    co_return paths;
  }
  // The code of what must fail.
  template <class T>
  static Code code(const Result<T>& result) {
    return result ? Code::kUnknown : result.error().code;
  }

  Task<Result<void>> tree() {
    const std::string top = (dir.path() / "top").native();
    filesystem::MakeDirRequest make;
    make.set_path(top + "/a/b");
    WRENN_CO_TRY_ASSIGN(const auto made,
                        co_await call<filesystem::MakeDirResponse>("MakeDir", make));
    EXPECT_EQ(made.entry().name(), "b");
    EXPECT_EQ(made.entry().permissions(), "drwxr-xr-x");
    const auto again = co_await call<filesystem::MakeDirResponse>("MakeDir", make);
    EXPECT_EQ(again.error().code, Code::kAlreadyExists);
    WRENN_CO_TRY(base::write_file_atomic(top + "/file", "12345", 0640));
    EXPECT_EQ(::symlink("file", (top + "/link").c_str()), 0);
    EXPECT_EQ(::symlink("nowhere", (top + "/broken").c_str()), 0);
    make.set_path(top + "/file");
    const auto over = co_await call<filesystem::MakeDirResponse>("MakeDir", make);
    EXPECT_EQ(over.error().code, Code::kInvalidArgument);

    filesystem::ListDirRequest list;
    list.set_path(top);
    WRENN_CO_TRY_ASSIGN(const auto flat,
                        co_await call<filesystem::ListDirResponse>("ListDir", list));
    EXPECT_EQ(flat.entries_size(), 4);
    if (flat.entries_size() == 4) {
      EXPECT_EQ(flat.entries(0).name(), "a");
      EXPECT_EQ(flat.entries(1).type(), filesystem::FILE_TYPE_UNSPECIFIED);
      EXPECT_EQ(flat.entries(2).size(), 5);
      EXPECT_EQ(flat.entries(2).mode(), 0640U);
      EXPECT_EQ(flat.entries(3).type(), filesystem::FILE_TYPE_FILE);
      EXPECT_EQ(flat.entries(3).symlink_target(), top + "/file");
    }
    list.set_depth(2);
    WRENN_CO_TRY_ASSIGN(const auto deep,
                        co_await call<filesystem::ListDirResponse>("ListDir", list));
    EXPECT_EQ(deep.entries_size(), 5);
    list.set_path(top + "/file");
    const auto file = co_await call<filesystem::ListDirResponse>("ListDir", list);
    EXPECT_EQ(file.error().code, Code::kInvalidArgument);

    filesystem::MoveRequest move;
    move.set_source(top + "/file");
    move.set_destination(top + "/new/place");
    WRENN_CO_TRY_ASSIGN(const auto moved, co_await call<filesystem::MoveResponse>("Move", move));
    EXPECT_EQ(moved.entry().path(), top + "/new/place");
    const auto missing = co_await call<filesystem::MoveResponse>("Move", move);
    EXPECT_EQ(missing.error().code, Code::kNotFound);

    filesystem::RemoveRequest remove;
    remove.set_path(top);
    WRENN_CO_TRY(co_await call<filesystem::RemoveResponse>("Remove", remove));
    WRENN_CO_TRY(co_await call<filesystem::RemoveResponse>("Remove", remove));
    EXPECT_FALSE(std::filesystem::exists(top));
    remove.set_path("/");
    const auto root = co_await call<filesystem::RemoveResponse>("Remove", remove);
    EXPECT_EQ(root.error().code, Code::kInvalidArgument);
    filesystem::StatRequest stat;
    stat.set_path(top);
    const auto gone = co_await call<filesystem::StatResponse>("Stat", stat);
    EXPECT_EQ(gone.error().code, Code::kNotFound);
    co_return {};
  }

  Task<Result<void>> links() {
    WRENN_CO_TRY(base::write_file_atomic(at("file"), "12345", 0640));
    std::filesystem::create_directory(at("real"));
    std::filesystem::create_symlink("file", at("to-file"));
    std::filesystem::create_symlink("to-file", at("to-link"));
    std::filesystem::create_symlink("real", at("to-dir"));
    std::filesystem::create_symlink("nowhere", at("broken"));
    std::filesystem::create_symlink("loop-b", at("loop-a"));
    std::filesystem::create_symlink("loop-a", at("loop-b"));
    WRENN_CO_TRY(base::write_file_atomic(at("real/inside"), ""));

    WRENN_CO_TRY_ASSIGN(const auto link, co_await stat(at("to-link")));
    EXPECT_EQ(link.name(), "to-link");
    EXPECT_EQ(link.path(), at("to-link"));
    EXPECT_EQ(link.type(), filesystem::FILE_TYPE_FILE);
    EXPECT_EQ(link.mode(), 0640U);
    EXPECT_EQ(link.size(), 7);
    EXPECT_EQ(link.permissions(), "Lrwxrwxrwx");
    EXPECT_EQ(link.symlink_target(), at("file"));
    WRENN_CO_TRY_ASSIGN(const auto broken, co_await stat(at("broken")));
    EXPECT_EQ(broken.type(), filesystem::FILE_TYPE_UNSPECIFIED);
    EXPECT_EQ(broken.symlink_target(), "nowhere");
    WRENN_CO_TRY_ASSIGN(const auto loop, co_await stat(at("loop-a")));
    EXPECT_EQ(loop.type(), filesystem::FILE_TYPE_UNSPECIFIED);
    const auto through = co_await stat(at("loop-a/x"));
    EXPECT_EQ(code(through), Code::kInvalidArgument);
    EXPECT_NE(through.error().message.find("symbolic links"), std::string::npos)
        << through.error().message;

    // The top is followed and keeps its name; links inside are told of and not followed.
    WRENN_CO_TRY_ASSIGN(const auto below, co_await list(at("to-dir")));
    EXPECT_EQ(below, (std::vector<std::string>{at("to-dir/inside")}));
    WRENN_CO_TRY_ASSIGN(const auto all, co_await list(dir.path().native(), 5));
    EXPECT_EQ(all, (std::vector<std::string>{at("broken"), at("file"), at("loop-a"), at("loop-b"),
                                             at("real"), at("real/inside"), at("to-dir"),
                                             at("to-file"), at("to-link")}));
    const auto loop_list = co_await list(at("loop-a"));
    EXPECT_EQ(code(loop_list), Code::kInvalidArgument);

    // The link goes, and not what it leads to.
    WRENN_CO_TRY(co_await remove(at("to-dir")));
    EXPECT_TRUE(std::filesystem::exists(at("real/inside")));
    co_return {};
  }

  Task<Result<void>> bad_paths() {
    WRENN_CO_TRY(base::write_file_atomic(at("good"), ""));
    for (const std::string& bad :
         {std::string("~other/x"), std::string("a\0b", 3), std::string(5000, 'a'),
          "/" + std::string(300, 'n'), std::string("/etc/passwd/x")}) {
      const auto found = co_await stat(bad);
      EXPECT_EQ(code(found), Code::kInvalidArgument) << bad.substr(0, 20);
      filesystem::MakeDirRequest make;
      make.set_path(bad);
      const auto made = co_await call<filesystem::MakeDirResponse>("MakeDir", make);
      EXPECT_EQ(code(made), Code::kInvalidArgument) << bad.substr(0, 20);
      const auto listed = co_await list(bad);
      EXPECT_EQ(code(listed), Code::kInvalidArgument) << bad.substr(0, 20);
      const auto moved = co_await move(at("good"), bad);
      EXPECT_EQ(code(moved), Code::kInvalidArgument) << bad.substr(0, 20);
      const auto removed = co_await remove(bad);
      EXPECT_EQ(code(removed), Code::kInvalidArgument) << bad.substr(0, 20);
    }
    const auto nobody = co_await stat("/", {.headers = as_user("nobody-such")});
    EXPECT_EQ(code(nobody), Code::kUnauthenticated);
    WRENN_CO_TRY_ASSIGN(const auto root, co_await stat("/tmp/../.."));
    EXPECT_EQ(root.name(), "/");
    EXPECT_EQ(root.path(), "/");
    // On disk a name may be any bytes; the other entries must be seen nevertheless.
    WRENN_CO_TRY(base::write_file_atomic(at("bad\xff\xfename"), ""));
    WRENN_CO_TRY_ASSIGN(const auto names, co_await list(dir.path().native()));
    EXPECT_EQ(names, (std::vector<std::string>{at("bad\xef\xbf\xbd\xef\xbf\xbdname"), at("good")}));
    co_return {};
  }

  Task<Result<void>> modes() {
    WRENN_CO_TRY(base::write_file_atomic(at("suid"), "", 04755));
    std::filesystem::create_directory(at("sticky"));
    ::chmod(at("sticky").c_str(), 01777);
    ::mkfifo(at("pipe").c_str(), 0600);
    WRENN_CO_TRY_ASSIGN(const auto suid, co_await stat(at("suid")));
    EXPECT_EQ(suid.permissions(), "urwxr-xr-x");
    EXPECT_EQ(suid.mode(), 04755U);
    WRENN_CO_TRY_ASSIGN(const auto sticky, co_await stat(at("sticky")));
    EXPECT_EQ(sticky.permissions(), "dtrwxrwxrwx");
    WRENN_CO_TRY_ASSIGN(const auto pipe, co_await stat(at("pipe")));
    EXPECT_EQ(pipe.permissions(), "prw-------");
    EXPECT_EQ(pipe.type(), filesystem::FILE_TYPE_UNSPECIFIED);
    WRENN_CO_TRY_ASSIGN(const auto device, co_await stat("/dev/null"));
    EXPECT_EQ(device.permissions(), "Dcrw-rw-rw-");
    co_return {};
  }

  Task<Result<void>> large_directory() {
    std::filesystem::create_directory(at("many"));
    constexpr int kFiles = 100'000;
    const base::Fd many(::open(at("many").c_str(), O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < kFiles; ++i) {
      const std::string name = base::concat("file-", i);
      const base::Fd made(::openat(many.get(), name.c_str(), O_CREAT | O_WRONLY, 0644));
    }
    WRENN_CO_TRY_ASSIGN(const auto names, co_await list(at("many")));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(kFiles));
    EXPECT_TRUE(std::ranges::is_sorted(names));
    WRENN_CO_TRY(co_await remove(at("many")));
    EXPECT_FALSE(std::filesystem::exists(at("many")));
    co_return {};
  }

  // Deeper than any path can name, and than there are descriptors.
  Task<Result<void>> deep_tree() {
    base::Fd level(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < 3000; ++i) {
      ::mkdirat(level.get(), "deep-level", 0755);
      level = base::Fd(::openat(level.get(), "deep-level", O_RDONLY | O_DIRECTORY));
    }
    EXPECT_TRUE(level.valid());
    WRENN_CO_TRY_ASSIGN(const auto names, co_await list(dir.path().native(), 1'000'000));
    EXPECT_GT(names.size(), 300U);
    WRENN_CO_TRY(co_await remove(at("deep-level")));
    EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
    co_return {};
  }

  Task<Result<void>> vanishing() {
    const std::string script =
        base::concat("cd ", dir.path().native(),
                     "; mkdir busy; echo ready; while :; do for i in 1 2 3 4 5 6; do ",
                     "mkdir -p busy/$i/x; : > busy/$i/x/f; done; rm -rf busy/*; done");
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(shell(script)));
    Outcome outcome;
    while (outcome.out.empty()) WRENN_CO_TRY(co_await take_event(stream, outcome));
    for (int i = 0; i < 200; ++i) {
      const auto names = co_await list(dir.path().native(), 10);
      EXPECT_TRUE(names) << names.error().to_string();
    }
    ::kill(-static_cast<pid_t>(outcome.pid), SIGKILL);
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    co_return {};
  }

  Task<Result<void>> moves() {
    WRENN_CO_TRY(base::write_file_atomic(at("a"), "a"));
    WRENN_CO_TRY(base::write_file_atomic(at("b"), "b"));
    WRENN_CO_TRY_ASSIGN(const auto over, co_await move(at("a"), at("b")));
    EXPECT_EQ(over.path(), at("b"));
    EXPECT_EQ(base::read_file(at("b")).value_or(""), "a");
    std::filesystem::create_directories(at("full/x"));
    std::filesystem::create_directories(at("tree/y"));
    const auto into_full = co_await move(at("tree"), at("full"));
    EXPECT_EQ(code(into_full), Code::kFailedPrecondition);
    const auto into_itself = co_await move(at("tree"), at("tree/y/z"));
    EXPECT_EQ(code(into_itself), Code::kInvalidArgument);
    const auto onto_directory = co_await move(at("b"), at("tree"));
    EXPECT_EQ(code(onto_directory), Code::kInvalidArgument);
    const auto missing = co_await move(at("nothing"), at("new/parent/x"));
    EXPECT_EQ(code(missing), Code::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(at("new")));
    WRENN_CO_TRY(co_await move(at("b"), at("p/q/b"), {.headers = as_user("daemon")}));
    WRENN_CO_TRY_ASSIGN(const auto parent, co_await stat(at("p/q")));
    EXPECT_EQ(parent.owner(), "daemon");
    co_return {};
  }

  // Two file systems, in envd's mount namespace and thus in ours.
  Task<Result<void>> across_file_systems() {
    std::filesystem::create_directory(at("other"));
    EXPECT_EQ(::mount("none", at("other").c_str(), "tmpfs", 0, "size=4m"), 0);
    std::filesystem::create_directories(at("tree/sub"));
    WRENN_CO_TRY(base::write_file_atomic(at("tree/sub/file"), "content", 04750));
    EXPECT_EQ(::chown(at("tree/sub/file").c_str(), 1, 2), 0);
    ::chmod(at("tree/sub/file").c_str(), 04750);
    const bool has_attributes =
        ::setxattr(at("tree/sub/file").c_str(), "trusted.test", "value", 5, 0) == 0;
    std::filesystem::create_symlink("file", at("tree/sub/link"));
    ::mkfifo(at("tree/pipe").c_str(), 0640);
    {
      const base::Fd sparse(::open(at("tree/sparse").c_str(), O_CREAT | O_RDWR, 0600));
      EXPECT_EQ(::ftruncate(sparse.get(), 1 << 30), 0);
      EXPECT_EQ(::pwrite(sparse.get(), "x", 1, 500'000'000), 1);
    }
    struct stat before{};
    ::stat(at("tree/sub/file").c_str(), &before);

    WRENN_CO_TRY(co_await move(at("tree"), at("other/in/tree")));
    EXPECT_FALSE(std::filesystem::exists(at("tree")));
    struct stat after{};
    EXPECT_EQ(::stat(at("other/in/tree/sub/file").c_str(), &after), 0);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_uid, 1U);
    EXPECT_EQ(after.st_gid, 2U);
    EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    std::array<char, 16> value{};
    const ssize_t size = ::getxattr(at("other/in/tree/sub/file").c_str(), "trusted.test",
                                    value.data(), value.size());
    if (has_attributes) EXPECT_EQ(std::string(value.data(), size < 0 ? 0 : 5), "value");
    EXPECT_EQ(base::read_file(at("other/in/tree/sub/file")).value_or(""), "content");
    EXPECT_EQ(std::filesystem::read_symlink(at("other/in/tree/sub/link")), "file");
    struct stat sparse{};
    EXPECT_EQ(::stat(at("other/in/tree/sparse").c_str(), &sparse), 0);
    EXPECT_EQ(sparse.st_size, 1 << 30);
    EXPECT_LT(sparse.st_blocks, 1000);

    // No room: everything stays where it was, and no part of a copy is left.
    WRENN_CO_TRY(base::write_file_atomic(at("big"), std::string(8'000'000, 'x')));
    const auto full = co_await move(at("big"), at("other/big"));
    EXPECT_EQ(code(full), Code::kResourceExhausted);
    EXPECT_EQ(std::filesystem::file_size(at("big")), 8'000'000U);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(at("other")), {}), 1);
    EXPECT_EQ(::umount(at("other").c_str()), 0);
    co_return {};
  }

  // A walk that has a long way to go ends with its caller, and holds nobody up meanwhile.
  Task<Result<void>> deadline() {
    std::filesystem::create_directory(at("wide"));
    const base::Fd wide(::open(at("wide").c_str(), O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < 20'000; ++i) {
      const std::string name = base::concat("file-", i);
      const base::Fd made(::openat(wide.get(), name.c_str(), O_CREAT | O_WRONLY, 0644));
    }
    filesystem::ListDirRequest request;
    request.set_path(at("wide"));
    const auto listed = co_await call<filesystem::ListDirResponse>("ListDir", request,
                                                                   {.timeout = milliseconds(5)});
    EXPECT_EQ(code(listed), Code::kDeadlineExceeded);
    co_return {};
  }
};

TEST_F(FilesystemTest, Tree) {
  run(&FilesystemTest::tree);
}
TEST_F(FilesystemTest, Links) {
  run(&FilesystemTest::links);
}
TEST_F(FilesystemTest, BadPathsAreRefused) {
  run(&FilesystemTest::bad_paths);
}
TEST_F(FilesystemTest, PermissionsAreWrittenAsGoDoes) {
  run(&FilesystemTest::modes);
}
TEST_F(FilesystemTest, ListsAndRemovesALargeDirectory) {
  run(&FilesystemTest::large_directory);
}
TEST_F(FilesystemTest, ListsAndRemovesADeepTree) {
  run(&FilesystemTest::deep_tree);
}
TEST_F(FilesystemTest, ListsWhatVanishes) {
  run(&FilesystemTest::vanishing);
}
TEST_F(FilesystemTest, Moves) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&FilesystemTest::moves);
}
TEST_F(FilesystemTest, MovesAcrossFileSystems) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&FilesystemTest::across_file_systems);
}
TEST_F(FilesystemTest, DeadlineEndsAWalk) {
  run(&FilesystemTest::deadline);
}

}  // namespace
}  // namespace wrenn::envd
