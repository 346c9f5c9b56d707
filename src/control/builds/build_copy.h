// COPY and ADD: files of the context, or of another stage, into the sandbox of a stage.
#pragma once

#include "control/builds/build_guest.h"

namespace wrenn::control {

// An archive that files are taken from.
struct CopySource {
  const ContextIndex* index = nullptr;
  int fd = -1;  // Both stay the caller's.
};

// kNotFound for a source that is not there.
net::Task<base::Result<void>> copy_into(Services& services, BuildGuest& guest,
                                        const recipe::CopyFiles& files, CopySource source);
// An archive of what the sources of the copy match in that sandbox, in a file of its own.
net::Task<base::Result<base::Fd>> archive_of(Services& services, BuildGuest& guest,
                                             const recipe::CopyFiles& files);

}  // namespace wrenn::control
