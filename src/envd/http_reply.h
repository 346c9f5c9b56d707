// What the plain HTTP routes share: query parameters and JSON answers.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/files.h"
#include "envd/files/file_metadata.h"
#include "net/http_server.h"

namespace google::protobuf {
class Message;
}

namespace wrenn::envd {

using Query = std::map<std::string, std::string, std::less<>>;

// The first of parameters with the same name counts; '+' is a space. kInvalidArgument for a broken
// escape and for more than 64 parameters. Pure; fuzzed.
base::Result<Query> parse_query(std::string_view text);

// The whole body. kInvalidArgument past `limit` bytes.
net::Task<base::Result<std::string>> read_small_body(net::Request& request, std::size_t limit);

// {"code":<status>,"message":"..."}
net::Task<base::Result<void>> send_http_error(net::ResponseWriter& response, int status,
                                              const base::Error& error, net::Headers headers = {});
// With the status that a file operation's error means: 404, 507 for a full disk...
net::Task<base::Result<void>> send_file_error(net::ResponseWriter& response,
                                              const base::Error& error);
net::Task<base::Result<void>> send_json(net::ResponseWriter& response,
                                        const google::protobuf::Message& message);

// {"path":"/a/b","name":"b","type":"file","metadata":{...}}
base::Result<std::string> uploaded_json(const base::Path& path, const Metadata& metadata);

}  // namespace wrenn::envd
