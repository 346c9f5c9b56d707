// What is measured, each by one function. It prepares what it needs through the agent itself, and
// removes it again.
#pragma once

#include <map>
#include <string>

#include "bench/envd/agent.h"

namespace wrenn::bench {

// Names with their unit at the end, e.g. "p50_us". "operations" is how many were made, for whoever
// divides the agent's CPU time by it.
using Figures = std::map<std::string, double>;

struct CaseOptions {
  Codec codec = Codec::kProto;
  std::size_t count = 0;  // Of operations, entries, processes or MiB.
  std::string directory;  // In the agent's file system; for files.
  pid_t pid = 0;          // Of the agent, if it runs here: its memory is looked at.
};

// Commands. /bin/true one after another, and 16 at a time.
Task<Result<Figures>> exec_latency(Agent& agent, CaseOptions options);
Task<Result<Figures>> exec_rate(Agent& agent, CaseOptions options);
// `count` MiB out of one command.
Task<Result<Figures>> output(Agent& agent, CaseOptions options);
// From sending a character to a terminal to its echo.
Task<Result<Figures>> pty_echo(Agent& agent, CaseOptions options);
// `count` commands that only sleep: all started, listed, ended.
Task<Result<Figures>> many(Agent& agent, CaseOptions options);

// Files. `count` MiB in one of them.
Task<Result<Figures>> upload(Agent& agent, CaseOptions options);
Task<Result<Figures>> upload_form(Agent& agent, CaseOptions options);
Task<Result<Figures>> download(Agent& agent, CaseOptions options);
// A directory of `count` entries.
Task<Result<Figures>> list(Agent& agent, CaseOptions options);
// Stat of one file, one call after another.
Task<Result<Figures>> stat(Agent& agent, CaseOptions options);

// From starting `program --port PORT` to the first connection that it takes, `count` times.
Result<Figures> start_to_listening(const std::string& program, std::size_t count);

// Percentiles of microseconds are by nearest rank: values that were really measured.
Figures percentiles(std::vector<double> values, std::string_view unit);
double us_since(base::SteadyTime begin);

}  // namespace wrenn::bench
