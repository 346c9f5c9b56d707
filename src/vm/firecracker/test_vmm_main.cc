// firecracker-test-server: started by tests in Firecracker's place, with its command line. See
// test_vmm.h; it is no hypervisor.
//
// At the socket "guest.sock" beside the API's a test does what a guest would: a line of words, and
// an answer. "fill PAGE COUNT VALUE", "look PAGE", "runs", which is all of it as COUNT*VALUE,
// "discard PAGE COUNT", "print TEXT".
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <thread>

#include "base/strings.h"
#include "net/loop.h"
#include "vm/firecracker/test_vmm.h"

namespace {

using namespace wrenn;
using namespace wrenn::vm::firecracker;
using base::concat;

struct Arguments {
  std::string socket;
  std::string id;
};

// As Firecracker: what it does not know it refuses.
bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--api-sock") {
      arguments.socket = argv[i + 1];
    } else if (name == "--id") {
      arguments.id = argv[i + 1];
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && !arguments.socket.empty() && !arguments.id.empty();
}

std::size_t number(std::string_view text) {
  return base::parse_int<std::size_t>(text).value_or(0);
}

std::string runs_of(const TestMemory& memory) {
  constexpr std::size_t kPage = 4096;
  const std::size_t pages = memory.bytes() / kPage;
  std::string runs;
  for (std::size_t page = 0; page < pages;) {
    const int value = memory.look(page);
    std::size_t end = page + 1;
    while (end < pages && memory.look(end) == value) ++end;
    runs += concat(end - page, '*', value, ' ');
    page = end;
  }
  return runs;
}

std::string do_as_told(TestMemory& memory, std::string_view line) {
  const auto words = base::split(line, ' ');
  if (words[0] == "fill" && words.size() == 4) {
    memory.fill(number(words[1]), number(words[2]), static_cast<unsigned char>(number(words[3])));
    return "done";
  }
  if (words[0] == "look" && words.size() == 2) return concat(memory.look(number(words[1])));
  if (words[0] == "runs") return runs_of(memory);
  if (words[0] == "discard" && words.size() == 3) {
    return memory.discard(number(words[1]), number(words[2])) ? "done" : "failed";
  }
  if (words[0] == "print") {
    // To the serial port, which is the standard output; what does not fit is lost.
    const std::string text = concat(line.substr(words[0].size() + 1), '\n');
    return concat(::write(1, text.data(), text.size()));
  }
  return "what?";
}

// One caller after the other, beside the API: a page that somebody has to bring first must not hold
// that up.
// It listens before the API does, so whoever has started a VM finds its guest.
base::Fd listen_as_guest(const std::string& path) {
  base::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 8) != 0) {
    ::_exit(1);
  }
  return listener;
}

void be_guest(TestMemory& memory, const base::Fd& listener) {
  while (true) {
    const base::Fd caller(::accept(listener.get(), nullptr, nullptr));
    std::array<char, 1024> buffer;
    const ssize_t n = ::read(caller.get(), buffer.data(), buffer.size());
    if (n <= 0) continue;
    const std::string answer = do_as_told(
        memory, base::trim(std::string_view(buffer.data(), static_cast<std::size_t>(n))));
    (void)!::write(caller.get(), answer.data(), answer.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argv[0];
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--version") {
    std::printf("Firecracker v%s\n\n", name.ends_with("-old") ? "1.11.0" : "1.17.0");
    return 0;
  }
  if (first == "--snapshot-version") {
    std::printf("v%s\n", name.ends_with("-other") ? "8.0.0" : kTestSnapshotVersion.data());
    return 0;
  }
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs("Arguments parsing error\n", stderr);
    return 1;
  }
  const std::string directory = arguments.socket.substr(0, arguments.socket.rfind('/'));
  if (::access(concat(directory, "/die").c_str(), F_OK) == 0) {
    std::fputs("it was told to die\n", stderr);
    return 1;
  }
  TestVmm vmm(arguments.id, directory);
  const base::Fd guest = listen_as_guest(directory + "/guest.sock");
  std::thread(be_guest, std::ref(vmm.memory()), std::cref(guest)).detach();
  net::Loop loop;
  const auto endpoint = net::Endpoint::unix_socket(arguments.socket);
  auto listener = endpoint ? net::Listener::listen(loop, *endpoint) : base::fail(endpoint.error());
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().to_string().c_str());
    return 1;
  }
  net::HttpServer server(vmm, {});
  loop.block_on(server.serve(std::move(*listener)));
  ::_exit(0);
}
