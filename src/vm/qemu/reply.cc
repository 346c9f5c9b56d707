#include "vm/qemu/reply.h"

#include <algorithm>
#include <charconv>

#include <boost/json.hpp>

namespace wrenn::vm {
namespace {

using base::Code;
using base::Result;
namespace json = boost::json;

// A JSON document that is a text.
Result<std::string> text_in(std::string_view document, std::string_view complaint) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(document.data(), document.size()), error);
  if (error || !value.is_string()) return base::fail(Code::kInternal, std::string(complaint));
  return std::string(std::string_view(value.get_string()));
}

}  // namespace

Result<std::uint64_t> memory_address_in(std::string_view reply) {
  constexpr std::string_view kComplaint = "QEMU does not tell where the guest's memory is";
  WRENN_TRY_ASSIGN(const std::string text, text_in(reply, kComplaint));
  // "Host virtual address for 0x0 (mem) is 0x7f12..."
  constexpr std::string_view kBefore = " is 0x";
  if (const auto at = text.rfind(kBefore); at != std::string::npos) {
    std::uint64_t address = 0;
    const char* begin = text.data() + at + kBefore.size();
    const auto end = std::from_chars(begin, text.data() + text.size(), address, 16);
    if (end.ec == std::errc() && address != 0) return address;
  }
  return base::fail(Code::kInternal, std::string(kComplaint));
}

Result<std::string> disk_file_in(std::string_view reply) {
  constexpr std::string_view kComplaint = "QEMU does not tell its disk";
  WRENN_TRY_ASSIGN(const std::string text, text_in(reply, kComplaint));
  // "disk (NODE): FILE (qcow2)"
  constexpr std::string_view kBefore = "disk (";
  constexpr std::string_view kBetween = "): ";
  const auto end = text.find(kBetween);
  if (!text.starts_with(kBefore) || end == std::string::npos) {
    return base::fail(Code::kInternal, std::string(kComplaint));
  }
  std::string name = text.substr(kBefore.size(), end - kBefore.size());
  // A name that QEMU made up, for a VM that an older agent started: such a disk was never switched,
  // and only then is its file given by its path.
  if (name.starts_with('#')) {
    name = text.substr(end + kBetween.size());
    name.erase(std::min(name.find(" ("), name.size()));
    if (!name.starts_with('/')) name.clear();
    name.erase(0, name.rfind('/') + 1);
  }
  if (!name.empty() && name.find('/') == std::string::npos) return name;
  return base::fail(Code::kInternal, std::string(kComplaint));
}

Result<bool> has_jobs(std::string_view reply) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(reply.data(), reply.size()), error);
  if (!error && value.is_array()) return !value.get_array().empty();
  return base::fail(Code::kInternal, "QEMU does not tell its jobs");
}

Result<std::string> console_in(std::string_view reply) {
  return text_in(reply, "QEMU did not return the console");
}

}  // namespace wrenn::vm
