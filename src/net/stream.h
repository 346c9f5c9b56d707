// Stream: a connected byte stream (TCP, Unix socket, pipe).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/endpoint.h"
#include "net/loop.h"

namespace wrenn::net {

class StreamSecurity;

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

class Stream {
 public:
  // Takes a connected descriptor (socket or pipe).
  static base::Result<std::unique_ptr<Stream>> adopt(Loop& loop, base::Fd fd);
  ~Stream();

  // From here on everything goes through a filter (net/tls.h), whose handshake with the peer this
  // is. Before anything else is read or written; a stream whose handshake fails is of no use.
  // kUnauthenticated when one side does not accept the other. The caller sets a deadline.
  Task<base::Result<void>> secure(const StreamSecurity& security);
  bool is_secured() const { return filtered_ != nullptr; }

  // At least one byte, or 0 at the end. kCanceled when stopped, kUnavailable when broken.
  Task<base::Result<std::size_t>> read_some(std::span<char> buffer);
  // All of it, in one packet where the kernel can: e.g. the head, body and end of a message.
  Task<base::Result<void>> write_all(std::string_view first, std::string_view second = {},
                                     std::string_view third = {});
  // That part of a file, which the kernel moves by itself where it can. kDataLoss when the file
  // ends before.
  Task<base::Result<void>> send_file(int file, std::uint64_t offset, std::uint64_t length);
  // As much as goes out without waiting; 0 when nothing does.
  base::Result<std::size_t> write_now(std::string_view bytes);
  // Like write_all() for bytes that are gone once the task waits (Loop::shared_buffer()): what does
  // not go out at once is copied.
  Task<base::Result<void>> write_shared(std::string_view first, std::string_view second = {},
                                        std::string_view third = {});
  // No more bytes will come from this side; the peer reads an end.
  void shutdown_write();
  // Ends a socket at once, both ways and whatever its peer does: what waits for it wakes up, reads
  // find an end and writes fail. What was written and has not arrived is given up.
  void cut();

  // True when the peer has closed or sent something nobody asked for: not fit for reuse.
  bool is_stale();
  // Until the peer closes its side; kCanceled when stopped.
  Task<base::Result<void>> wait_hangup();
  // Stops the source when the peer closes its side; at once when it has. For as long as the result
  // lives, which the source must outlive.
  class HangupWatch;
  HangupWatch stop_at_hangup(StopSource& source);
  // A TCP peer that vanished without a word is noticed after two minutes.
  void keep_alive();
  // Of a Unix socket.
  base::Result<PeerCredentials> peer_credentials() const;
  // The address of a TCP peer without its port: "203.0.113.7". Empty for others.
  const std::string& peer_ip();
  Loop& loop() const { return fd_.loop(); }
  // For what moves bytes past this class; SpliceBuffer does.
  IoFd& descriptor() { return fd_; }
  // Whether it may be moved past this class: not what is encrypted.
  bool can_splice() const { return is_socket_ && !is_secured(); }

 private:
  using Parts = std::array<std::string_view, 3>;
  friend Task<base::Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, int netns_fd);
  // Takes off the parts what goes out without waiting.
  base::Result<void> take_written(Parts& parts);
  Task<base::Result<void>> write_rest(std::string rest);
  Task<base::Result<std::size_t>> read_raw(std::span<char> buffer);
  Task<base::Result<void>> write_raw(Parts parts);
  void shutdown_socket();

  // stream_filter.cc: the same through the filter.
  struct Filtered;
  base::Result<void> send_outgoing();
  Task<base::Result<void>> flush_outgoing();
  void send_leftover();
  Task<base::Result<void>> receive_more();
  Task<base::Result<std::size_t>> read_filtered(std::span<char> buffer);
  Task<base::Result<void>> write_filtered(Parts parts);
  base::Result<void> encode_all(const Parts& parts);
  Task<base::Result<void>> write_shared_filtered(Parts parts);
  base::Result<std::size_t> write_now_filtered(std::string_view bytes);
  Task<base::Result<void>> send_file_filtered(int file, std::uint64_t offset, std::uint64_t length);
  void shutdown_filtered();
  bool is_filter_stale() const;

  explicit Stream(IoFd fd, bool is_socket);
  IoFd fd_;
  const bool is_socket_;
  std::optional<std::string> peer_ip_;
  std::unique_ptr<Filtered> filtered_;
};

class Stream::HangupWatch {
 public:
  HangupWatch(IoFd& fd, StopSource& source) : fd_(fd), before_(fd.stop_at_hangup(&source)) {
    if (fd.hung_up()) source.request_stop();
  }
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;
  ~HangupWatch() { end(); }
  // As if it were destroyed.
  void end() {
    if (!std::exchange(ended_, true)) fd_.stop_at_hangup(before_);
  }

 private:
  IoFd& fd_;
  StopSource* const before_;
  bool ended_ = false;
};

inline Stream::HangupWatch Stream::stop_at_hangup(StopSource& source) {
  return {fd_, source};
}

// kUnavailable when nobody listens or the network is down, kCanceled when stopped.
// netns_fd >= 0: the connection is made from inside that network namespace.
Task<base::Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, int netns_fd);
inline Task<base::Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint) {
  return connect(std::move(endpoint), -1);
}

// For programs that write to pipes: a reader that went away becomes an error of one write rather
// than the end of the process. Programs they start inherit it. Called once, by main().
void ignore_sigpipe();

// A listening socket. A Unix socket's file is removed at the end.
class Listener {
 public:
  // kAlreadyExists when the address is in use. A stale Unix socket file (nobody listens) is
  // replaced. `socket_mode`: of the Unix socket's file.
  static base::Result<Listener> listen(Loop& loop, const Endpoint& endpoint,
                                       mode_t socket_mode = 0600);
  // For a descriptor that is bound and listening already.
  static base::Result<Listener> adopt(Loop& loop, base::Fd fd);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  // kCanceled when stopped. Out of descriptors: waits and goes on.
  Task<base::Result<std::unique_ptr<Stream>>> accept();
  // The port the kernel chose for port 0.
  std::uint16_t port() const;

 private:
  Listener(Loop& loop, IoFd fd, std::string path)
      : loop_(&loop), fd_(std::move(fd)), path_(std::move(path)) {}
  Loop* loop_;
  IoFd fd_;
  std::string path_;
};

}  // namespace wrenn::net
