// GET and POST /files: the contents of files, streamed with constant memory.
//
// Done with the agent's own rights (root); what is written belongs to the acting user. Once there
// is a token, the caller shows it or a signature of the path (file_signature.h).
#pragma once

#include "envd/actor.h"
#include "envd/files/file_signature.h"
#include "net/http_server.h"

namespace wrenn::envd {

class FilesRoute {
 public:
  explicit FilesRoute(const GuestSettings& settings) : settings_(settings) {}

  // See download.h.
  net::Task<base::Result<void>> get(net::Request& request, net::ResponseWriter& response);
  // application/octet-stream (the body is the file) or multipart/form-data (every part named
  // "file"; its filename is the path unless the query has one), either as gzip too. Nothing is
  // changed unless all came. See upload.h.
  net::Task<base::Result<void>> post(net::Request& request, net::ResponseWriter& response);

 private:
  const GuestSettings& settings_;
};

}  // namespace wrenn::envd
