// Memory for the frames of coroutines, which come and go with every request: each thread keeps some
// of those that ended, and uses them again.
#pragma once

#include <cstddef>

namespace wrenn::net {

// As operator new and delete do. A frame may be freed on another thread. Where an address sanitizer
// watches, nothing is kept, so that it sees the use of a frame that has ended.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace wrenn::net
