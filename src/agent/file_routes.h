// FileRoutes: contents of files as plain HTTP bodies, of any size and in constant memory.
//
//   GET /sandboxes/{id}/files?path=...&user=...   -> the content
//   PUT /sandboxes/{id}/files?path=...&user=...   <- the content; 204
//
// Errors are {"code","message"} in the Connect vocabulary.
#pragma once

#include "agent/sandbox_manager.h"
#include "net/http_server.h"

namespace wrenn::agent {

// For one loop; the manager must outlive it.
class FileRoutes final : public net::HttpHandler {
 public:
  explicit FileRoutes(SandboxManager& manager) : manager_(manager) {}
  static bool owns(std::string_view path);
  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;

 private:
  struct Target {
    std::string sandbox;
    std::string path;
    std::string user;
  };
  static base::Result<Target> parse(const net::Request& request);
  net::Task<base::Result<void>> serve(net::Request& request, net::ResponseWriter& response);
  static net::Task<base::Result<void>> read(const SandboxUse& use, const Target& target,
                                            net::ResponseWriter& response);
  static net::Task<base::Result<void>> write(const SandboxUse& use, const Target& target,
                                             net::Request& request, net::ResponseWriter& response);

  SandboxManager& manager_;
};

}  // namespace wrenn::agent
