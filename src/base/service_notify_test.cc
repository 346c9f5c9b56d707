#include "base/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "base/files.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

class ServiceNotify : public testing::Test {
 protected:
  ~ServiceNotify() override { ::unsetenv("NOTIFY_SOCKET"); }

  // A manager that listens there; '@' stands for the zero of an abstract name.
  void listen(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
              0);
    ASSERT_EQ(::setenv("NOTIFY_SOCKET", name.c_str(), 1), 0);
  }
  std::string heard() {
    std::array<char, 100> buffer;
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

  TempDir dir_ = TempDir::create().value();
  Fd socket_;
};

TEST_F(ServiceNotify, TellsASocketInTheFileSystem) {
  listen((dir_.path() / "notify").string());
  ASSERT_TRUE(notify_service_manager(kServiceReady));
  EXPECT_EQ(heard(), "READY=1");
  ASSERT_TRUE(notify_service_manager(kServiceStopping));
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(ServiceNotify, TellsAnAbstractSocket) {
  listen(concat("@wrenn-test-", ::getpid()));
  ASSERT_TRUE(notify_service_manager(kServiceReady));
  EXPECT_EQ(heard(), "READY=1");
}

TEST_F(ServiceNotify, IsQuietWhereNobodyAsked) {
  EXPECT_TRUE(notify_service_manager(kServiceReady));
  ::setenv("NOTIFY_SOCKET", "", 1);
  EXPECT_TRUE(notify_service_manager(kServiceReady));
}

TEST_F(ServiceNotify, SaysWhatIsWrong) {
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_EQ(notify_service_manager(kServiceReady).error().code, Code::kInvalidArgument);
  ::setenv("NOTIFY_SOCKET", std::string(200, '/').c_str(), 1);
  EXPECT_EQ(notify_service_manager(kServiceReady).error().code, Code::kInvalidArgument);
  ::setenv("NOTIFY_SOCKET", (dir_.path() / "nobody").c_str(), 1);
  EXPECT_FALSE(notify_service_manager(kServiceReady));
  tell_service_manager(kServiceReady);
}

}  // namespace
}  // namespace wrenn::base
