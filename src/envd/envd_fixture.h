// For tests: the real envd as a process of its own on loopback, driven as the host's agent does.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/time.h"
#include "connect/client.h"
#include "net/scope.h"
#include "proto/filesystem.pb.h"
#include "proto/process.pb.h"

namespace wrenn::envd {

using base::Code;
using base::Result;
using net::Task;
using std::chrono::milliseconds;

enum class PidNamespace { kShared, kOwn };  // In its own it is process 1.

// envd on a port of the kernel's choice; gone with the test, however that ends.
class EnvdProgram {
 public:
  explicit EnvdProgram(std::vector<std::string> options,
                       PidNamespace pid_namespace = PidNamespace::kShared) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) return;
    std::vector<std::string> arguments = {"envd", "--addr", "127.0.0.1", "--port", "0"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const long flags = SIGCHLD | (pid_namespace == PidNamespace::kOwn ? CLONE_NEWPID : 0);
    pid_ = static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(pipe[1], STDERR_FILENO);
      ::close(pipe[0]);
      ::close(pipe[1]);
      ::execv(ENVD_PROGRAM, argv.data());
      ::_exit(127);
    }
    ::close(pipe[1]);
    log_ = base::Fd(pipe[0]);
    read_port();
  }
  ~EnvdProgram() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  std::uint16_t port() const { return port_; }

 private:
  void read_port() {
    std::string log;
    char c = 0;
    while (::read(log_.get(), &c, 1) == 1) {
      log += c;
      const std::size_t at = log.find("port=");
      if (c != '\n' || at == std::string::npos) continue;
      port_ = base::parse_int<std::uint16_t>(base::trim(std::string_view(log).substr(at + 5)))
                  .value_or(0);
      return;
    }
  }
  pid_t pid_ = -1;
  base::Fd log_;
  std::uint16_t port_ = 0;
};

struct Reply {
  int status = 0;
  std::string body;
};

struct Outcome {
  std::uint32_t pid = 0;
  std::uint64_t offset = 0;  // Of the first byte.
  std::string out;
  std::string err;
  std::string pty;
  int keepalives = 0;
  process::ProcessEvent::EndEvent end;
};

inline process::StartRequest shell(std::string script) {
  process::StartRequest request;
  request.mutable_process()->set_cmd("/bin/sh");
  request.mutable_process()->add_args("-c");
  request.mutable_process()->add_args(std::move(script));
  request.set_stdin(false);
  return request;
}

inline process::SendInputRequest stdin_input(std::uint32_t pid, std::string bytes) {
  process::SendInputRequest request;
  request.mutable_process()->set_pid(pid);
  request.mutable_input()->set_stdin(std::move(bytes));
  return request;
}

inline process::ProcessSelector select(std::uint32_t pid) {
  process::ProcessSelector selector;
  selector.set_pid(pid);
  return selector;
}

inline net::Headers as_user(std::string_view name) {
  return net::Headers().with("Authorization",
                             base::concat("Basic ", base::to_base64(base::concat(name, ":"))));
}

using StartStream = connect::MessageStream<process::StartResponse>;
using ConnectStream = connect::MessageStream<process::ConnectResponse>;

// True once the stream has ended.
template <class Response>
Task<Result<bool>> take_event(connect::MessageStream<Response>& stream, Outcome& outcome) {
  WRENN_CO_TRY_ASSIGN(const auto message, co_await stream.next());
  if (!message) co_return true;
  const auto& event = message->event();
  if (event.has_start()) {
    outcome.pid = event.start().pid();
    outcome.offset = event.start().output_offset();
  }
  if (event.has_data()) {
    outcome.out += event.data().stdout();
    outcome.err += event.data().stderr();
    outcome.pty += event.data().pty();
  }
  if (event.has_keepalive()) ++outcome.keepalives;
  if (event.has_end()) outcome.end = event.end();
  co_return false;
}

