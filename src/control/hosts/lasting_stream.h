// LastingStream: what a process writes, whatever becomes of the host's agent meanwhile. VMs and
// their processes go on when an agent is replaced or dies, so whoever watches one is attached again
// where it was.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/time.h"
#include "control/hosts/agent_client.h"
#include "net/loop.h"

namespace wrenn::control {

// How long an agent may be away; replacing one takes about a second.
inline constexpr auto kMaxAbsence = std::chrono::seconds(15);
inline constexpr auto kAbsencePause = std::chrono::milliseconds(100);
// Whether a call failed since nobody answered, or since whoever did is ending.
bool is_absence(const base::Error& error);

// How far a stream has come.
struct StreamPlace {
  std::string sandbox_id;
  std::uint32_t pid = 0;
  std::string tag;
  std::uint64_t offset = 0;  // Of the next byte.
  bool has_started = false;
  bool has_ended = false;
};

namespace detail {

// Whether the event is for whoever reads the stream: a second start is not. kAborted when it shows
// that something was missed.
base::Result<bool> note(const agent::PtyAttachResponse& event, StreamPlace& place);
base::Result<bool> note(const agent::ExecStreamResponse& event, StreamPlace& place);
net::Task<base::Result<PtyStream>> attach(AgentClient& agent, StreamPlace place, PtyStream*);
net::Task<base::Result<ExecStream>> attach(AgentClient& agent, StreamPlace place, ExecStream*);

}  // namespace detail

// For one loop. It stays where it is while next() goes on.
template <class Event>
class LastingStream {
 public:
  using Stream = connect::MessageStream<Event>;

  // `agent` outlives it.
  LastingStream(AgentClient& agent, std::string sandbox_id, Stream stream)
      : agent_(agent), stream_(std::move(stream)) {
    place_.sandbox_id = std::move(sandbox_id);
  }

  // As Stream::next(); the first event is that of the start. kAborted when more was written in the
  // agent's absence than is kept.
  net::Task<base::Result<std::optional<Event>>> next() {
    while (true) {
      auto event = co_await stream_.next();
      if (event && *event) {
        WRENN_CO_TRY_ASSIGN(const bool is_new, detail::note(**event, place_));
        if (is_new) co_return event;
        continue;
      }
      const net::Context context = co_await net::current_context();
      const bool is_cut = event || is_absence(event.error());
      if (!place_.has_started || place_.has_ended || !is_cut || context.stop.stop_requested()) {
        co_return event;
      }
      WRENN_CO_TRY(co_await attach_again());
    }
  }
  // How often it was attached again.
  int reattachments() const { return reattachments_; }

 private:
  net::Task<base::Result<void>> attach_again() {
    const auto until = base::steady_now() + kMaxAbsence;
    while (true) {
      auto attached = co_await detail::attach(agent_, place_, static_cast<Stream*>(nullptr));
      if (attached) {
        stream_ = std::move(*attached);
        ++reattachments_;
        co_return {};
      }
      if (!is_absence(attached.error()) || base::steady_now() >= until) {
        co_return base::fail(std::move(attached).error());
      }
      WRENN_CO_TRY(co_await net::sleep_for(kAbsencePause));
    }
  }

  AgentClient& agent_;
  Stream stream_;
  StreamPlace place_;
  int reattachments_ = 0;
};

using LastingPty = LastingStream<agent::PtyAttachResponse>;
using LastingExec = LastingStream<agent::ExecStreamResponse>;

}  // namespace wrenn::control
