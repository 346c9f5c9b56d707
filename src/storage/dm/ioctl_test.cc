#include "storage/dm/ioctl.h"

#include <linux/dm-ioctl.h>
#include <sys/sysmacros.h>

#include <cstring>

#include <gtest/gtest.h>

namespace wrenn::storage::dm {
namespace {

using base::Code;

template <class T>
T part(const std::string& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// An answer: a head, and what comes after it.
std::string reply_with(const std::string& data, std::uint32_t targets = 0,
                       std::uint32_t flags = 0) {
  dm_ioctl head{};
  head.data_start = sizeof(head);
  head.data_size = static_cast<std::uint32_t>(sizeof(head) + data.size());
  head.target_count = targets;
  head.flags = flags;
  return std::string(reinterpret_cast<const char*>(&head), sizeof(head)) + data;
}

std::string name_entry(std::uint64_t device, std::uint32_t next, const std::string& name) {
  std::string entry(12, '\0');
  std::memcpy(entry.data(), &device, 8);
  std::memcpy(entry.data() + 8, &next, 4);
  entry += name + '\0';
  entry.resize(next != 0 ? next : entry.size());
  return entry;
}

TEST(DmIoctl, TableLines) {
  const TableLine linear = linear_line(0, 2048, makedev(7, 3));
  EXPECT_EQ(linear, (TableLine{0, 2048, "linear", "7:3 0"}));
  EXPECT_EQ(linear_line(2048, 8, makedev(7, 300)), (TableLine{2048, 8, "linear", "7:300 0"}));
  // Persistent, in chunks of 8 sectors.
  const TableLine snapshot = snapshot_line(10485760, makedev(253, 0), makedev(7, 4));
  EXPECT_EQ(snapshot, (TableLine{0, 10485760, "snapshot", "253:0 7:4 P 8"}));
  const auto devices = snapshot_devices_in({snapshot});
  ASSERT_TRUE(devices);
  EXPECT_EQ(devices->origin, makedev(253, 0));
  EXPECT_EQ(devices->store, makedev(7, 4));
  EXPECT_FALSE(snapshot_devices_in({linear}));
  EXPECT_FALSE(snapshot_devices_in({}));
  EXPECT_FALSE(snapshot_devices_in({{0, 8, "snapshot", "nonsense"}}));
}

TEST(DmIoctl, DeviceNumbers) {
  EXPECT_EQ(device_number(makedev(253, 1048575)), "253:1048575");
  EXPECT_EQ(parse_device_number("253:1048575"), makedev(253, 1048575));
  for (const char* bad : {"", "7", "7:", ":7", "7:1:1", "a:b", "-1:3"}) {
    EXPECT_FALSE(parse_device_number(bad)) << bad;
  }
}

TEST(DmIoctl, ARequestWithATable) {
  const auto request =
      make_request("wrenn-0a1b2c-sb.top", DM_READONLY_FLAG,
                   {linear_line(0, 16, makedev(7, 1)), linear_line(16, 8, makedev(7, 2))});
  ASSERT_TRUE(request);
  const auto head = part<dm_ioctl>(*request, 0);
  EXPECT_EQ(head.version[0], 4U);
  EXPECT_EQ(head.version[1], 0U);  // Any minor version of the kernel's does.
  EXPECT_EQ(head.data_size, request->size());
  EXPECT_EQ(head.data_start, sizeof(dm_ioctl));
  EXPECT_EQ(head.target_count, 2U);
  EXPECT_EQ(head.flags, static_cast<std::uint32_t>(DM_READONLY_FLAG));
  EXPECT_EQ(head.event_nr, 0x000e0000U);  // Nothing of udev's rules.
  EXPECT_STREQ(head.name, "wrenn-0a1b2c-sb.top");
  EXPECT_STREQ(head.uuid, "");
  const auto first = part<dm_target_spec>(*request, sizeof(dm_ioctl));
  EXPECT_EQ(first.sector_start, 0U);
  EXPECT_EQ(first.length, 16U);
  EXPECT_STREQ(first.target_type, "linear");
  EXPECT_EQ(first.next % 8, 0U);
  const char* parameters = request->data() + sizeof(dm_ioctl) + sizeof(dm_target_spec);
  EXPECT_STREQ(parameters, "7:1 0");
  const auto second = part<dm_target_spec>(*request, sizeof(dm_ioctl) + first.next);
  EXPECT_EQ(second.sector_start, 16U);
  EXPECT_EQ(second.length, 8U);
  EXPECT_EQ(sizeof(dm_ioctl) + first.next + second.next, request->size());
}

TEST(DmIoctl, BadNamesAreRefused) {
  EXPECT_TRUE(make_request(std::string(127, 'n'), 0));
  for (const std::string& name :
       {std::string(128, 'n'), std::string("a/b"), std::string("a\0b", 3)}) {
    const auto refused = make_request(name, 0);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
  EXPECT_FALSE(make_request("a", 0, {{0, 8, "a-target-with-a-long-name", ""}}));
}

TEST(DmIoctl, NamesOfAnAnswer) {
  const std::string two =
      name_entry(makedev(253, 0), 32, "wrenn-0a1b2c-a.0") + name_entry(makedev(253, 1), 0, "other");
  const auto names = names_in(reply_with(two));
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, (std::vector<std::string>{"wrenn-0a1b2c-a.0", "other"}));
  const auto none = names_in(reply_with(name_entry(0, 0, "")));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_FALSE(is_cut_off(reply_with(two)));
  EXPECT_TRUE(is_cut_off(reply_with({}, 0, DM_BUFFER_FULL_FLAG)));
  // Nothing is read from beyond the end.
  EXPECT_FALSE(names_in(reply_with(two).substr(0, sizeof(dm_ioctl) + 20)));
  EXPECT_FALSE(names_in(reply_with(two.substr(0, two.size() - 1))));
  EXPECT_FALSE(names_in("short"));
  std::string far = two;
  const auto next = static_cast<std::uint32_t>(two.size() - 4);
  std::memcpy(far.data() + 8, &next, 4);
  EXPECT_FALSE(names_in(reply_with(far)));
}

TEST(DmIoctl, TheTableOfAnAnswer) {
  dm_target_spec spec{};
  spec.length = 1024;
  std::strcpy(spec.target_type, "snapshot");
  const std::string text = "253:0 7:4 P 8";
  spec.next = sizeof(spec) + 16;
  std::string data(reinterpret_cast<const char*>(&spec), sizeof(spec));
  data += text;
  data.resize(spec.next, '\0');
  const auto table = table_in(reply_with(data, 1));
  ASSERT_TRUE(table);
  EXPECT_EQ(*table, (std::vector<TableLine>{{0, 1024, "snapshot", text}}));
  EXPECT_FALSE(table_in(reply_with(data, 2)));  // Less than it says.
  EXPECT_TRUE(table_in(reply_with({}, 0)));
}

TEST(DmIoctl, StatusOfASnapshot) {
  const auto good = parse_snapshot_status("48/10528784 16");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->state, SnapshotState::kGood);
  EXPECT_EQ(good->used_sectors, 48U);
  EXPECT_EQ(good->store_sectors, 10528784U);
  EXPECT_EQ(parse_snapshot_status("Invalid")->state, SnapshotState::kInvalid);
  EXPECT_EQ(parse_snapshot_status("Overflow")->state, SnapshotState::kFull);
  for (const char* other : {"", "Unknown", "1/2", "a/b 3", "1 2/3"}) {
    EXPECT_FALSE(parse_snapshot_status(other)) << other;
  }
}

}  // namespace
}  // namespace wrenn::storage::dm
