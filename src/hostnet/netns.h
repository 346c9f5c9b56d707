// Network namespaces: entering one for a while, and pinning one so that it outlives its processes.
#pragma once

#include <functional>

#include "base/fd.h"
#include "base/files.h"
#include "base/result.h"

namespace wrenn::hostnet {

// On a thread of its own, which ends afterwards, so that no thread is ever left in the wrong
// namespace. Blocks until it is done.
base::Result<void> run_in_thread(const std::function<base::Result<void>()>& work);
base::Result<void> run_in_netns(int netns_fd, const std::function<base::Result<void>()>& work);

// The calling thread moves into a new namespace for good, which is pinned at `path` as `ip netns`
// does it. For use inside run_in_thread(). kAlreadyExists when the path is taken.
base::Result<base::Fd> make_netns(const base::Path& path);
// kNotFound when nothing is pinned there.
base::Result<base::Fd> open_netns(const base::Path& path);
// The namespace itself goes with the last process in it. A missing path is fine.
base::Result<void> unpin_netns(const base::Path& path);

}  // namespace wrenn::hostnet
