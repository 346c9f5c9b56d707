#include "hostnet/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/strings.h"

namespace wrenn::hostnet {
namespace {

using base::concat;

constexpr std::size_t kReceiveBuffer = 64 * 1024;

std::size_t align(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

nlmsghdr header_at(std::span<const std::byte> data) {
  nlmsghdr header{};
  std::memcpy(&header, data.data(), sizeof header);
  return header;
}

// Calls visit(header, payload) for each whole message of one datagram.
template <class Visit>
void for_each_message(std::span<const std::byte> data, Visit visit) {
  while (data.size() >= sizeof(nlmsghdr)) {
    const nlmsghdr header = header_at(data);
    if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > data.size()) return;
    visit(header, data.subspan(sizeof(nlmsghdr), header.nlmsg_len - sizeof(nlmsghdr)));
    data = data.subspan(std::min(align(header.nlmsg_len), data.size()));
  }
}

// Zero is success.
int ack_code(std::span<const std::byte> payload) {
  std::int32_t code = 0;
  if (payload.size() >= sizeof code) std::memcpy(&code, payload.data(), sizeof code);
  return -code;
}

std::string ack_text(std::uint16_t flags, std::span<const std::byte> payload) {
  if ((flags & NLM_F_ACK_TLVS) == 0 || payload.size() < sizeof(nlmsgerr)) return {};
  nlmsgerr error{};
  std::memcpy(&error, payload.data(), sizeof error);
  // With NETLINK_CAP_ACK only the header of the request is echoed, unless the kernel says
  // otherwise.
  std::size_t skip = sizeof(nlmsgerr);
  if ((flags & NLM_F_CAPPED) == 0) skip += error.msg.nlmsg_len - sizeof(nlmsghdr);
  if (skip > payload.size()) return {};
  const auto text = find_attribute(payload.subspan(skip), NLMSGERR_ATTR_MSG);
  if (text.empty()) return {};
  return {reinterpret_cast<const char*>(text.data()), text.size() - 1};
}

base::Error ack_error(const std::string& what, const nlmsghdr& header,
                      std::span<const std::byte> payload) {
  base::Error error = base::errno_error(ack_code(payload), what);
  // What is merely not there, a link for example, is ENODEV or ESRCH.
  const bool unknown_kind = ack_code(payload) == EOPNOTSUPP || ack_code(payload) == ENOENT;
  if (unknown_kind) error.code = base::Code::kUnimplemented;
  if (const std::string text = ack_text(header.nlmsg_flags, payload); !text.empty()) {
    error.message += concat(" (", text, ")");
  }
  return error;
}

}  // namespace

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string what)
    : what_(std::move(what)) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  append(&header, sizeof header);
}

NetlinkMessage& NetlinkMessage::append(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  data_.insert(data_.end(), bytes, bytes + size);
  data_.resize(align(data_.size()));
  return *this;
}

NetlinkMessage& NetlinkMessage::bytes(std::uint16_t type, const void* data, std::size_t size) {
  const nlattr attribute{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
  append(&attribute, sizeof attribute);
  return append(data, size);
}

NetlinkMessage& NetlinkMessage::text(std::uint16_t type, std::string_view value) {
  const std::string terminated(value);
  return bytes(type, terminated.c_str(), terminated.size() + 1);
}

NetlinkMessage& NetlinkMessage::u32(std::uint16_t type, std::uint32_t value) {
  return bytes(type, &value, sizeof value);
}

NetlinkMessage& NetlinkMessage::begin(std::uint16_t type) {
  open_nests_.push_back(data_.size());
  return bytes(type, nullptr, 0);
}

NetlinkMessage& NetlinkMessage::end() {
  const std::size_t at = open_nests_.back();
  open_nests_.pop_back();
  const auto length = static_cast<std::uint16_t>(data_.size() - at);
  std::memcpy(data_.data() + at, &length, sizeof length);
  return *this;
}

std::span<const std::byte> find_attribute(std::span<const std::byte> attributes,
                                          std::uint16_t type) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr attribute{};
    std::memcpy(&attribute, attributes.data(), sizeof attribute);
    if (attribute.nla_len < sizeof(nlattr) || attribute.nla_len > attributes.size()) return {};
    if ((attribute.nla_type & NLA_TYPE_MASK) == type) {
      return attributes.subspan(sizeof(nlattr), attribute.nla_len - sizeof(nlattr));
    }
    attributes = attributes.subspan(std::min(align(attribute.nla_len), attributes.size()));
  }
  return {};
}

