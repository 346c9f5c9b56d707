// Starting and stopping the two processes of a Wrenn on one machine.
#pragma once

#include <string>

#include "base/files.h"
#include "base/jail.h"
#include "base/process.h"
#include "base/result.h"
#include "base/secret.h"
#include "cli/console.h"
#include "cli/server_dir.h"

namespace wrenn::cli {

// Turns the signals that end a program into something to poll: while it lives, Ctrl-C does not end
// `wrenn up` half-way.
class Interrupts {
 public:
  static base::Result<Interrupts> create();
  Interrupts(Interrupts&&) noexcept = default;
  Interrupts& operator=(Interrupts&&) = delete;
  ~Interrupts();
  int fd() const { return fd_.get(); }

 private:
  explicit Interrupts(base::Fd fd) : fd_(std::move(fd)) {}
  base::Fd fd_;
};

struct Programs {
  base::Path agent;
  base::Path control;
};

class Launcher {
 public:
  // All must outlive it.
  Launcher(const ServerDir& dir, const Programs& programs, const Console& console,
           const Interrupts& interrupts)
      : dir_(dir), programs_(programs), console_(console), interrupts_(interrupts) {}

  // Each starts its process, shows what it does, and returns once it is ready. On an error the
  // process is gone; the message has the last lines of its log. kCanceled after Ctrl-C.
  base::Result<base::ProcessIdentity> start_agent();
  base::Result<base::ProcessIdentity> start_control(const std::string& listen,
                                                    const std::string& proxy_listen);
  // Has the control plane's own program make an API key, as its own user.
  base::Result<base::Secret> create_key();
  // Has it make the first user; their password, empty when there is a user already.
  base::Result<base::Secret> create_first_user(const std::string& email);

 private:
  // What wrenn-cp prints on one line when it is run so. `what`: what errors call it.
  base::Result<std::string> ask_control(const std::vector<std::string>& arguments,
                                        std::string_view what);
  base::JailSpec control_jail() const;
  void add_database(base::JailSpec& spec) const;
  base::Result<base::ProcessIdentity> start(Part part, base::JailSpec spec, std::string label,
                                            base::Duration limit);

  const ServerDir& dir_;
  const Programs& programs_;
  const Console& console_;
  const Interrupts& interrupts_;
};

// SIGTERM, and SIGKILL for who does not follow within `patience`. Removes the pid file. True when
// there was something to stop.
base::Result<bool> stop(const ServerDir& dir, Part part, base::Duration patience);

}  // namespace wrenn::cli
