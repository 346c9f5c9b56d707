// What the client makes of an HTTP answer: is it one of this protocol, and if not, which error does
// it stand for? Used by the client alone.
#pragma once

#include <cstddef>
#include <string>

#include "connect/codec.h"
#include "connect/compression.h"
#include "net/http_client.h"

namespace wrenn::connect {

// What came with a response besides its messages, HTTP's own fields included.
struct ResponseMetadata {
  net::Headers headers;
  net::Headers trailers;
};

namespace detail {

// The headers of a unary response, those of its trailing metadata ("Trailer-...") apart.
ResponseMetadata split_metadata(const net::Headers& headers);
// kInternal for a response in another encoding or compression, kUnknown for one that is not of this
// protocol. The compression of the response's messages.
base::Result<Compression> check_response(const net::ClientResponse& response, ContentType expected);
// The error that an answer with a status other than 200 stands for.
net::Task<base::Error> read_error(net::ClientResponse& response);
// The message of a unary response, decompressed. kResourceExhausted over the limit.
net::Task<base::Result<std::string>> read_message(net::ClientResponse& response, Codec codec,
                                                  std::size_t max_bytes);
// What the peer sent cannot be read: its fault, not that of our arguments.
base::Error as_peers_fault(base::Error error);

}  // namespace detail
}  // namespace wrenn::connect
