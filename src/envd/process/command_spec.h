// What a request to run a command means for this guest: program, environment, directory, user.
#pragma once

#include "envd/actor.h"
#include "envd/process/spawn.h"
#include "proto/process.pb.h"

namespace wrenn::envd {

// Everything but the descriptors. kInvalidArgument for what cannot be run.
// Environment: the agent's PATH, HOME, USER and LOGNAME of the user, the sandbox's variables, those
// of the request; the last one wins. Directory: the request's, else the sandbox's, else the home.
base::Result<SpawnSpec> make_command_spec(const process::ProcessConfig& config,
                                          const GuestSettings& settings, const Actor& actor);

}  // namespace wrenn::envd
