// EchoService: does what its requests say. Its answers carry the headers X-Header and the trailers
// X-Trailer: "one" and "two" each.
#pragma once

#include <set>
#include <string>

#include "connect/router.h"
#include "proto/echo.pb.h"

namespace wrenn::connect::echo {

inline constexpr const char* kUnary = "/wrenn.test.Echo/Unary";
inline constexpr const char* kLook = "/wrenn.test.Echo/Look";
inline constexpr const char* kServerStream = "/wrenn.test.Echo/ServerStream";
inline constexpr const char* kClientStream = "/wrenn.test.Echo/ClientStream";
inline constexpr const char* kBidi = "/wrenn.test.Echo/Bidi";

class EchoService {
 public:
  using Ask = test::Ask;
  using Reply = test::Reply;

  void add_to(Router& router);

  net::Task<base::Result<Reply>> unary(CallContext& context, const Ask& ask);
  net::Task<base::Result<void>> server_stream(CallContext& context, const Ask& ask,
                                              StreamWriter<Reply>& out);
  net::Task<base::Result<Reply>> client_stream(CallContext& context, StreamReader<Ask>& in);
  net::Task<base::Result<void>> bidi(CallContext& context, StreamReader<Ask>& in,
                                     StreamWriter<Reply>& out);

  int stopped = 0;                     // Calls that were stopped while they waited.
  bool saw_deadline = false;           // The last of them because its deadline passed.
  std::set<const net::Stream*> peers;  // The connections that calls came on.

 private:
  void greet(CallContext& context);
  net::Task<base::Result<void>> wait(CallContext& context, const Ask& ask);
};

}  // namespace wrenn::connect::echo
