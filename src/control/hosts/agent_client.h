// AgentClient: what the control plane asks of one host agent. For one loop; not thread-safe.
//
// Short calls, streams and whole files each have connections of their own, so that none waits for
// another. Errors are the agent's; kUnavailable when it does not answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "connect/client.h"
#include "net/endpoint.h"
#include "net/http_client.h"

namespace hostagent::v1 {
class CreateSandboxRequest;
class CreateSandboxResponse;
class ExecStreamRequest;
class ExecStreamResponse;
class KillProcessRequest;
class ListDirRequest;
class ListDirResponse;
class ListPortsResponse;
class ListProcessesResponse;
class ListSandboxesResponse;
class MakeDirRequest;
class MakeDirResponse;
class RemovePathRequest;
class StartBackgroundRequest;
class StartBackgroundResponse;
}  // namespace hostagent::v1

namespace wrenn::control {

namespace agent = ::hostagent::v1;
using ExecStream = connect::MessageStream<agent::ExecStreamResponse>;

struct FileTarget {
  std::string sandbox_id;
  std::string path;
  std::string user;  // Empty: the sandbox's default user.
};

class AgentClient {
 public:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  explicit AgentClient(net::Endpoint endpoint);
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  std::string address() const { return calls_http_.endpoint().to_string(); }

  // The messages may be temporaries.
  Reply<agent::CreateSandboxResponse> create(const agent::CreateSandboxRequest& request);
  // A sandbox the agent does not know is no error.
  Reply<void> destroy(std::string sandbox_id);
  Reply<void> ping(const std::string& sandbox_id);
  Reply<agent::ListSandboxesResponse> list_sandboxes();

  // Destroying the stream early kills the command. `limit` ends it whatever the agent does.
  Reply<ExecStream> exec(const agent::ExecStreamRequest& request, base::Duration limit);
  Reply<agent::StartBackgroundResponse> start_background(
      const agent::StartBackgroundRequest& request);
  Reply<agent::ListProcessesResponse> list_processes(const std::string& sandbox_id);
  Reply<void> kill_process(const agent::KillProcessRequest& request);

  Reply<agent::ListDirResponse> list_dir(const agent::ListDirRequest& request);
  Reply<agent::MakeDirResponse> make_dir(const agent::MakeDirRequest& request);
  Reply<void> remove_path(const agent::RemovePathRequest& request);

  Reply<agent::ListPortsResponse> list_ports(const std::string& sandbox_id);

  // The body of the response is the file.
  Reply<net::ClientResponse> read_file(FileTarget file);
  // `content` must outlive the call. When it fails with anything but kUnavailable, the upload is
  // cut and the file stays as it was.
  Reply<void> write_file(FileTarget file, net::ByteSource& content);

 private:
  net::HttpClient calls_http_;
  net::HttpClient streams_http_;
  net::HttpClient files_http_;
  connect::Client calls_;
  connect::Client streams_;
};

}  // namespace wrenn::control
