#include "envd/watch/watch_event.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "envd/files/file_entry.h"
#include "envd/watch/dir_watch.h"

namespace wrenn::envd {
namespace {

TEST(WatchEvent, WhatTheKernelMeans) {
  EXPECT_EQ(event_type(IN_CREATE | IN_ISDIR), filesystem::EVENT_TYPE_CREATE);
  EXPECT_EQ(event_type(IN_MOVED_TO), filesystem::EVENT_TYPE_CREATE);
  EXPECT_EQ(event_type(IN_MODIFY), filesystem::EVENT_TYPE_WRITE);
  EXPECT_EQ(event_type(IN_DELETE), filesystem::EVENT_TYPE_REMOVE);
  EXPECT_EQ(event_type(IN_DELETE_SELF), filesystem::EVENT_TYPE_REMOVE);
  EXPECT_EQ(event_type(IN_MOVED_FROM), filesystem::EVENT_TYPE_RENAME);
  EXPECT_EQ(event_type(IN_MOVE_SELF), filesystem::EVENT_TYPE_RENAME);
  EXPECT_EQ(event_type(IN_ATTRIB), filesystem::EVENT_TYPE_CHMOD);
  EXPECT_EQ(event_type(IN_IGNORED), std::nullopt);
}

TEST(WatchEvent, QueueIsBoundedAndSaysSo) {
  WatchEvents queue({.events = 2, .name_bytes = 100});
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.add("a", filesystem::EVENT_TYPE_WRITE));
  EXPECT_TRUE(queue.add("a", filesystem::EVENT_TYPE_WRITE));
  EXPECT_TRUE(queue.add("b", filesystem::EVENT_TYPE_WRITE));
  EXPECT_FALSE(queue.add("c", filesystem::EVENT_TYPE_WRITE));
  const auto batch = queue.take();
  EXPECT_EQ(batch.events, (std::vector<WatchEvent>{{"a", filesystem::EVENT_TYPE_WRITE},
                                                   {"b", filesystem::EVENT_TYPE_WRITE}}));
  EXPECT_TRUE(batch.overflow);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.add(std::string(101, 'x'), filesystem::EVENT_TYPE_WRITE));
  EXPECT_TRUE(queue.take().overflow);
  EXPECT_TRUE(queue.add("c", filesystem::EVENT_TYPE_WRITE));
  EXPECT_FALSE(queue.take().overflow);
}

TEST(WatchEvent, NetworkMounts) {
  EXPECT_TRUE(is_network_mount(0x6969));
  EXPECT_TRUE(is_network_mount(0xff534d42));
  EXPECT_TRUE(is_network_mount(0x517b));
  EXPECT_TRUE(is_network_mount(0xfe534d42));
  EXPECT_TRUE(is_network_mount(0x65735546));
  EXPECT_FALSE(is_network_mount(0xef53));
  EXPECT_FALSE(is_network_mount(0x01021994));
}

TEST(FileEntry, PermissionsAsGoWritesThem) {
  EXPECT_EQ(permission_text(S_IFREG | 0644), "-rw-r--r--");
  EXPECT_EQ(permission_text(S_IFDIR | 01777), "dtrwxrwxrwx");
  EXPECT_EQ(permission_text(S_IFLNK | 0777), "Lrwxrwxrwx");
  EXPECT_EQ(permission_text(S_IFREG | 06755), "ugrwxr-xr-x");
  EXPECT_EQ(permission_text(S_IFCHR | 0666), "Dcrw-rw-rw-");
  EXPECT_EQ(permission_text(S_IFBLK | 0660), "Drw-rw----");
  EXPECT_EQ(permission_text(S_IFSOCK | 0700), "Srwx------");
}

}  // namespace
}  // namespace wrenn::envd
