// What a step of a build does in its sandbox, but for COPY and ADD, which build_copy.h is about.
#pragma once

#include "control/builds/build_guest.h"
#include "control/builds/build_log.h"
#include "control/builds/build_stages.h"

namespace wrenn::control {

// Any step that does something and copies nothing; what it says goes to the log. An error does not
// name the step.
net::Task<base::Result<void>> do_in_guest(const PlannedStep& step, BuildGuest& guest,
                                          BuildLog& log);

// "12.3 s"
std::string seconds_text(base::Duration duration);

}  // namespace wrenn::control
