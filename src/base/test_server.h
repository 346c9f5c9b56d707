// For tests: a server of tests/support, written in Python, that prints its port on one line and
// ends with its standard input.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/strings.h"

namespace wrenn::base {

class TestServer {
 public:
  // The script and its arguments; returns once it listens.
  explicit TestServer(std::vector<std::string> command) {
    std::vector<char*> argv = {const_cast<char*>("python3")};
    for (auto& part : command) argv.push_back(part.data());
    argv.push_back(nullptr);
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe(in.data()) != 0 || ::pipe(out.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::close(in[1]);
      ::close(out[0]);
      ::execv("/usr/bin/python3", argv.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    std::string line;
    char c = 0;
    while (::read(out[0], &c, 1) == 1 && c != '\n') line += c;
    ::close(out[0]);
    port_ = parse_int<std::uint16_t>(line).value_or(0);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    ::close(stdin_);
    ::waitpid(pid_, nullptr, 0);
  }
  // 0: it did not start.
  std::uint16_t port() const { return port_; }

 private:
  pid_t pid_ = 0;
  int stdin_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace wrenn::base
