#include "envd/guest/ca_bundle.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::envd {
namespace {

// A sequence of `size` bytes, as a certificate is one on the outside.
std::string certificate(std::size_t size) {
  std::string der = "\x30\x82";
  der += static_cast<char>(size / 256);
  der += static_cast<char>(size % 256);
  der += std::string(size, 'c');
  return base::concat("-----BEGIN CERTIFICATE-----\n", base::to_base64(der),
                      "\n-----END CERTIFICATE-----\n");
}

TEST(CaBundle, KeepsCertificatesAlone) {
  const auto read =
      read_certificates(base::concat("# comment\n", certificate(300), "text\n", certificate(301)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->find("comment"), std::string::npos);
  EXPECT_EQ(base::split(*read, '\n').size(), 2 * 9U + 1);
  EXPECT_EQ(read_certificates(*read).value_or(""), *read);
}

TEST(CaBundle, Refusals) {
  for (const std::string& pem :
       {std::string(), std::string("nonsense"), std::string("-----BEGIN CERTIFICATE-----\nMII="),
        std::string("-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n"),
        std::string(300 * 1024, 'x')}) {
    EXPECT_EQ(read_certificates(pem).error().code, base::Code::kInvalidArgument)
        << pem.substr(0, 40);
  }
}

TEST(CaBundle, ASecondOneReplacesTheFirst) {
  const std::string first = bundle_with("system", "one\n");
  EXPECT_TRUE(first.starts_with("system\n#")) << first;
  const std::string second = bundle_with(first + "later\n", "two\n");
  EXPECT_EQ(second.find("one"), std::string::npos) << second;
  EXPECT_TRUE(second.starts_with("system\nlater\n#")) << second;
  EXPECT_NE(second.find("\ntwo\n"), std::string::npos) << second;
  EXPECT_EQ(bundle_with(second, "two\n"), second);
}

TEST(CaBundle, Installs) {
  const auto root = base::TempDir::create("/tmp", "envd-test-");
  ASSERT_TRUE(root);
  const std::string ours = *read_certificates(certificate(300));
  ASSERT_TRUE(install_certificates(ours, root->path()));
  ASSERT_TRUE(install_certificates(ours, root->path()));
  const auto bundle = base::read_file(root->path() / "etc/ssl/certs/ca-certificates.crt");
  EXPECT_EQ(bundle.value_or(""), bundle_with("", ours));
  EXPECT_EQ(
      base::read_file(root->path() / "usr/local/share/ca-certificates/wrenn.crt").value_or(""),
      ours);
}

}  // namespace
}  // namespace wrenn::envd
