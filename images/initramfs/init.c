// The first process of every guest. It loads the virtio modules, mounts the root disk, gives the
// memory of the initramfs back and becomes the init of the root disk. With `wrenn.probe=1` on the
// kernel's command line it only reports that this machine can run a guest at all, and powers off.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_INIT "/usr/local/bin/wrenn-init"
#define ROOT_DEVICE "/dev/vda"
#define ROOT_WAIT_MS 5000

static void say(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  if ((size_t)length > sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  // There is nobody left to tell when the console itself fails.
  if (write(STDOUT_FILENO, line, (size_t)length) < 0) return;
}

static _Noreturn void power_off(void) {
  sync();
  reboot(RB_POWER_OFF);
  // A machine without a power switch is reset instead; its monitor runs with -no-reboot.
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

static _Noreturn void fail(const char* what, const char* subject) {
  say("WRENN-INIT-FAILED %s %s: %s", what, subject, strerror(errno));
  power_off();
}

static void sleep_ms(long milliseconds) {
  struct timespec time = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
  nanosleep(&time, NULL);
}

static void mount_or_fail(const char* type, const char* where) {
  mkdir(where, 0755);
  if (mount(type, where, type, MS_NOSUID | MS_NOEXEC, NULL) != 0 && errno != EBUSY)
    fail("mount", where);
}

// Fills `value` with the value of `name=` on the command line; false when it is not there.
static int parameter(const char* name, char* value, size_t size) {
  static char line[4096];
  if (line[0] == 0) {
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (length < 0) fail("read", "/proc/cmdline");
    line[length] = 0;
    close(fd);
  }
  size_t name_length = strlen(name);
  for (const char* word = line; *word != 0;
       word += strcspn(word, " \n"), word += strspn(word, " \n")) {
    if (strncmp(word, name, name_length) != 0 || word[name_length] != '=') continue;
    const char* start = word + name_length + 1;
    size_t length = strcspn(start, " \n");
    if (length >= size) length = size - 1;
    memcpy(value, start, length);
    value[length] = 0;
    return 1;
  }
  return 0;
}

static void load_module(const char* name, int optional) {
  char path[256];
  snprintf(path, sizeof path, "/modules/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open", path);
  if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST && !optional) fail("load", path);
  close(fd);
  unlink(path);
}

// The order file names one module a line; a trailing '?' marks one that may refuse to load.
static void load_modules(void) {
  FILE* order = fopen("/modules/order", "re");
  if (order == NULL) fail("open", "/modules/order");
  char name[128];
  while (fgets(name, sizeof name, order) != NULL) {
    size_t length = strcspn(name, "\n");
    int optional = length > 0 && name[length - 1] == '?';
    name[optional ? length - 1 : length] = 0;
    if (name[0] != 0) load_module(name, optional);
  }
  fclose(order);
  unlink("/modules/order");
}

static void mount_root(void) {
  mkdir("/root", 0755);
  for (int waited_ms = 0; access(ROOT_DEVICE, F_OK) != 0; ++waited_ms) {
    if (waited_ms == ROOT_WAIT_MS) fail("wait for", ROOT_DEVICE);
    sleep_ms(1);
  }
  if (mount(ROOT_DEVICE, "/root", "ext4", MS_NOATIME, NULL) != 0) fail("mount", ROOT_DEVICE);
}

static void enter_root(void) {
  if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) != 0) fail("move", "/dev");
  umount2("/proc", MNT_DETACH);
  // What stays in the initramfs would hold guest memory for ever.
  unlink("/init");
  if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0) fail("move", "/root");
  if (chroot(".") != 0 || chdir("/") != 0) fail("enter", "/root");
}

int main(void) {
  mount_or_fail("devtmpfs", "/dev");
  mount_or_fail("proc", "/proc");

  char value[256];
  if (parameter("wrenn.probe", value, sizeof value) && strcmp(value, "1") == 0) {
    struct utsname name;
    uname(&name);
    say("WRENN-PROBE-OK %s", name.release);
    power_off();
  }

  load_modules();
  mount_root();
  char init[256] = DEFAULT_INIT;
  parameter("init", init, sizeof init);
  enter_root();

  char* arguments[] = {init, NULL};
  char* environment[] = {"HOME=/", "TERM=linux",
                         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  execve(init, arguments, environment);
  fail("execute", init);
}
