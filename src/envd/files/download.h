// The answer to GET and HEAD of a file: ranges, conditions, gzip.
#pragma once

#include "base/files.h"
#include "net/http_server.h"

namespace wrenn::envd {

// Refuses by itself: 404 missing, 400 for what is no file, 406, 412, 416. In constant memory,
// whatever the size; from the file to the socket within the kernel unless it is compressed. A file
// that becomes shorter meanwhile cuts the connection.
net::Task<base::Result<void>> send_download(const net::Request& request, base::Path path,
                                            net::ResponseWriter& response);

}  // namespace wrenn::envd
