// Watching directories, through the real envd.
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

using Types = std::vector<std::string>;  // "CREATE a/b", in order.

std::string to_line(const filesystem::FilesystemEvent& event) {
  const std::string type = filesystem::EventType_Name(event.type());
  return base::concat(type.substr(std::string_view("EVENT_TYPE_").size()), " ", event.name());
}

class WatchTest : public EnvdTest {
 public:
  using WatchStream = connect::MessageStream<filesystem::WatchDirResponse>;

  std::string at(std::string_view name) const { return (dir.path() / name).native(); }

  // Returns once the watch is in place.
  Task<Result<WatchStream>> watch(filesystem::WatchDirRequest request,
                                  connect::CallOptions call = {}) {
    if (request.path().empty()) request.set_path(dir.path().native());
    WRENN_CO_TRY_ASSIGN(auto stream,
                        co_await client.stream<filesystem::WatchDirResponse>(
                            "/filesystem.Filesystem/WatchDir", request, std::move(call)));
    WRENN_CO_TRY_ASSIGN(const auto first, co_await stream.next());
    EXPECT_TRUE(first && first->has_start());
    co_return std::move(stream);
  }
  static filesystem::WatchDirRequest recursive() {
    filesystem::WatchDirRequest request;
    request.set_recursive(true);
    return request;
  }

  // Up to the event "CREATE `last`", which is left out; "OVERFLOW" among the others.
  static Task<Result<Types>> take_until(WatchStream& stream, std::string last) {
    Types lines;
    while (true) {
      WRENN_CO_TRY_ASSIGN(const auto message,
                          co_await net::with_timeout(std::chrono::seconds(20), stream.next()));
      if (!message) co_return base::fail(Code::kInternal, "the stream has ended early");
      if (message->has_overflow()) lines.emplace_back("OVERFLOW");
      if (!message->has_filesystem()) continue;
      std::string line = to_line(message->filesystem());
      if (line == "CREATE " + last) co_return lines;
      lines.push_back(std::move(line));
    }
  }
  // What the script makes happen. Everything it did has been told when its end mark has.
  Task<Result<Types>> told(WatchStream& stream, std::string script) {
    EXPECT_EQ(std::system(("cd " + dir.path().native() + " && " + script + " && : > end").c_str()),
              0);
    WRENN_CO_TRY_ASSIGN(auto lines, co_await take_until(stream, "end"));
    std::filesystem::remove(at("end"));
    WRENN_CO_TRY(base::write_file_atomic(at("next"), ""));
    co_return lines;
  }

