// What proxy_load does, each by one function.
#pragma once

#include <map>
#include <string>

#include "bench/proxy/wire.h"

namespace wrenn::bench {

// Names with their unit at the end, e.g. "p50_us". "operations" is how many were made, for whoever
// divides the proxies' CPU time by it.
using Figures = std::map<std::string, double>;

struct LoadOptions {
  std::size_t connections = 32;
  std::size_t mib = 1024;
  base::Duration time = std::chrono::seconds(5);
};

// Answers until SIGTERM: WebSockets with their own messages, any request with a body with how many
// bytes it had.
Task<Result<void>> serve_upstream(net::Endpoint listen);

// `connections` WebSockets; each sends 64 bytes and waits for the echo, over and over.
Task<Result<Figures>> echo_load(Target target, LoadOptions options);
// Opens `connections` WebSockets, says "open", and holds them until standard input ends. In the end
// each of them must still give an echo.
Result<Figures> hold_idle(net::Loop& loop, Target target, LoadOptions options);

// `mib` MiB in one body. What comes is thrown away by the kernel, what goes is a sparse file.
Task<Result<Figures>> download(Target target, LoadOptions options);
Task<Result<Figures>> upload(Target target, LoadOptions options);

}  // namespace wrenn::bench
