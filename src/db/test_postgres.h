// For tests: a PostgreSQL server of this process's own, on a Unix socket in a temporary directory.
// It ends with the process, however that ends.
#pragma once

#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/files.h"
#include "base/secret.h"
#include "base/strings.h"
#include "db/database.h"

namespace wrenn::db {

class TestPostgres {
 public:
  // One for all tests of a process. Ends the process with what is missing when it cannot be
  // started.
  static TestPostgres& instance() {
    static TestPostgres server;
    return server;
  }
  TestPostgres(const TestPostgres&) = delete;
  TestPostgres& operator=(const TestPostgres&) = delete;
  ~TestPostgres() {
    ::close(lifeline_);
    ::waitpid(keeper_, nullptr, 0);
  }

  base::Secret url(const std::string& name) const {
    return base::Secret(base::concat("postgres:///", name, "?user=wrenn&host=", dir_));
  }
  Database admin() const { return or_exit(Database::connect(url("postgres"))); }

  // As an administrator would: whoever is connected loses the connection.
  void stop() { command("pg_ctl stop -w -m fast -D ", dir_, "/data"); }
  void start() {
    command(kStart, dir_, "/data -l ", dir_, "/log -o '-k ", dir_, " ", kSettings, "'");
  }

 private:
  static constexpr const char* kStart = "pg_ctl start -w -t 60 -D ";
  static constexpr const char* kSettings =
      "-c listen_addresses= -c fsync=off -c full_page_writes=off -c synchronous_commit=off "
      "-c max_connections=300 -c shared_buffers=16MB -c autovacuum=off";

  TestPostgres() {
    const passwd* user = ::getpwnam("postgres");
    if (user == nullptr) give_up("there is no user postgres; `make setup` installs PostgreSQL");
    char name[] = "/tmp/wrenn-postgres-XXXXXX";
    if (::mkdtemp(name) == nullptr || ::chown(name, user->pw_uid, user->pw_gid) != 0) {
      give_up("no directory can be made in /tmp");
    }
    dir_ = name;
    keep();
    command("initdb -U wrenn -A trust -N --no-locale -E UTF8 -D ", dir_, "/data");
    start();
  }

  // A process that outlives us by as much as it takes to clear away.
  void keep() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) give_up("no pipe can be made");
    keeper_ = ::fork();
    if (keeper_ == 0) {
      ::setsid();
      ::close(ends[1]);
      char byte = 0;
      while (::read(ends[0], &byte, 1) > 0) {
      }
      (void)try_command("pg_ctl stop -m immediate -D ", dir_, "/data");
      (void)base::remove_tree(dir_);
      ::_exit(0);
    }
    ::close(ends[0]);
    lifeline_ = ends[1];
  }

  template <class... Parts>
  static int try_command(const Parts&... parts) {
    const std::string line =
        base::concat("PATH=$PATH:/usr/lib/postgresql/15/bin; exec >/dev/null 2>&1; ", parts...);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const passwd* user = ::getpwnam("postgres");
      const bool is_user =
          ::getuid() != 0 || (::setgid(user->pw_gid) == 0 && ::setuid(user->pw_uid) == 0);
      if (is_user && ::chdir("/tmp") == 0) {
        ::execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
      }
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  }
  template <class... Parts>
  static void command(const Parts&... parts) {
    if (try_command(parts...) != 0) give_up(base::concat("this failed: ", parts...));
  }
  [[noreturn]] static void give_up(const std::string& why) {
    std::fprintf(stderr, "no PostgreSQL for the tests: %s\n", why.c_str());
    std::exit(1);
  }
  static Database or_exit(base::Result<Database> database) {
    if (!database) give_up(database.error().to_string());
    return *std::move(database);
  }

  std::string dir_;
  pid_t keeper_ = -1;
  int lifeline_ = -1;
};

}  // namespace wrenn::db
