#include "storage/dm/ioctl.h"

#include <linux/dm-ioctl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/strings.h"
#include "storage/dm/exception_store.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::concat;
using base::Result;

// For udev: nobody is to look for file systems on what belongs to a guest, or to link to it.
constexpr std::uint32_t kUdevDisableSubsystemRules = 0x0002;
constexpr std::uint32_t kUdevDisableDiskRules = 0x0004;
constexpr std::uint32_t kUdevDisableOtherRules = 0x0008;
constexpr std::uint32_t kUdevFlagsShift = 16;
constexpr std::uint32_t kUdevFlags =
    (kUdevDisableSubsystemRules | kUdevDisableDiskRules | kUdevDisableOtherRules)
    << kUdevFlagsShift;

base::Error unclear() {
  return {Code::kInternal, "device-mapper's answer does not hold together"};
}

// The fixed part at `offset`, if it lies inside.
template <class T>
std::optional<T> part_at(std::string_view reply, std::size_t offset,
                         std::size_t bytes = sizeof(T)) {
  if (offset > reply.size() || reply.size() - offset < bytes) return std::nullopt;
  T part{};
  std::memcpy(&part, reply.data() + offset, bytes);
  return part;
}

// A text that ends with a zero.
std::optional<std::string> text_at(std::string_view reply, std::size_t offset) {
  if (offset >= reply.size()) return std::nullopt;
  const auto end = reply.find('\0', offset);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(reply.substr(offset, end - offset));
}

// The head, and of the reply what the kernel has filled in.
struct Parts {
  dm_ioctl head{};
  std::string_view data;
};
std::optional<Parts> parts_of(std::string_view reply) {
  const auto head = part_at<dm_ioctl>(reply, 0);
  if (!head || head->data_size > reply.size() || head->data_start > head->data_size) {
    return std::nullopt;
  }
  return Parts{*head, reply.substr(head->data_start, head->data_size - head->data_start)};
}

// The beginning of a dm_name_list, before the name.
struct NameEntry {
  std::uint64_t dev = 0;
  std::uint32_t next = 0;
};
constexpr std::size_t kNameOffset = 12;
static_assert(kNameOffset == offsetof(dm_name_list, name));

constexpr std::size_t kAlignment = 8;
std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t bytes_of(const TableLine& line) {
  return aligned(sizeof(dm_target_spec) + line.parameters.size() + 1);
}

Result<void> add_line(std::string& request, std::size_t& offset, const TableLine& line) {
  dm_target_spec spec{};
  if (line.target.size() >= sizeof(spec.target_type)) {
    return base::fail(Code::kInvalidArgument, concat("no target of device-mapper: ", line.target));
  }
  spec.sector_start = line.start;
  spec.length = line.sectors;
  spec.next = static_cast<std::uint32_t>(bytes_of(line));
  std::memcpy(spec.target_type, line.target.data(), line.target.size());
  std::memcpy(request.data() + offset, &spec, sizeof(spec));
  std::memcpy(request.data() + offset + sizeof(spec), line.parameters.data(),
              line.parameters.size());
  offset += bytes_of(line);
  return {};
}

}  // namespace

std::string device_number(dev_t device) {
  return concat(major(device), ':', minor(device));
}

std::optional<dev_t> parse_device_number(std::string_view text) {
  const auto parts = base::split(text, ':');
  if (parts.size() != 2) return std::nullopt;
  const auto first = base::parse_int<unsigned>(parts[0]);
  const auto second = base::parse_int<unsigned>(parts[1]);
  if (!first || !second) return std::nullopt;
  return makedev(*first, *second);
}

TableLine linear_line(std::uint64_t start, std::uint64_t sectors, dev_t device) {
  return {start, sectors, "linear", concat(device_number(device), " 0")};
}

TableLine snapshot_line(std::uint64_t sectors, dev_t origin, dev_t store) {
  return {0, sectors, "snapshot",
          concat(device_number(origin), ' ', device_number(store), " P ", kChunkSectors)};
}