base::Result<Netlink> Netlink::open() {
  base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return base::fail_errno(errno, "opening a netlink socket");
  const int on = 1;
  // Without these two, errors only have a number.
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0) {
    return base::fail_errno(errno, "connecting a netlink socket");
  }
  return Netlink(std::move(fd));
}

void Netlink::seal(NetlinkMessage& message, std::uint16_t flags) {
  nlmsghdr header = header_at(message.data_);
  header.nlmsg_len = static_cast<std::uint32_t>(message.data_.size());
  header.nlmsg_flags |= flags;
  header.nlmsg_seq = ++sequence_;
  std::memcpy(message.data_.data(), &header, sizeof header);
}

base::Result<std::vector<std::byte>> Netlink::receive() {
  std::vector<std::byte> buffer(kReceiveBuffer);
  while (true) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "reading from netlink");
    if (static_cast<std::size_t>(n) > buffer.size()) {
      return base::fail(base::Code::kInternal, "a netlink answer is too long");
    }
    buffer.resize(static_cast<std::size_t>(n));
    return buffer;
  }
}

base::Result<void> Netlink::send(NetlinkMessage message) {
  std::vector<NetlinkMessage> one;
  one.push_back(std::move(message));
  return send(std::move(one));
}

base::Result<void> Netlink::send(std::vector<NetlinkMessage> messages) {
  const std::uint32_t first = sequence_ + 1;
  std::vector<iovec> parts;
  for (auto& message : messages) {
    seal(message, NLM_F_REQUEST | NLM_F_ACK);
    parts.push_back({message.data_.data(), message.data_.size()});
  }
  msghdr request{};
  request.msg_iov = parts.data();
  request.msg_iovlen = parts.size();
  if (::sendmsg(fd_.get(), &request, 0) < 0) return base::fail_errno(errno, "writing to netlink");

  std::optional<base::Error> error;
  for (std::size_t acknowledged = 0; acknowledged < messages.size();) {
    WRENN_TRY_ASSIGN(const auto datagram, receive());
    for_each_message(datagram, [&](const nlmsghdr& header, std::span<const std::byte> payload) {
      if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq < first) return;
      const std::size_t index = header.nlmsg_seq - first;
      if (index >= messages.size()) return;
      ++acknowledged;
      if (ack_code(payload) != 0 && !error) {
        error = ack_error(messages[index].what(), header, payload);
      }
    });
  }
  if (error) return base::fail(std::move(*error));
  return {};
}

base::Result<std::vector<std::vector<std::byte>>> Netlink::query(NetlinkMessage message) {
  const bool dump = (header_at(message.data_).nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  seal(message, NLM_F_REQUEST);
  if (::send(fd_.get(), message.data_.data(), message.data_.size(), 0) < 0) {
    return base::fail_errno(errno, "writing to netlink");
  }
  std::vector<std::vector<std::byte>> answers;
  std::optional<base::Error> error;
  for (bool done = false; !done;) {
    WRENN_TRY_ASSIGN(const auto datagram, receive());
    for_each_message(datagram, [&](const nlmsghdr& header, std::span<const std::byte> payload) {
      if (header.nlmsg_seq != sequence_) return;
      if (header.nlmsg_type == NLMSG_ERROR) {
        if (ack_code(payload) != 0) error = ack_error(message.what(), header, payload);
        done = true;
      } else if (header.nlmsg_type == NLMSG_DONE) {
        done = true;
      } else {
        answers.emplace_back(payload.begin(), payload.end());
        done = done || !dump;
      }
    });
  }
  if (error) return base::fail(std::move(*error));
  return answers;
}

}  // namespace wrenn::hostnet
