// For tests: a server that speaks Firecracker's API, as strictly as its contract, and has a memory
// that can be saved and restored. It is no hypervisor: no guest runs in it.
//
// It does what a driver can get wrong: the order of calls, files and devices that must be there,
// dirty pages, sparse memory files, the handshake for page faults. It writes each call to the file
// "calls" in its directory, and before it answers does what the file "faults" says: lines of
// method, path, action and number. The actions: "delay" (ms), "drop", "garbage", "refuse", "die".
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <boost/json.hpp>

#include "base/fd.h"
#include "net/http_server.h"
#include "vm/firecracker/test_contract.h"

namespace wrenn::vm::firecracker {

// The guest's memory: what a test writes there and reads back. Thread-safe but for set_up().
class TestMemory {
 public:
  ~TestMemory();
  enum class Tracking { kOff, kOn };

  // Empty and zero; of a file; or served by somebody at a socket. An empty text is no error.
  std::string set_up(std::size_t bytes, Tracking tracking);
  std::string load_file(std::size_t bytes, const std::string& path, Tracking tracking);
  std::string load_served(std::size_t bytes, const std::string& socket, Tracking tracking);

  std::size_t bytes() const { return bytes_; }
  bool is_tracked() const { return tracking_ == Tracking::kOn; }
  // Each page is one number, repeated.
  void fill(std::size_t page, std::size_t count, unsigned char value);
  // -1: the page has several values.
  int look(std::size_t page) const;
  // As a balloon does.
  bool discard(std::size_t page, std::size_t count);
  // As a snapshot does, after which nothing is dirty.
  std::string write_full(const std::string& path);
  std::string write_diff(const std::string& path);

 private:
  char* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool is_of_file_ = false;
  Tracking tracking_ = Tracking::kOff;
  std::vector<bool> dirty_;
  mutable std::mutex mutex_;
  base::Fd faults_;
  base::Fd connection_;  // To who serves; open until the end.
};

class TestVmm final : public net::HttpHandler {
 public:
  // `directory`: where it writes what it was called with.
  TestVmm(std::string id, std::string directory)
      : id_(std::move(id)), directory_(std::move(directory)) {}

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;
  TestMemory& memory() { return memory_; }

 private:
  struct Answer {
    int status = 204;
    std::string body;
  };
  static Answer refuse(std::string why);

  Answer answer(const std::string& method, const std::string& path, const std::string& body);
  Answer apply(const std::string& call, const std::string& path, const boost::json::object& body);
  Answer configure(const std::string& call, const std::string& path,
                   const boost::json::object& body);
  Answer start();
  Answer set_state(const boost::json::object& body);
  Answer create_snapshot(const boost::json::object& body);
  Answer load_snapshot(const boost::json::object& body);
  Answer show(const std::string& path) const;
  // The reason why a device cannot be opened, or nothing.
  std::string open_disk(const std::string& path);
  std::string open_card(const std::string& name);
  boost::json::object config() const;
  void note(const std::string& method, const std::string& path, const std::string& body,
            int status) const;
  std::optional<std::pair<std::string, int>> fault(const std::string& method,
                                                   const std::string& path) const;

  const std::string id_;
  const std::string directory_;
  const Contract contract_;
  Phase phase_ = Phase::kBefore;
  bool is_paused_ = false;
  bool is_configured_ = false;
  std::map<std::string, boost::json::object> parts_;  // By their path.
  TestMemory memory_;
  base::Fd disk_;
  base::Fd card_;
};

// What the state file of the test server says it is.
inline constexpr std::string_view kTestSnapshotVersion = "9.0.0";

}  // namespace wrenn::vm::firecracker
