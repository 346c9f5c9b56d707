// The mailer with both of its ways: files, and SMTP to a small server that can refuse.
#include "control/mail/mailer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "base/test_server.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;

bool wait_until(const std::function<bool()>& is_so) {
  const auto until = base::steady_now() + std::chrono::seconds(15);
  while (!is_so()) {
    if (base::steady_now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// Answers as it was told to, then well; keeps what it got.
class Scripted : public MailTransport {
 public:
  struct Seen {
    std::mutex mutex;
    std::vector<ComposedMail> mails;
    std::vector<base::Error> answers;
    bool hangs = false;
    std::size_t count() {
      const std::lock_guard lock(mutex);
      return mails.size();
    }
  };
  explicit Scripted(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}

  base::Result<std::string> send(const ComposedMail& mail, const std::stop_token& stop) override {
    std::unique_lock lock(seen_->mutex);
    seen_->mails.push_back(mail);
    if (seen_->hangs) {
      lock.unlock();
      while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return base::fail(Code::kUnavailable, "cut short");
    }
    if (seen_->answers.empty()) return "there";
    base::Error error = seen_->answers.front();
    seen_->answers.erase(seen_->answers.begin());
    return base::fail(std::move(error));
  }

 private:
  std::shared_ptr<Seen> seen_;
};

class MailerTest : public testing::Test {
 protected:
  std::unique_ptr<Mailer> mailer(MailerOptions options = {}) {
    if (options.first_pause == MailerOptions{}.first_pause) {
      options.first_pause = std::chrono::milliseconds(1);
    }
    return std::make_unique<Mailer>(std::make_unique<Scripted>(seen_), options);
  }
  const std::shared_ptr<Scripted::Seen> seen_ = std::make_shared<Scripted::Seen>();
  const Mail mail_ = {"to@example.org", "Hello", "text\n"};
};

TEST_F(MailerTest, SendsInTheBackground) {
  const auto mailer = this->mailer({.from = "wrenn@example.com"});
  ASSERT_TRUE(mailer->send(mail_));
  ASSERT_TRUE(wait_until([&] { return seen_->count() == 1; }));
  const ComposedMail& sent = seen_->mails.front();
  EXPECT_EQ(sent.from, "wrenn@example.com");
  EXPECT_EQ(sent.to, "to@example.org");
  EXPECT_TRUE(sent.message.contains("@example.com>\r\nSubject: Hello\r\n")) << sent.message;
}

TEST_F(MailerTest, TriesAgainWhatMaySucceedLater) {
  const base::Error later(Code::kUnavailable, "not now");
  seen_->answers = {later, later};
  const auto mailer = this->mailer();
  ASSERT_TRUE(mailer->send(mail_));
  ASSERT_TRUE(wait_until([&] { return seen_->count() == 3; }));
  // The same mail each time: whoever got it twice sees that.
  EXPECT_EQ(seen_->mails[0].message, seen_->mails[2].message);
}

TEST_F(MailerTest, GivesUpAfterSoManyTries) {
  seen_->answers.assign(10, base::Error(Code::kUnavailable, "not now"));
  {
    const auto mailer = this->mailer({.max_tries = 3});
    ASSERT_TRUE(mailer->send(mail_));
    ASSERT_TRUE(wait_until([&] { return seen_->count() == 3; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(seen_->count(), 3u);
}

TEST_F(MailerTest, WhatIsRefusedForGoodIsNotTriedAgain) {
  seen_->answers = {base::Error(Code::kFailedPrecondition, "no such user")};
  {
    const auto mailer = this->mailer();
    ASSERT_TRUE(mailer->send(mail_));
    ASSERT_TRUE(mailer->send({"other@example.org", "Hello", "text"}));
    ASSERT_TRUE(wait_until([&] { return seen_->count() == 2; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  ASSERT_EQ(seen_->count(), 2u);
  EXPECT_EQ(seen_->mails[1].to, "other@example.org");
}

TEST_F(MailerTest, OneThatWaitsHoldsUpNoOther) {
  seen_->answers = {base::Error(Code::kUnavailable, "not now")};
  const auto mailer = this->mailer({.first_pause = std::chrono::hours(1)});
  ASSERT_TRUE(mailer->send(mail_));
  ASSERT_TRUE(mailer->send({"other@example.org", "Hello", "text"}));
  ASSERT_TRUE(wait_until([&] { return seen_->count() == 2; }));
  EXPECT_EQ(seen_->mails[1].to, "other@example.org");
}

TEST_F(MailerTest, WhatWaitsIsBoundedAndNothingBlocks) {
  seen_->hangs = true;
  const auto began = base::steady_now();
  {
    const auto mailer = this->mailer({.max_waiting = 3, .grace = std::chrono::milliseconds(50)});
    ASSERT_TRUE(mailer->send(mail_));
    ASSERT_TRUE(wait_until([&] { return seen_->count() == 1; }));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(mailer->send(mail_));
    const auto refused = mailer->send(mail_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
    EXPECT_FALSE(refused.error().remedy.empty());
  }
  // The end came although the server never answered.
  EXPECT_LT(base::steady_now() - began, std::chrono::seconds(5));
}

TEST_F(MailerTest, TheEndTriesWhatWaitsOnceMore) {
  seen_->answers = {base::Error(Code::kUnavailable, "not now")};
  {
    const auto mailer = this->mailer({.first_pause = std::chrono::hours(1)});
    ASSERT_TRUE(mailer->send(mail_));
    ASSERT_TRUE(wait_until([&] { return seen_->count() == 1; }));
  }
  EXPECT_EQ(seen_->count(), 2u);
}

TEST_F(MailerTest, RefusesWhatIsNoMail) {
  const auto mailer = this->mailer();
  const auto refused = mailer->send({"to@example.org", "a\r\nBcc: x@y", "text"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
}

TEST(MailDirectory, KeepsTheNewestForNobodyElse) {
  const auto dir = base::TempDir::create().value();
  const base::Path mails = dir.path() / "control" / "mail";
  ASSERT_TRUE(base::make_dirs(mails));
  ASSERT_TRUE(base::write_file_atomic(mails / "notes.txt", "not a mail"));
  const auto transport = directory_transport(mails);
  std::vector<std::string> files;
  for (std::size_t i = 0; i < kMaxMailFiles + 5; ++i) {
    const auto sent = transport->send({"a@b", "c@d", concat("mail ", i, "\r\n")}, {});
    ASSERT_TRUE(sent) << sent.error().to_string();
    files.push_back(*sent);
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(std::filesystem::exists(files[i]), i >= 5) << i;
  }
  EXPECT_EQ(base::read_file(files.back()).value(), concat("mail ", files.size() - 1, "\r\n"));
  EXPECT_TRUE(std::filesystem::exists(mails / "notes.txt"));
  struct stat info{};
  ASSERT_EQ(::stat(files.back().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

class SmtpServer : public base::TestServer {
 public:
  SmtpServer(const base::Path& directory, const char* tls)
      : TestServer({WRENN_SMTP_SERVER, directory.native(), tls}) {}
};

class SmtpTest : public testing::Test {
 protected:
  MailSettings settings(const SmtpServer& server, MailTls tls = MailTls::kNone) const {
    return {.host = tls == MailTls::kNone ? "127.0.0.1" : "localhost",
            .port = server.port(),
            .tls = tls,
            .username = "test-user",
            .password = base::Secret("test-password"),
            .from = "wrenn@example.com",
            .ca_file = tls == MailTls::kNone ? "" : file("cert.pem").native()};
  }
  base::Path file(std::string_view name) const { return dir_.path() / name; }
  std::string text(std::string_view name) const { return base::read_file(file(name)).value_or(""); }
  bool has(std::string_view name) const { return std::filesystem::exists(file(name)); }
  // How often the server was asked that.
  int asked(std::string_view what) const {
    const std::string log = text("log");
    const auto lines = base::split(log, '\n');
    return static_cast<int>(std::ranges::count_if(
        lines, [what](std::string_view line) { return line.contains(what); }));
  }
  void make_certificate(const char* name = "localhost") const {
    const std::string command = concat(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=",
        name, " -addext subjectAltName=DNS:", name, " -keyout ", file("key.pem").native(), " -out ",
        file("cert.pem").native(), " 2>/dev/null");
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  static base::Result<std::string> send_once(const MailSettings& settings,
                                             const std::string& to = "to@example.org") {
    const auto transport = smtp_transport(settings);
    return transport->send({settings.from, to, "Subject: s\r\n\r\n.\r\n..two\r\nend\r\n"}, {});
  }
  static std::unique_ptr<Mailer> mailer(const MailSettings& settings) {
    return std::make_unique<Mailer>(
        smtp_transport(settings),
        MailerOptions{.from = settings.from, .first_pause = std::chrono::milliseconds(10)});
  }

  const base::TempDir dir_ = base::TempDir::create().value();
};

TEST_F(SmtpTest, WhatIsSentArrivesWhole) {
  const SmtpServer server(dir_.path(), "plain");
  const auto sent = send_once(settings(server));
  ASSERT_TRUE(sent) << sent.error().to_string();
  EXPECT_EQ(text("1.mail"),
            "wrenn@example.com\nto@example.org\nSubject: s\r\n\r\n.\r\n..two\r\nend\r\n");
}

TEST_F(SmtpTest, WorksWithoutAuthentication) {
  ASSERT_TRUE(base::write_file_atomic(file("open"), ""));
  const SmtpServer server(dir_.path(), "plain");
  MailSettings settings = this->settings(server);
  settings.username = "";
  ASSERT_TRUE(send_once(settings));
  EXPECT_EQ(asked("auth"), 0);
}

TEST_F(SmtpTest, AWrongPasswordIsSaidAndNotTriedAgain) {
  const SmtpServer server(dir_.path(), "plain");
  MailSettings settings = this->settings(server);
  settings.password = base::Secret("wrong");
  const auto refused = send_once(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition) << refused.error().to_string();
  EXPECT_TRUE(refused.error().message.contains("535")) << refused.error().message;
  EXPECT_TRUE(refused.error().remedy.contains("SMTP_PASSWORD"));
  EXPECT_FALSE(has("1.mail"));
}

TEST_F(SmtpTest, NothingIsSaidInTheClearWhereItMustNot) {
  const SmtpServer server(dir_.path(), "plain");
  const auto refused = send_once(settings(server, MailTls::kStartTls));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().code, Code::kUnavailable) << refused.error().to_string();
  EXPECT_EQ(asked("auth") + asked("MAIL"), 0) << text("log");
}

TEST_F(SmtpTest, EncryptsBeforeItSaysAnything) {
  make_certificate();
  const SmtpServer server(dir_.path(), "starttls");
  const auto sent = send_once(settings(server, MailTls::kStartTls));
  ASSERT_TRUE(sent) << sent.error().to_string();
  EXPECT_TRUE(has("1.mail"));
  EXPECT_EQ(asked("tls auth"), 1) << text("log");
  EXPECT_EQ(asked("plain auth") + asked("plain MAIL"), 0) << text("log");
}

TEST_F(SmtpTest, EncryptsFromTheFirstByte) {
  make_certificate();
  const SmtpServer server(dir_.path(), "tls");
  const auto sent = send_once(settings(server, MailTls::kImplicit));
  ASSERT_TRUE(sent) << sent.error().to_string();
  EXPECT_TRUE(has("1.mail"));
}

TEST_F(SmtpTest, CertificatesAreVerified) {
  make_certificate();
  const SmtpServer server(dir_.path(), "starttls");
  MailSettings settings = this->settings(server, MailTls::kStartTls);
  settings.ca_file = "";
  EXPECT_FALSE(send_once(settings));
  EXPECT_FALSE(has("1.mail"));
  EXPECT_EQ(asked("auth"), 0);
}

TEST_F(SmtpTest, CertificatesAreOfTheHost) {
  make_certificate("other.example");
  const SmtpServer server(dir_.path(), "starttls");
  EXPECT_FALSE(send_once(settings(server, MailTls::kStartTls)));
  EXPECT_EQ(asked("auth"), 0);
}

TEST_F(SmtpTest, WhatIsRefusedForNowIsSentLater) {
  ASSERT_TRUE(base::write_file_atomic(file("replies"), "451 4.7.1 greylisted\n421 too busy\n"));
  const SmtpServer server(dir_.path(), "plain");
  const auto mailer = this->mailer(settings(server));
  ASSERT_TRUE(mailer->send({"to@example.org",
                            "Gr\xC3\xBC\xC3\x9F"
                            "e",
                            "Hello.\n.\n"}));
  ASSERT_TRUE(wait_until([&] { return has("1.mail"); })) << text("log");
  EXPECT_EQ(asked("RCPT"), 3) << text("log");
  EXPECT_TRUE(text("1.mail").contains("\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"));
  EXPECT_TRUE(text("1.mail").ends_with("\r\n\r\nHello.\r\n.\r\n")) << text("1.mail");
}

TEST_F(SmtpTest, ARecipientThatIsUnknownIsNotTriedAgain) {
  const SmtpServer server(dir_.path(), "plain");
  {
    const auto mailer = this->mailer(settings(server));
    ASSERT_TRUE(mailer->send({"nobody@example.org", "Hello", "text"}));
    ASSERT_TRUE(mailer->send({"to@example.org", "Hello", "text"}));
    ASSERT_TRUE(wait_until([&] { return has("1.mail"); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(asked("RCPT TO:<nobody@"), 1) << text("log");
  const auto refused = send_once(settings(server), "nobody@example.org");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(refused.error().message.contains("550 5.1.1")) << refused.error().message;
}

TEST_F(SmtpTest, AServerThatIsAwayMayComeBack) {
  MailSettings settings;
  {
    const SmtpServer server(dir_.path(), "plain");
    settings = this->settings(server);
  }
  const auto refused = send_once(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace wrenn::control
