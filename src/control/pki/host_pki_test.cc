#include "control/pki/host_pki.h"

#include <gtest/gtest.h>

#include "db/test_database.h"

namespace wrenn::control {
namespace {

using base::Code;

class HostPkiTest : public testing::Test {
 protected:
  HostPki open() { return HostPki::open(store).value(); }

  db::TestDatabase test;
  db::AuthorityStore store{
      test.database,
      base::Sealer::create(base::Secret(std::string(base::kSealKeyBytes, 'k'))).value()};
};

TEST_F(HostPkiTest, TheAuthorityIsTheSameAtEachStart) {
  const HostPki first = open();
  const HostPki second = open();
  EXPECT_EQ(first.certificate(), second.certificate());
}

TEST_F(HostPkiTest, AHostGetsACertificateForItsOwnKey) {
  const HostPki pki = open();
  const auto key = net::make_private_key().value();
  const auto certificate =
      pki.sign_host("host-1", net::make_certificate_request(key).value()).value();
  const auto facts = net::read_certificate(certificate.pem).value();
  EXPECT_EQ(facts.uri, "wrenn:host:host-1");
  EXPECT_EQ(facts.serial, certificate.serial);
  EXPECT_EQ(facts.validity.ends * 1000, certificate.ends_at);
  EXPECT_TRUE(net::belongs_together(certificate.pem, key).value());
  EXPECT_EQ(pki.sign_host("host-1", "no request").error().code, Code::kInvalidArgument);
  // It is good for TLS, together with what the host is told of the authority.
  EXPECT_TRUE(net::TlsSecurity::create(net::TlsSide::kServer,
                                       {certificate.pem, key, pki.certificate()},
                                       std::string(kControlPlaneName)));
}

TEST_F(HostPkiTest, TheControlPlaneIsAClientByName) {
  const HostPki pki = open();
  const auto one = pki.control_plane_identity().value();
  const auto other = pki.control_plane_identity().value();
  EXPECT_EQ(net::read_certificate(one.certificate).value().uri, kControlPlaneName);
  EXPECT_FALSE(one.key.equals(other.key.reveal()));
  EXPECT_TRUE(net::TlsSecurity::create(net::TlsSide::kClient, one, host_name_of("host-1")));
}

}  // namespace
}  // namespace wrenn::control