Result<SnapshotDevices> snapshot_devices_in(const std::vector<TableLine>& table) {
  if (table.size() == 1 && table[0].target == "snapshot") {
    const auto words = base::split(table[0].parameters, ' ');
    const auto origin = parse_device_number(words.at(0));
    const auto store = words.size() > 1 ? parse_device_number(words[1]) : std::nullopt;
    if (origin && store) return SnapshotDevices{*origin, *store};
  }
  return base::fail(Code::kInternal, "a device of ours is no snapshot");
}

Result<SnapshotStatus> parse_snapshot_status(std::string_view text) {
  text = base::trim(text);
  if (text == "Invalid" || text == "Merge failed") return SnapshotStatus{SnapshotState::kInvalid};
  if (text == "Overflow") return SnapshotStatus{SnapshotState::kFull};
  const auto slash = text.find('/');
  const auto space = text.find(' ');
  if (slash != std::string_view::npos && space != std::string_view::npos && slash < space) {
    const auto used = base::parse_int<std::uint64_t>(text.substr(0, slash));
    const auto all = base::parse_int<std::uint64_t>(text.substr(slash + 1, space - slash - 1));
    if (used && all) return SnapshotStatus{SnapshotState::kGood, *used, *all};
  }
  return base::fail(Code::kInternal, concat("a snapshot's status is '", text, "'"));
}

Result<std::string> make_request(std::string_view name, std::uint32_t flags,
                                 const std::vector<TableLine>& table, std::size_t reply_bytes) {
  dm_ioctl head{};
  if (name.size() >= sizeof(head.name) ||
      name.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos) {
    return base::fail(Code::kInvalidArgument, concat("bad name of a device: ", name));
  }
  std::size_t bytes = sizeof(head);
  for (const auto& line : table) bytes += bytes_of(line);
  std::string request(std::max(bytes, sizeof(head) + reply_bytes), '\0');
  head.version[0] = DM_VERSION_MAJOR;
  head.data_size = static_cast<std::uint32_t>(request.size());
  head.data_start = sizeof(head);
  head.target_count = static_cast<std::uint32_t>(table.size());
  head.flags = flags;
  head.event_nr = kUdevFlags;
  std::memcpy(head.name, name.data(), name.size());
  std::memcpy(request.data(), &head, sizeof(head));
  std::size_t offset = sizeof(head);
  for (const auto& line : table) WRENN_TRY(add_line(request, offset, line));
  return request;
}

bool is_cut_off(std::string_view reply) {
  const auto head = part_at<dm_ioctl>(reply, 0);
  return head && (head->flags & DM_BUFFER_FULL_FLAG) != 0;
}

dev_t device_in(std::string_view reply) {
  const auto head = part_at<dm_ioctl>(reply, 0);
  return head ? static_cast<dev_t>(head->dev) : 0;
}

Result<std::vector<std::string>> names_in(std::string_view reply) {
  const auto parts = parts_of(reply);
  if (!parts) return base::fail(unclear());
  std::vector<std::string> names;
  std::size_t offset = 0;
  while (offset < parts->data.size()) {
    const auto entry = part_at<NameEntry>(parts->data, offset, kNameOffset);
    const auto name = text_at(parts->data, offset + kNameOffset);
    if (!entry || !name) return base::fail(unclear());
    if (entry->dev == 0) break;  // There is none at all.
    names.push_back(*name);
    if (entry->next == 0) break;
    offset += entry->next;
  }
  return names;
}

Result<std::vector<TableLine>> table_in(std::string_view reply) {
  const auto parts = parts_of(reply);
  if (!parts) return base::fail(unclear());
  std::vector<TableLine> table;
  std::size_t offset = 0;
  for (std::uint32_t i = 0; i < parts->head.target_count; ++i) {
    const auto spec = part_at<dm_target_spec>(parts->data, offset);
    const auto text = text_at(parts->data, offset + sizeof(dm_target_spec));
    if (!spec || !text) return base::fail(unclear());
    const std::string_view type(spec->target_type,
                                ::strnlen(spec->target_type, sizeof(spec->target_type)));
    table.push_back({spec->sector_start, spec->length, std::string(type), *text});
    offset = spec->next;  // From the beginning of the data, other than in a request.
  }
  return table;
}

}  // namespace wrenn::storage::dm
