#include "vm/firecracker/handshake.h"

#include <algorithm>
#include <cstring>

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::Result;
namespace json = boost::json;

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kHugePage = 2ull << 20;
constexpr std::string_view kListMagic = "WRNPAG01";

std::unexpected<base::Error> wrong(std::string_view what) {
  return base::fail(Code::kInvalidArgument,
                    base::concat("Firecracker's description of its memory ", what));
}

bool take_number(const json::object& object, const char* name, std::uint64_t& number) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return false;
  boost::system::error_code error;
  number = value->to_number<std::uint64_t>(error);
  return !error && (value->is_int64() || value->is_uint64());
}

// The size of a page in bytes. `page_size_kib` is what it was called first: in bytes all the same.
bool take_page_size(const json::object& object, std::uint64_t& bytes) {
  bytes = kPage;
  const bool is_told = object.contains("page_size") || object.contains("page_size_kib");
  return !is_told || take_number(object, "page_size", bytes) ||
         take_number(object, "page_size_kib", bytes);
}

Result<Region> parse_region(const json::value& value, std::uint64_t& page_bytes) {
  if (!value.is_object()) return wrong("has a region of another form");
  const json::object& object = value.get_object();
  Region region;
  std::uint64_t page = 0;
  const bool is_there = take_number(object, "base_host_virt_addr", region.address) &&
                        take_number(object, "size", region.bytes) &&
                        take_number(object, "offset", region.offset) &&
                        take_page_size(object, page);
  if (!is_there) return wrong("has a region of another form");
  if ((page != kPage && page != kHugePage) || (page_bytes != 0 && page != page_bytes)) {
    return wrong("has pages of an unknown size");
  }
  page_bytes = page;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 47;
  const bool is_sane = region.bytes > 0 && region.bytes < kMost && region.address < kMost &&
                       (region.bytes | region.address | region.offset) % page == 0;
  if (!is_sane) return wrong("has a region that cannot be");
  return region;
}

}  // namespace

Result<Handshake> parse_handshake(std::string_view message, std::uint64_t memory_bytes) {
  if (message.size() > kMaxHandshakeBytes) return wrong("is too long");
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(message.data(), message.size()), error);
  if (error || !value.is_array() || value.get_array().empty() ||
      value.get_array().size() > kMaxRegions) {
    return wrong("is no list of regions");
  }
  Handshake handshake;
  handshake.page_bytes = 0;
  for (const auto& one : value.get_array()) {
    WRENN_TRY_ASSIGN(const Region region, parse_region(one, handshake.page_bytes));
    handshake.regions.push_back(region);
  }
  std::ranges::sort(handshake.regions, {}, &Region::offset);
  std::uint64_t end = 0;
  for (const Region& region : handshake.regions) {
    if (region.offset != end) return wrong("has a gap");
    end += region.bytes;
  }
  if (end != memory_bytes) return wrong("is of another memory");
  return handshake;
}

std::string to_bytes(const PageList& pages) {
  const std::size_t count = std::min(pages.size(), kMaxListedPages);
  std::string out(kListMagic);
  out.append(reinterpret_cast<const char*>(pages.data()), count * sizeof(std::uint32_t));
  return out;
}

Result<PageList> parse_page_list(std::string_view bytes, std::uint64_t memory_bytes) {
  const bool is_whole = bytes.starts_with(kListMagic) &&
                        (bytes.size() - kListMagic.size()) % sizeof(std::uint32_t) == 0 &&
                        bytes.size() <= kListMagic.size() + kMaxListedPages * sizeof(std::uint32_t);
  if (!is_whole) return base::fail(Code::kDataLoss, "a list of pages is not whole");
  bytes.remove_prefix(kListMagic.size());
  PageList pages(bytes.size() / sizeof(std::uint32_t));
  if (!pages.empty()) std::memcpy(pages.data(), bytes.data(), bytes.size());
  const auto is_beyond = [&](std::uint32_t page) { return page >= memory_bytes / kPage; };
  if (std::ranges::any_of(pages, is_beyond)) {
    return base::fail(Code::kDataLoss, "a list of pages is of another memory");
  }
  return pages;
}

}  // namespace wrenn::vm::firecracker
