// The body of POST /files as files: one as it is, or several as a form, all of which appear or
// none.
#pragma once

#include <optional>
#include <string>

#include "envd/actor.h"
#include "net/http_server.h"

namespace wrenn::envd {

struct UploadTarget {
  Actor actor;
  std::optional<std::string> path;  // As it stands in the query.
};

// The JSON array that the client gets. kInvalidArgument for bad paths, bodies and metadata,
// kResourceExhausted when the disk is full. What did not become a file is gone by then.
net::Task<base::Result<std::string>> receive_upload(net::Request& request, UploadTarget target);

}  // namespace wrenn::envd
