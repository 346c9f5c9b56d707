#include "cli/hosts.h"

#include <gtest/gtest.h>

#include "cli/console.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kReply =
    R"([{"id":"host-1","name":"rack-1","type":"regular","status":"online",
         "address":"10.0.0.1:50051","cpu_cores":8,"memory_mb":16384,"disk_gb":200,
         "last_seen_at":"2026-01-31T12:00:00Z","labels":{"zone":"a","disk":"fast"}},
        {"id":"host-2","name":"rack-2","type":"byoc","status":"pending"}])";

TEST(Hosts, TableIsAligned) {
  const auto hosts = parse_host_list(kReply);
  ASSERT_TRUE(hosts);
  EXPECT_EQ(
      host_table(*hosts, 1769860800000 + 5000, Paint()),
      "NAME    STATUS   ADDRESS         CPUS    MEMORY    DISK  SEEN  LABELS            ID\n"
      "rack-1  online   10.0.0.1:50051     8  16384 MB  200 GB    5s  zone=a,disk=fast  host-1\n"
      "rack-2  pending  -                  -         -       -     -  -                 host-2\n");
  EXPECT_FALSE(parse_host_list("{}"));
}

TEST(Hosts, AreFoundByNameAndById) {
  const auto hosts = parse_host_list(kReply).value();
  EXPECT_EQ(find_host(hosts, "rack-2")->id, "host-2");
  EXPECT_EQ(find_host(hosts, "host-1")->name, "rack-1");
  EXPECT_EQ(find_host(hosts, "rack").error().code, base::Code::kNotFound);
}

TEST(Hosts, TheTokenIsReadFromTheApi) {
  EXPECT_EQ(parse_registration_token(R"({"host":{},"registration_token":"abc"})").value(), "abc");
  for (const char* text : {"", "[]", "{}", R"({"registration_token":1})"}) {
    EXPECT_FALSE(parse_registration_token(text)) << text;
  }
}

}  // namespace
}  // namespace wrenn::cli
