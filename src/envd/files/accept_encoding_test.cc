#include "envd/files/accept_encoding.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

std::optional<Encoding> best(const char* field) {
  return accepted_encodings(net::Headers().with("Accept-Encoding", field)).best();
}

TEST(AcceptEncoding, Gzip) {
  for (const char* field :
       {"gzip", "GZIP", "x-gzip", "br, gzip, deflate", "gzip;q=0.1", "identity;q=0.5, gzip;q=0.8",
        "identity, gzip", "gzip; q=1.000", "identity;q=0, *", "*;q=0, gzip"}) {
    EXPECT_EQ(best(field), Encoding::kGzip) << field;
  }
}

TEST(AcceptEncoding, AsItIs) {
  for (const char* field :
       {"", "identity", "br", "*", "gzip;q=0", "gzip;q=0.0, br", "identity, gzip;q=0.5", "gzip;q=7",
        "gzip;q=x", "gzip;q=0.0001", ",;,"}) {
    EXPECT_EQ(best(field), Encoding::kIdentity) << field;
  }
  EXPECT_EQ(accepted_encodings(net::Headers()).best(), Encoding::kIdentity);
}

TEST(AcceptEncoding, Neither) {
  for (const char* field : {"identity;q=0", "*;q=0", "identity;q=0, gzip;q=0", "br, *;q=0"}) {
    EXPECT_EQ(best(field), std::nullopt) << field;
  }
}

TEST(AcceptEncoding, SeveralFieldsAreOneList) {
  net::Headers headers;
  headers.add("Accept-Encoding", "br");
  headers.add("accept-encoding", "gzip");
  EXPECT_EQ(accepted_encodings(headers).best(), Encoding::kGzip);
}

}  // namespace
}  // namespace wrenn::envd
