// Loaded into QEMU before anything else, to change two of its habits.
//
// It can map a guest's memory from one file. A VM that is restored has it in several, the layers of
// an incremental save, so a path that no file has stands for them: what QEMU opens there is an
// empty file in memory, and where it maps that, the layers are mapped over it, privately. They are
// open for reading only, so no guest and no QEMU can change them.
//
// And it asks for huge pages for all its anonymous memory. For the code that every restored guest
// needs translated they are worth it: a fifth of the time to its first answer. Beyond that an idle
// guest uses the smaller part of each.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/memory_map_format.h"

// vm/qemu/command.h says the same.
static const char kGuestMemory[] = "/guest-memory";
enum { kMapFd = 7, kFirstLayerFd = 16 };

static int memory_fd = -1;

// A guest with wrong memory must not run.
__attribute__((noreturn)) static void give_up(const char* why) {
  static const char kBefore[] = "wrenn: the guest's memory cannot be mapped: ";
  (void)!write(2, kBefore, sizeof kBefore - 1);
  (void)!write(2, why, strlen(why));
  (void)!write(2, "\n", 1);
  _exit(1);
}

static void* map_raw(void* address, size_t length, int protection, int flags, int fd,
                     off64_t offset) {
  return (void*)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

static void map_at(char* address, uint64_t length, int protection, int flags, int fd,
                   uint64_t offset) {
  const int all = flags | MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
  if (map_raw(address, length, protection, all, fd, (off64_t)offset) != address) {
    give_up("mmap failed");
  }
}

// How long the file of a layer is; 0 when there is none.
static uint64_t layer_bytes(int32_t layer) {
  struct stat info;
  return fstat(kFirstLayerFd + layer, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

static void check_extent(const struct wrenn_map_extent* extent, uint64_t end, uint64_t length,
                         const uint64_t* layers, uint32_t layer_count) {
  const uint64_t in_page = extent->length | extent->layer_offset;
  if (extent->offset != end || extent->length == 0 || extent->length > length - end ||
      in_page % WRENN_MAP_PAGE != 0) {
    give_up("the map is broken");
  }
  if (extent->layer == WRENN_MAP_ZERO) return;
  if (extent->layer < 0 || (uint32_t)extent->layer >= layer_count) {
    give_up("the map is of other layers");
  }
  const uint64_t bytes = layers[extent->layer];
  if (extent->length > bytes || extent->layer_offset > bytes - extent->length) {
    give_up("a layer is missing or too short");
  }
}

// All is checked that has to be right for the memory to be there; that it is the right one, the
// checksum says to who passes the map.
static void map_layers(char* address, uint64_t length, int protection,
                       const struct wrenn_map_header* map) {
  const struct wrenn_map_extent* extents = (const struct wrenn_map_extent*)(map + 1);
  uint64_t layers[WRENN_MAP_MAX_LAYERS];
  for (uint32_t i = 0; i < map->layer_count; ++i) layers[i] = layer_bytes((int32_t)i);
  map_at(address, length, protection, MAP_ANONYMOUS, -1, 0);
  uint64_t end = 0;
  for (uint32_t i = 0; i < map->extent_count; ++i) {
    const struct wrenn_map_extent* extent = &extents[i];
    check_extent(extent, end, length, layers, map->layer_count);
    end += extent->length;
    if (extent->layer == WRENN_MAP_ZERO) continue;
    map_at(address + extent->offset, extent->length, protection, 0, kFirstLayerFd + extent->layer,
           extent->layer_offset);
  }
  if (end != length) give_up("the map is broken");
}

static void map_guest(char* address, uint64_t length, int protection) {
  struct stat info;
  if (fstat(kMapFd, &info) != 0) give_up("there is no map");
  const size_t size = (size_t)info.st_size;
  const struct wrenn_map_header* map = map_raw(NULL, size, PROT_READ, MAP_PRIVATE, kMapFd, 0);
  if (map == MAP_FAILED || size < sizeof *map ||
      (size - sizeof *map) / sizeof(struct wrenn_map_extent) < map->extent_count) {
    give_up("the map cannot be read");
  }
  if (map->magic != WRENN_MAP_MAGIC || map->memory_bytes != length ||
      map->layer_count > WRENN_MAP_MAX_LAYERS || map->extent_count > WRENN_MAP_MAX_EXTENTS) {
    give_up("the map is of another memory");
  }
  map_layers(address, length, protection, map);
  munmap((void*)map, size);
}

static int open_as_asked(const char* path, int flags, unsigned mode) {
  if (strcmp(path, kGuestMemory) == 0) {
    const int fd = (int)syscall(SYS_memfd_create, "guest-memory", MFD_CLOEXEC);
    // Not at the number of a map or a layer that is missing, where it would be taken for that.
    memory_fd = fcntl(fd, F_DUPFD_CLOEXEC, kFirstLayerFd + WRENN_MAP_MAX_LAYERS);
    if (fd >= 0) close(fd);
    return memory_fd;
  }
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

// The names under which programs of this C library reach open(2) and mmap(2).
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
  va_end(arguments);
  return open_as_asked(path, flags, mode);
}
int __open64_2(const char* path, int flags);
int __open64_2(const char* path, int flags) {
  return open_as_asked(path, flags, 0);
}

void* mmap64(void* address, size_t length, int protection, int flags, int fd, off64_t offset) {
  char* mapped = map_raw(address, length, protection, flags, fd, offset);
  if (fd >= 0 && fd == memory_fd && mapped != MAP_FAILED) map_guest(mapped, length, protection);
  return mapped;
}
void* mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset) {
  return mmap64(address, length, protection, flags, fd, offset);
}

// A part of what every restored guest translates, and no other mapping of QEMU is as large.
static const size_t kHugeBytes = 8u << 20;

int madvise(void* address, size_t size, int advice) {
  if (advice == MADV_HUGEPAGE) {
    if (size <= kHugeBytes) return 0;
    size = kHugeBytes;
  }
  return (int)syscall(SYS_madvise, address, size, advice);
}
