// Downloads of browsers, which send no key: a signed address, and what it is for.
#pragma once

#include "control/api/call.h"
#include "control/api/download_links.h"

namespace wrenn::control {

net::Task<Answer<void>> make_download_url(Services& services, Call& call);
// A file, or a directory as it is packed in the guest. In constant memory.
net::Task<Answer<void>> download(Services& services, Call& call);

}  // namespace wrenn::control
