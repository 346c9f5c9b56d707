// The init of the root disk: mounts, network, then tini with envd as the first process. It is
// compiled because under emulation every process that a shell starts costs about 40 ms, and it
// needs some twenty steps.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUEST_ADDRESS "169.254.0.21"
#define GATEWAY_ADDRESS "169.254.0.22"
#define NETMASK "255.255.255.252"
static const unsigned char gateway_mac[6] = {0x02, 0x57, 0x52, 0x00, 0x00, 0x16};

// A guest that lacks one thing is still worth reaching, so every step reports its failure and goes
// on.
static void complain(const char* what, const char* subject) {
  dprintf(STDERR_FILENO, "wrenn-init: %s %s: %s\n", what, subject, strerror(errno));
}

static void write_file(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) complain("write", path);
  if (fd >= 0) close(fd);
}

static void mount_all(void) {
  static const struct {
    const char *type, *where, *data;
    unsigned long flags;
    mode_t mode;
  } mounts[] = {
      {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
      {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
      {"devtmpfs", "/dev", "mode=0755", MS_NOSUID | MS_NOEXEC, 0755},
      {"devpts", "/dev/pts", "gid=5,mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, 0755},
      {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, 01777},
      {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, 0755},
      {"cgroup2", "/sys/fs/cgroup", "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
      {"tracefs", "/sys/kernel/tracing", "mode=0700", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0700},
  };
  for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; ++i) {
    mkdir(mounts[i].where, mounts[i].mode);
    // The initramfs hands over /dev already mounted.
    if (mount(mounts[i].type, mounts[i].where, mounts[i].type, mounts[i].flags, mounts[i].data) !=
            0 &&
        errno != EBUSY)
      complain("mount", mounts[i].where);
  }
  mkdir("/run/lock", 01777);
  chmod("/run/lock", 01777);
  write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory +io +pids");
}

// Every restored guest gets a name of its own in /etc/hosts and an id of its own in
// /etc/machine-id: in memory that costs next to nothing, on the disk a journal's transaction.
static void move_to_memory(const char* path, const char* copy) {
  char text[4096];
  int from = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size = from < 0 ? 0 : read(from, text, sizeof text);
  if (from >= 0) close(from);
  int to = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (to < 0 || (size > 0 && write(to, text, (size_t)size) != size)) complain("write", copy);
  if (to >= 0) close(to);
  if (mount(copy, path, NULL, MS_BIND, NULL) != 0) complain("mount", path);
}

static void link_devices(void) {
  static const char* const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof links[0]; ++i) {
    if (symlink(links[i][0], links[i][1]) != 0 && errno != EEXIST) complain("link", links[i][1]);
  }
}

static struct sockaddr inet_address(const char* text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (text != NULL) inet_pton(AF_INET, text, &address.sin_addr);
  struct sockaddr generic;
  memcpy(&generic, &address, sizeof generic);
  return generic;
}

static struct ifreq interface(const char* name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return request;
}

static void bring_up(int socket, const char* name) {
  struct ifreq request = interface(name);
  if (ioctl(socket, SIOCGIFFLAGS, &request) != 0) return complain("read the flags of", name);
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (ioctl(socket, SIOCSIFFLAGS, &request) != 0) complain("bring up", name);
}

static void set_address(int socket, const char* name) {
  struct ifreq request = interface(name);
  request.ifr_addr = inet_address(GUEST_ADDRESS);
  if (ioctl(socket, SIOCSIFADDR, &request) != 0) complain("set the address of", name);
  request = interface(name);
  request.ifr_netmask = inet_address(NETMASK);
  if (ioctl(socket, SIOCSIFNETMASK, &request) != 0) complain("set the netmask of", name);
}

static void set_gateway(int socket, char* name) {
  struct rtentry route;
  memset(&route, 0, sizeof route);
  route.rt_dst = inet_address(NULL);
  route.rt_genmask = inet_address(NULL);
  route.rt_gateway = inet_address(GATEWAY_ADDRESS);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  route.rt_dev = name;
  if (ioctl(socket, SIOCADDRT, &route) != 0 && errno != EEXIST)
    complain("set the default route through", GATEWAY_ADDRESS);

  // Fixed, so that a guest restored into another namespace answers its first packet without asking
  // who is there.
  struct arpreq neighbour;
  memset(&neighbour, 0, sizeof neighbour);
  neighbour.arp_pa = inet_address(GATEWAY_ADDRESS);
  neighbour.arp_ha.sa_family = ARPHRD_ETHER;
  memcpy(neighbour.arp_ha.sa_data, gateway_mac, sizeof gateway_mac);
  neighbour.arp_flags = ATF_PERM | ATF_COM;
  strncpy(neighbour.arp_dev, name, sizeof neighbour.arp_dev - 1);
  if (ioctl(socket, SIOCSARP, &neighbour) != 0) complain("set the neighbour", GATEWAY_ADDRESS);
}

static void configure_network(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return complain("open a socket for", "the network");
  char name[IFNAMSIZ] = "eth0";
  bring_up(fd, "lo");
  set_address(fd, name);
  bring_up(fd, name);
  set_gateway(fd, name);
  close(fd);
}

// Only where the hypervisor offers its clock; elsewhere the agent on the host sets the time after
// every restore, and an idle daemon would do nothing but wake the guest.
static void start_chrony(void) {
  if (access("/dev/ptp0", R_OK) != 0) return;
  pid_t child = fork();
  if (child < 0) return complain("start", "chronyd");
  if (child > 0) return;
  execl("/usr/sbin/chronyd", "chronyd", (char*)NULL);
  complain("execute", "chronyd");
  _exit(127);
}

int main(void) {
  umask(0);
  mount_all();
  move_to_memory("/etc/hosts", "/run/hosts");
  move_to_memory("/etc/machine-id", "/run/machine-id");
  link_devices();
  umask(022);
  if (sethostname("sandbox", strlen("sandbox")) != 0) complain("set", "the host name");
  configure_network();
  start_chrony();

  char* arguments[] = {
      "tini",        "-g", "--", "/usr/local/bin/envd", "--port", "49983", "--relay-address",
      GUEST_ADDRESS, NULL};
  char* environment[] = {"HOME=/root", "LANG=C.UTF-8", "TERM=linux",
                         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  execve("/usr/bin/tini", arguments, environment);
  complain("execute", "/usr/bin/tini");
  return 127;
}