  Task<Result<void>> kinds() {
    WRENN_CO_TRY(base::write_file_atomic(at("old"), "x"));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch({}));
    WRENN_CO_TRY_ASSIGN(const auto lines,
                        co_await told(stream,
                                      "echo x > new; chmod 600 new; mv new newer; rm newer; "
                                      "mkdir sub; echo y > sub/unseen; echo z >> old"));
    EXPECT_EQ(lines, (Types{"CREATE new", "WRITE new", "CHMOD new", "RENAME new", "CREATE newer",
                            "REMOVE newer", "CREATE sub", "WRITE old"}));
    co_return {};
  }

  Task<Result<void>> entries() {
    filesystem::WatchDirRequest request = recursive();
    request.set_include_entry(true);
    std::filesystem::create_directory(at("d"));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(request));
    WRENN_CO_TRY(base::write_all(
        base::Fd(::open(at("d/f").c_str(), O_CREAT | O_WRONLY, 0640)).get(), "12345"));
    for (bool written = false; !written;) {
      WRENN_CO_TRY_ASSIGN(const auto message, co_await stream.next());
      const auto& event = message->filesystem();
      EXPECT_EQ(event.entry().path(), at("d/f"));
      EXPECT_EQ(event.entry().name(), "f");
      written = event.type() == filesystem::EVENT_TYPE_WRITE;
      if (written) EXPECT_EQ(event.entry().size(), 5);
    }
    std::filesystem::remove(at("d/f"));
    WRENN_CO_TRY_ASSIGN(const auto removed, co_await stream.next());
    EXPECT_EQ(removed->filesystem().type(), filesystem::EVENT_TYPE_REMOVE);
    EXPECT_FALSE(removed->filesystem().has_entry());
    co_return {};
  }

  // Nothing that is made in a new directory is missed, however quickly it is made.
  Task<Result<void>> storm() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(recursive()));
    for (int round = 0; round < 40; ++round) {
      const std::string top = base::concat("r", round);
      const auto make = [this, top] {
        for (int branch = 0; branch < 10; ++branch) {
          std::string path = at(base::concat(top, "-", branch));
          for (const char* level : {"/a", "/b", "/c", "/d"}) {
            std::filesystem::create_directories(path);
            base::Fd(::open((path + "/file").c_str(), O_CREAT | O_WRONLY, 0644));
            path += level;
          }
        }
        base::Fd(::open(at(base::concat("end-", top)).c_str(), O_CREAT | O_WRONLY, 0644));
      };
      std::jthread maker(make);
      WRENN_CO_TRY_ASSIGN(const auto lines, co_await take_until(stream, "end-" + top));
      maker.join();
      std::multiset<std::string> seen(lines.begin(), lines.end());
      for (int branch = 0; branch < 10; ++branch) {
        const std::string start = base::concat("CREATE ", top, "-", branch);
        for (const char* name :
             {"", "/file", "/a", "/a/file", "/a/b", "/a/b/file", "/a/b/c", "/a/b/c/file"}) {
          EXPECT_EQ(seen.count(start + name), 1U) << start << name;
        }
      }
      if (HasFailure()) co_return {};
    }
    co_return {};
  }

  Task<Result<void>> moves_inside() {
    std::filesystem::create_directories(at("a/b/c"));
    std::filesystem::create_directories(at("z"));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(recursive()));
    WRENN_CO_TRY_ASSIGN(const auto lines,
                        co_await told(stream,
                                      "mv a/b z/bb; : > z/bb/c/f; mv z y; : > y/bb/c/g; mkdir z; "
                                      ": > z/h"));
    EXPECT_EQ(lines, (Types{"RENAME a/b", "CREATE z/bb", "CREATE z/bb/c/f", "RENAME z", "CREATE y",
                            "CREATE y/bb/c/g", "CREATE z", "CREATE z/h"}));
    co_return {};
  }

  Task<Result<void>> moves_in_and_out() {
    const base::TempDir outside = *base::TempDir::create();
    const std::string out = outside.path().native();
    std::filesystem::create_directories(out + "/in/deep");
    WRENN_CO_TRY(base::write_file_atomic(out + "/in/deep/f", ""));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(recursive()));
    WRENN_CO_TRY_ASSIGN(const auto arrived, co_await told(stream, "mv " + out + "/in ."));
    EXPECT_EQ(arrived, (Types{"CREATE in", "CREATE in/deep", "CREATE in/deep/f"}));
    WRENN_CO_TRY(co_await take_until(stream, "next"));
    WRENN_CO_TRY_ASSIGN(const auto left, co_await told(stream, "mv in " + out + "/out && : > " +
                                                                   out + "/out/deep/g"));
    EXPECT_EQ(left, (Types{"RENAME in"}));
    WRENN_CO_TRY(co_await take_until(stream, "next"));
    // Back again under another name: watched anew.
    WRENN_CO_TRY_ASSIGN(auto back, co_await told(stream, "mv " + out + "/out back"));
    std::ranges::sort(back);
    EXPECT_EQ(back, (Types{"CREATE back", "CREATE back/deep", "CREATE back/deep/f",
                           "CREATE back/deep/g"}));
    WRENN_CO_TRY(co_await take_until(stream, "next"));
    WRENN_CO_TRY_ASSIGN(const auto removed, co_await told(stream, "rm back/deep/f"));
    EXPECT_EQ(removed, (Types{"REMOVE back/deep/f"}));
    WRENN_CO_TRY(co_await take_until(stream, "next"));
    // What goes while its directory is being found may be missed, but never told of as made alone.
    WRENN_CO_TRY_ASSIGN(const auto quick, co_await told(stream, "mv back " + out + " && mv " + out +
                                                                    "/back . && rm back/deep/g"));
    EXPECT_LE(std::ranges::count(quick, "CREATE back/deep/g"),
              std::ranges::count(quick, "REMOVE back/deep/g"));
    co_return {};
  }

  // Directories change their names all the time while files are made in them: each file is told of
  // under a name that it had, or under the one its directory has in the end.
  Task<Result<void>> rename_storm() {
    constexpr int kRounds = 300;
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(recursive()));
    const auto storm = [this] {
      std::filesystem::create_directories(at("d0/inner"));
      for (int i = 0; i < kRounds; ++i) {
        const std::string from = at(base::concat("d", i));
        base::Fd(::open(base::concat(from, "/inner/f", i).c_str(), O_CREAT | O_WRONLY, 0644));
        std::filesystem::rename(from, at(base::concat("d", i + 1)));
        std::filesystem::create_directory(from);
        std::filesystem::remove(from);
      }
      base::Fd(::open(at("end").c_str(), O_CREAT | O_WRONLY, 0644));
    };
    std::jthread stormer(storm);
    WRENN_CO_TRY_ASSIGN(const auto lines, co_await take_until(stream, "end"));
    stormer.join();
    std::set<std::string> seen;
    for (const std::string& line : lines) {
      if (line.starts_with("CREATE ")) seen.insert(line.substr(line.rfind('/') + 1));
    }
    for (int i = 0; i < kRounds; ++i) EXPECT_TRUE(seen.contains(base::concat("f", i))) << i;
    // What is made from now on has the right name.
    const std::string last = base::concat("d", kRounds, "/inner/after");
    WRENN_CO_TRY(base::write_all(base::Fd(::open(at(last).c_str(), O_CREAT | O_WRONLY)).get(), ""));
    WRENN_CO_TRY(co_await take_until(stream, last));
    co_return {};
  }

  Task<Result<void>> end_of_directory() {
    for (const bool is_removed : {true, false}) {
      std::filesystem::create_directory(at("w"));
      filesystem::WatchDirRequest request = recursive();
      request.set_path(at("w"));
      WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(request));
      if (is_removed) std::filesystem::remove(at("w"));
      if (!is_removed) std::filesystem::rename(at("w"), at("elsewhere"));
      WRENN_CO_TRY_ASSIGN(const auto last, co_await stream.next());
      EXPECT_EQ(to_line(last->filesystem()), is_removed ? "REMOVE ." : "RENAME .");
      WRENN_CO_TRY_ASSIGN(const auto end, co_await stream.next());
      EXPECT_FALSE(end);
    }
    co_return {};
  }

  Task<Result<void>> refusals() {
    WRENN_CO_TRY(base::write_file_atomic(at("file"), ""));
    const std::array<std::pair<std::string, Code>, 4> cases = {{
        {at("file"), Code::kInvalidArgument},
        {at("missing"), Code::kNotFound},
        {at("file/x"), Code::kInvalidArgument},
        {"~other", Code::kInvalidArgument},
    }};
    for (const auto& [path, code] : cases) {
      filesystem::WatchDirRequest request;
      request.set_path(path);
      auto stream = co_await client.stream<filesystem::WatchDirResponse>(
          "/filesystem.Filesystem/WatchDir", request);
      if (stream) {
        const auto first = co_await stream->next();
        EXPECT_EQ(first.error().code, code) << path;
      }
      filesystem::CreateWatcherRequest create;
      create.set_path(path);
      const auto created = co_await client.unary<filesystem::CreateWatcherResponse>(
          "/filesystem.Filesystem/CreateWatcher", create);
      EXPECT_EQ(created.error().code, code) << path;
    }
    co_return {};
  }

  Task<Result<void>> times() {
    WRENN_CO_TRY_ASSIGN(
        auto stream,
        co_await watch({}, {.headers = net::Headers().with("Keepalive-Ping-Interval", "1"),
                            .timeout = milliseconds(1500)}));
    const auto start = base::steady_now();
    WRENN_CO_TRY_ASSIGN(const auto alive, co_await stream.next());
    EXPECT_TRUE(alive && alive->has_keepalive());
    EXPECT_GE(base::steady_now() - start, milliseconds(900));
    const auto end = co_await stream.next();
    EXPECT_EQ(end.error().code, Code::kDeadlineExceeded);
    co_return {};
  }

  // More happens than anybody keeps: the kernel's queue or ours is full, and the watcher goes on.
  Task<Result<void>> overflow() {
    WRENN_CO_TRY_ASSIGN(const std::string id, co_await create(recursive()));
    std::filesystem::create_directory(at("d"));
    for (int i = 0; i < 6'000; ++i) {
      base::Fd(::open(at(base::concat("d/f", i)).c_str(), O_CREAT | O_WRONLY, 0644));
    }
    bool is_lost = false;
    while (!is_lost) {
      WRENN_CO_TRY_ASSIGN(const auto response, co_await events(id));
      EXPECT_LE(response.events_size(), 4096);
      is_lost = response.overflow();
    }
    WRENN_CO_TRY(co_await wait_for_line(id, "d/after"));
    co_return {};
  }

  // envd stands still until the kernel has lost events; directories made meanwhile are found.
  Task<Result<void>> kernel_overflow() {
    WRENN_CO_TRY_ASSIGN(const std::string limit,
                        base::read_file("/proc/sys/fs/inotify/max_queued_events"));
    const int events = base::parse_int<int>(base::trim(limit)).value_or(0);
    std::filesystem::create_directories(at("gone"));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(recursive()));
    ::kill(envd.pid(), SIGSTOP);
    for (int i = 0; i <= events / 2; ++i) {
      base::Fd(::open(at("x").c_str(), O_CREAT | O_WRONLY, 0644));
      ::unlink(at("x").c_str());
    }
    std::filesystem::create_directories(at("made/in/between"));
    std::filesystem::rename(at("gone"), at("made/here"));
    ::kill(envd.pid(), SIGCONT);
    bool is_lost = false;
    while (!is_lost) {
      WRENN_CO_TRY_ASSIGN(const auto message, co_await stream.next());
      is_lost = message && message->has_overflow();
    }
    for (const char* name : {"made/in/between/f", "made/here/f"}) {
      base::Fd(::open(at(name).c_str(), O_CREAT | O_WRONLY, 0644));
      WRENN_CO_TRY(co_await take_until(stream, name));
    }
    co_return {};
  }

  Task<Result<std::string>> create(filesystem::WatchDirRequest like) {
    filesystem::CreateWatcherRequest request;
    request.set_path(like.path().empty() ? dir.path().native() : like.path());
    request.set_recursive(like.recursive());
    WRENN_CO_TRY_ASSIGN(const auto response,
                        co_await client.unary<filesystem::CreateWatcherResponse>(
                            "/filesystem.Filesystem/CreateWatcher", request));
    co_return response.watcher_id();
  }
  Task<Result<filesystem::GetWatcherEventsResponse>> events(std::string id) {
    filesystem::GetWatcherEventsRequest request;
    request.set_watcher_id(id);
    co_return co_await client.unary<filesystem::GetWatcherEventsResponse>(
        "/filesystem.Filesystem/GetWatcherEvents", request);
  }
  // Makes the file and asks until it is told of.
  Task<Result<Types>> wait_for_line(std::string id, std::string name) {
    base::Fd(::open(at(name).c_str(), O_CREAT | O_WRONLY, 0644));
    Types lines;
    for (int i = 0; i < 10'000; ++i) {
      WRENN_CO_TRY_ASSIGN(const auto response, co_await events(id));
      for (const auto& event : response.events()) lines.push_back(to_line(event));
      if (std::ranges::find(lines, "CREATE " + name) != lines.end()) co_return lines;
    }
    co_return base::fail(Code::kDeadlineExceeded, "the file was not told of");
  }

  Task<Result<void>> poll() {
    WRENN_CO_TRY_ASSIGN(const std::string id, co_await create(recursive()));
    std::filesystem::create_directories(at("a/b"));
    WRENN_CO_TRY_ASSIGN(const auto lines, co_await wait_for_line(id, "a/b/f"));
    EXPECT_EQ(lines, (Types{"CREATE a", "CREATE a/b", "CREATE a/b/f"}));
    WRENN_CO_TRY_ASSIGN(const auto nothing, co_await events(id));
    EXPECT_EQ(nothing.events_size(), 0);
    filesystem::RemoveWatcherRequest remove;
    remove.set_watcher_id(id);
    WRENN_CO_TRY(co_await client.unary<filesystem::RemoveWatcherResponse>(
        "/filesystem.Filesystem/RemoveWatcher", remove));
    const auto again = co_await client.unary<filesystem::RemoveWatcherResponse>(
        "/filesystem.Filesystem/RemoveWatcher", remove);
    EXPECT_EQ(again.error().code, Code::kNotFound);
    const auto gone = co_await events(id);
    EXPECT_EQ(gone.error().code, Code::kNotFound);
    co_return {};
  }

  // New directories are walked on another thread than the one that answers.
  Task<Result<void>> poll_while_walking() {
    constexpr std::size_t kDirectories = 300;
    WRENN_CO_TRY_ASSIGN(const std::string id, co_await create(recursive()));
    std::set<std::string> seen;
    for (std::size_t i = 0; i < kDirectories; ++i) {
      std::filesystem::create_directories(at(base::concat("d", i, "/x")));
      WRENN_CO_TRY_ASSIGN(const auto some, co_await events(id));
      for (const auto& event : some.events()) seen.insert(event.name());
    }
    for (int i = 0; i < 2000 && seen.size() < 2 * kDirectories; ++i) {
      WRENN_CO_TRY_ASSIGN(const auto some, co_await events(id));
      for (const auto& event : some.events()) seen.insert(event.name());
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(2)));
    }
    EXPECT_EQ(seen.size(), 2 * kDirectories);
    co_return {};
  }

  // The inotify descriptor goes with the caller's connection.
  Task<Result<void>> caller_leaves() {
    {
      WRENN_CO_TRY_ASSIGN(auto stream, co_await watch(recursive()));
      EXPECT_EQ(inotify_files(), 1);
    }
    for (int i = 0; i < 2000 && inotify_files() > 0; ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(2)));
    }
    EXPECT_EQ(inotify_files(), 0);
    co_return {};
  }
  int inotify_files() const {
    int count = 0;
    for (const auto& file :
         std::filesystem::directory_iterator(base::concat("/proc/", envd.pid(), "/fd"))) {
      std::error_code error;
      if (std::filesystem::read_symlink(file, error) == "anon_inode:inotify") ++count;
    }
    return count;
  }
};

