// What the plain HTTP routes share: query parameters and JSON answers.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace google::protobuf {
class Message;
}

namespace wrenn::envd {

using Query = std::map<std::string, std::string, std::less<>>;

// The first of parameters with the same name counts; '+' is a space. kInvalidArgument for a broken
// escape.
base::Result<Query> parse_query(std::string_view text);

// {"code":<status>,"message":"..."}
net::Task<base::Result<void>> send_http_error(net::ResponseWriter& response, int status,
                                              const base::Error& error);
// With the status that a file operation's error means: 404, 507 for a full disk...
net::Task<base::Result<void>> send_file_error(net::ResponseWriter& response,
                                              const base::Error& error);
net::Task<base::Result<void>> send_json(net::ResponseWriter& response,
                                        const google::protobuf::Message& message);

}  // namespace wrenn::envd