template <class Response>
Task<Result<void>> take_rest(connect::MessageStream<Response>& stream, Outcome& outcome) {
  while (true) {
    WRENN_CO_TRY_ASSIGN(const bool ended, co_await take_event(stream, outcome));
    if (ended) co_return {};
  }
}

class EnvdTest : public testing::Test {
 protected:
  explicit EnvdTest(std::vector<std::string> options = {"--no-cgroups"},
                    PidNamespace pid_namespace = PidNamespace::kShared)
      : envd(std::move(options), pid_namespace),
        http(*net::Endpoint::tcp("127.0.0.1", envd.port()), {}),
        client(http),
        dir(*base::TempDir::create("/tmp", "envd-test-")) {
    ::chmod(dir.path().c_str(), 0755);
  }

  template <class Test>
  void run(Task<Result<void>> (Test::*test)()) {
    ASSERT_NE(envd.port(), 0);
    const auto result = loop.block_on((static_cast<Test*>(this)->*test)());
    EXPECT_TRUE(result) << result.error().to_string();
  }

  Task<Result<Reply>> send(std::string method, std::string target, std::string body = "",
                           net::Headers headers = {}) {
    WRENN_CO_TRY_ASSIGN(auto response, co_await http.send({std::move(method), std::move(target),
                                                           std::move(headers), std::move(body)}));
    Reply reply{response.status(), {}};
    WRENN_CO_TRY_ASSIGN(reply.body, co_await net::read_all(response, 64u << 20));
    co_return reply;
  }

  Task<Result<StartStream>> open(process::StartRequest request, connect::CallOptions call = {}) {
    return client.stream<process::StartResponse>("/process.Process/Start", request,
                                                 std::move(call));
  }

  Task<Result<Outcome>> exec(process::StartRequest request, connect::CallOptions call = {}) {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(std::move(request), std::move(call)));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    co_return outcome;
  }

  Task<Result<ConnectStream>> connect(process::ConnectRequest request,
                                      connect::CallOptions call = {}) {
    return client.stream<process::ConnectResponse>("/process.Process/Connect", request,
                                                   std::move(call));
  }

  Task<Result<Outcome>> follow(process::ConnectRequest request) {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await connect(std::move(request)));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    co_return outcome;
  }

  Task<Result<void>> send_signal(std::uint32_t pid, process::Signal signal) {
    process::SendSignalRequest request;
    *request.mutable_process() = select(pid);
    request.set_signal(signal);
    const auto sent =
        co_await client.unary<process::SendSignalResponse>("/process.Process/SendSignal", request);
    if (!sent) co_return base::fail(sent.error());
    co_return {};
  }

  Task<Result<void>> send_input(process::SendInputRequest request) {
    const auto sent =
        co_await client.unary<process::SendInputResponse>("/process.Process/SendInput", request);
    if (!sent) co_return base::fail(sent.error());
    co_return {};
  }

  Task<Result<void>> close_stdin(std::uint32_t pid) {
    process::CloseStdinRequest request;
    *request.mutable_process() = select(pid);
    const auto closed =
        co_await client.unary<process::CloseStdinResponse>("/process.Process/CloseStdin", request);
    if (!closed) co_return base::fail(closed.error());
    co_return {};
  }

  Task<Result<void>> wait_until_exists(base::Path path) {
    for (int i = 0; i < 500 && !std::filesystem::exists(path); ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    EXPECT_TRUE(std::filesystem::exists(path)) << path;
    co_return {};
  }

  Task<Result<void>> wait_until_gone(pid_t pid) {
    for (int i = 0; i < 200 && ::kill(pid, 0) == 0; ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    EXPECT_NE(::kill(pid, 0), 0) << "process " << pid << " is still there";
    co_return {};
  }

  EnvdProgram envd;
  net::Loop loop;
  net::HttpClient http;
  connect::Client client;
  base::TempDir dir;
};

}  // namespace wrenn::envd
