#include "agent/process_events.h"

namespace wrenn::agent {

namespace pb = hostagent::v1;

int shell_exit_code(const process::ProcessEvent::EndEvent& end) {
  return end.signal() != 0 ? 128 + static_cast<int>(end.signal()) : end.exit_code();
}

bool to_exec_event(const process::ProcessEvent& event, std::uint64_t& offset,
                   pb::ExecStreamResponse& out) {
  if (event.has_start()) {
    offset = event.start().output_offset();
    out.mutable_start()->set_pid(event.start().pid());
    out.mutable_start()->set_offset(offset);
    return true;
  }
  if (event.has_end()) {
    out.mutable_end()->set_exit_code(shell_exit_code(event.end()));
    return true;
  }
  if (!event.has_data()) return false;
  pb::ExecData& data = *out.mutable_data();
  data.set_offset(offset);
  if (event.data().has_stderr()) {
    data.set_stderr(event.data().stderr());
    offset += data.stderr().size();
  } else {
    data.set_stdout(event.data().has_pty() ? event.data().pty() : event.data().stdout());
    offset += data.stdout().size();
  }
  return true;
}

base::Result<bool> to_pty_event(const process::ProcessEvent& event, std::string_view tag,
                                std::uint64_t& offset, pb::PtyAttachResponse& out) {
  if (event.has_start()) {
    offset = event.start().output_offset();
    out.mutable_started()->set_pid(event.start().pid());
    out.mutable_started()->set_tag(std::string(tag));
    out.mutable_started()->set_offset(offset);
    return true;
  }
  if (event.has_end()) {
    out.mutable_exited()->set_exit_code(shell_exit_code(event.end()));
    return true;
  }
  if (!event.has_data()) return false;
  if (!event.data().has_pty()) {
    return base::fail(base::Code::kFailedPrecondition, "the command has no terminal",
                      "attach to it as a process");
  }
  out.mutable_output()->set_data(event.data().pty());
  out.mutable_output()->set_offset(offset);
  offset += event.data().pty().size();
  return true;
}

}  // namespace wrenn::agent
