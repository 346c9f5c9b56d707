// GET and POST /files: the contents of files, streamed with constant memory.
//
// Done with the agent's own rights (root); what is written belongs to the acting user.
#pragma once

#include "envd/actor.h"
#include "net/http_server.h"

namespace wrenn::envd {

class FilesRoute {
 public:
  explicit FilesRoute(const GuestSettings& settings) : settings_(settings) {}

  // 404 missing, 400 directory or bad path.
  net::Task<base::Result<void>> get(net::Request& request, net::ResponseWriter& response);
  // application/octet-stream (the body is the file) or multipart/form-data (every part named
  // "file"; its filename is the path unless the query has one). Nothing is changed unless all came.
  net::Task<base::Result<void>> post(net::Request& request, net::ResponseWriter& response);

 private:
  const GuestSettings& settings_;
};

}  // namespace wrenn::envd