TEST_F(WatchTest, KindsOfEvents) {
  run(&WatchTest::kinds);
}
TEST_F(WatchTest, EntriesOfWhatIsThere) {
  run(&WatchTest::entries);
}
TEST_F(WatchTest, StormOfNewDirectories) {
  run(&WatchTest::storm);
}
TEST_F(WatchTest, MovesInside) {
  run(&WatchTest::moves_inside);
}
TEST_F(WatchTest, MovesInAndOut) {
  run(&WatchTest::moves_in_and_out);
}
TEST_F(WatchTest, StormOfRenames) {
  run(&WatchTest::rename_storm);
}
TEST_F(WatchTest, EndsWithItsDirectory) {
  run(&WatchTest::end_of_directory);
}
TEST_F(WatchTest, Refusals) {
  run(&WatchTest::refusals);
}
TEST_F(WatchTest, KeepaliveAndDeadline) {
  run(&WatchTest::times);
}
TEST_F(WatchTest, FullQueueIsTold) {
  run(&WatchTest::overflow);
}
TEST_F(WatchTest, LostByTheKernelIsTold) {
  run(&WatchTest::kernel_overflow);
}
TEST_F(WatchTest, EventsOnRequest) {
  run(&WatchTest::poll);
}
TEST_F(WatchTest, EventsOnRequestDuringAWalk) {
  run(&WatchTest::poll_while_walking);
}
TEST_F(WatchTest, GoesWithItsCaller) {
  run(&WatchTest::caller_leaves);
}

}  // namespace
}  // namespace wrenn::envd
