// Loaded into QEMU before anything else. QEMU opens its memory file for reading and writing even
// where it only maps it privately; a VM that is restored may not write to that file, and must not
// be able to. So that one path is opened for reading, which is all that a private mapping needs.
//
// This is for QEMU's convenience, not for our safety: what keeps the file from being written is
// that it belongs to root and lies behind a read-only mount.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
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
