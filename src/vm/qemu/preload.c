// Loaded into QEMU before anything else, to change two of its habits.
//
// It opens its memory file for reading and writing even where it only maps it privately; a VM that
// is restored may not write to that file, and must not be able to. So that one path is opened for
// reading, which is all that a private mapping needs. This is for QEMU's convenience, not for our
// safety: what keeps the file from being written is that it belongs to root and lies behind a
// read-only mount.
//
// And it asks for huge pages for all its anonymous memory. For the code that every restored guest
// needs translated they are worth it: a fifth of the time to its first answer. Beyond that an idle
// guest uses the smaller part of each.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// vm/qemu/command.h says the same.
static const char kTemplateMemory[] = "/template-memory";

static int open_as_asked(const char* path, int flags, unsigned mode) {
  if ((flags & O_ACCMODE) == O_RDWR && strcmp(path, kTemplateMemory) == 0) {
    flags = (flags & ~O_ACCMODE) | O_RDONLY;
  }
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

// The names under which programs of this C library reach open(2).
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

// A part of what every restored guest translates, and no other mapping of QEMU is as large.
static const size_t kHugeBytes = 8u << 20;

int madvise(void* address, size_t size, int advice) {
  if (advice == MADV_HUGEPAGE) {
    if (size <= kHugeBytes) return 0;
    size = kHugeBytes;
  }
  return (int)syscall(SYS_madvise, address, size, advice);
}
