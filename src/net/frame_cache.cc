#include "net/frame_cache.h"

#include <array>
#include <new>
#include <utility>

namespace wrenn::net {
namespace {

constexpr std::size_t kStep = 128;          // Sizes are rounded up to a multiple.
constexpr std::size_t kLargest = 4096;      // Larger ones are rare.
constexpr std::size_t kMaxKept = 16 << 10;  // Bytes, of each size.

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif
#else
constexpr bool kKeeps = true;
#endif

struct Kept {
  Kept* next;
};

struct KeptOfASize {
  Kept* first = nullptr;
  std::size_t bytes = 0;
};

// Nothing to construct or destroy, so that it can be used for as long as the thread runs.
thread_local constinit std::array<KeptOfASize, kLargest / kStep> kept;
thread_local constinit bool has_ended = false;

// Frees what is kept when the thread ends.
struct AtThreadsEnd {
  ~AtThreadsEnd() {
    has_ended = true;
    for (auto& of_a_size : kept) {
      while (of_a_size.first != nullptr) {
        ::operator delete(std::exchange(of_a_size.first, of_a_size.first->next));
      }
    }
  }
};

std::size_t index_of(std::size_t size) {
  return (size - 1) / kStep;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  if (!kKeeps || size > kLargest) return ::operator new(size);
  const std::size_t index = index_of(size);
  const std::size_t rounded = (index + 1) * kStep;
  auto& [first, bytes] = kept[index];
  if (first == nullptr) return ::operator new(rounded);
  bytes -= rounded;
  return std::exchange(first, first->next);
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (kKeeps && size <= kLargest && !has_ended) {
    auto& [first, bytes] = kept[index_of(size)];
    if (bytes < kMaxKept) {
      static thread_local const AtThreadsEnd end;
      (void)&end;
      first = new (frame) Kept{first};
      bytes += (index_of(size) + 1) * kStep;
      return;
    }
  }
  ::operator delete(frame);
}

}  // namespace wrenn::net
