#include "control/hosts/lasting_stream.h"

#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::Result;

// A stream begins at `offset`: for the first time, or again.
Result<bool> begin(std::uint64_t offset, StreamPlace& place) {
  if (!place.has_started) {
    place.has_started = true;
    place.offset = offset;
    return true;
  }
  if (offset <= place.offset) return false;
  return base::fail(Code::kAborted,
                    "its host's agent was away, and more was written meanwhile than is kept",
                    "connect to it again; what it writes from now on comes");
}

}  // namespace

bool is_absence(const base::Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kCanceled;
}

namespace detail {

Result<bool> note(const agent::PtyAttachResponse& event, StreamPlace& place) {
  if (event.has_started()) {
    place.tag = event.started().tag();
    return begin(event.started().offset(), place);
  }
  if (event.has_output()) place.offset = event.output().offset() + event.output().data().size();
  place.has_ended = event.has_exited();
  return true;
}

Result<bool> note(const agent::ExecStreamResponse& event, StreamPlace& place) {
  if (event.has_start()) {
    place.pid = event.start().pid();
    return begin(event.start().offset(), place);
  }
  if (event.has_data()) {
    const auto& data = event.data();
    place.offset = data.offset() + data.stdout().size() + data.stderr().size();
  }
  place.has_ended = event.has_end();
  return true;
}

net::Task<Result<PtyStream>> attach(AgentClient& agent, StreamPlace place, PtyStream*) {
  agent::PtyAttachRequest request;
  request.set_sandbox_id(place.sandbox_id);
  request.set_tag(place.tag);
  request.set_offset(place.offset);
  return agent.pty_attach(request);
}

net::Task<Result<ExecStream>> attach(AgentClient& agent, StreamPlace place, ExecStream*) {
  agent::ConnectProcessRequest request;
  request.set_sandbox_id(place.sandbox_id);
  request.set_pid(place.pid);
  request.set_offset(place.offset);
  return agent.connect_process(request);
}

}  // namespace detail
}  // namespace wrenn::control
