#include "control/proxy_settings.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

const proxy::PortAddress kPort{"cl-0000000000000000000000001", 3000};

struct Case {
  ProxyOptions options;
  const char* address;
  const char* host_url;
  const char* path_url;
};

TEST(ProxySettings, AddressesFollowFromTheOptions) {
  for (const Case& c : {
           Case{{},
                "127.0.0.1:8081",
                "http://3000-cl-0000000000000000000000001.localhost:8081/",
                "http://127.0.0.1:8081/proxy/cl-0000000000000000000000001/3000/"},
           Case{{},
                "0.0.0.0:80",
                "http://3000-cl-0000000000000000000000001.localhost/",
                "http://127.0.0.1/proxy/cl-0000000000000000000000001/3000/"},
           Case{{},
                "[::]:9",
                "http://3000-cl-0000000000000000000000001.localhost:9/",
                "http://[::1]:9/proxy/cl-0000000000000000000000001/3000/"},
           Case{{.domain = "Sb.Example.com"},
                "0.0.0.0:9",
                "http://3000-cl-0000000000000000000000001.sb.example.com:9/",
                "http://sb.example.com:9/proxy/cl-0000000000000000000000001/3000/"},
           Case{{.url = "https://sb.example.com:8443"},
                "127.0.0.1:9",
                "https://3000-cl-0000000000000000000000001.sb.example.com:8443/",
                "https://sb.example.com:8443/proxy/cl-0000000000000000000000001/3000/"},
           Case{{.url = "HTTPS://sb.example.com:443/"},
                "127.0.0.1:9",
                "https://3000-cl-0000000000000000000000001.sb.example.com/",
                "https://sb.example.com/proxy/cl-0000000000000000000000001/3000/"},
           Case{{.domain = "sb.example.com", .url = "https://api.example.com"},
                "127.0.0.1:9",
                "https://3000-cl-0000000000000000000000001.sb.example.com/",
                "https://api.example.com/proxy/cl-0000000000000000000000001/3000/"},
           Case{{.url = "http://localhost:7"},
                "127.0.0.1:9",
                "http://3000-cl-0000000000000000000000001.localhost:7/",
                "http://127.0.0.1:7/proxy/cl-0000000000000000000000001/3000/"},
       }) {
    const auto settings = ProxySettings::create(c.options, c.address);
    ASSERT_TRUE(settings) << settings.error().to_string();
    EXPECT_EQ(settings->host_url(kPort), c.host_url);
    EXPECT_EQ(settings->path_url(kPort), c.path_url);
  }
}

TEST(ProxySettings, WithoutANameThereIsThePathFormAlone) {
  for (const auto& [options, address] :
       {std::pair(ProxyOptions{}, "10.0.0.5:9"),
        std::pair(ProxyOptions{.url = "http://10.0.0.5:9"}, "127.0.0.1:8081")}) {
    const auto settings = ProxySettings::create(options, address);
    ASSERT_TRUE(settings) << settings.error().to_string();
    EXPECT_EQ(settings->domain, "");
    EXPECT_EQ(settings->host_url(kPort),
              "http://10.0.0.5:9/proxy/cl-0000000000000000000000001/3000/");
  }
}

TEST(ProxySettings, RefusesWhatIsNoUrlOfAProxy) {
  for (const char* url : {"sandboxes.example.com", "ftp://a.com", "http://", "http://a.com/x",
                          "http://a.com?x", "http://u@a.com", "http://a.com:0", "http://a.com:",
                          "http://a.com:65536", "http://a_b.com", "http://[::1", "http://[x]",
                          "http://a..com", "http://-a.com", "http://1.2.3.400", "://a"}) {
    const auto settings = ProxySettings::create({.url = url}, "127.0.0.1:8081");
    ASSERT_FALSE(settings) << url;
    EXPECT_EQ(settings.error().code, base::Code::kInvalidArgument);
    EXPECT_NE(settings.error().message.find("--proxy-url"), std::string::npos);
    EXPECT_FALSE(settings.error().remedy.empty());
  }
}

TEST(ProxySettings, RefusesWhatIsNoDomain) {
  for (const char* domain :
       {"10.0.0.5", ".a.com", "a.com.", "*.a.com", "http://a.com", "a.com:80", "a b", "[::1]"}) {
    const auto settings = ProxySettings::create({.domain = domain}, "127.0.0.1:8081");
    ASSERT_FALSE(settings) << domain;
    EXPECT_NE(settings.error().message.find("--proxy-domain"), std::string::npos);
  }
}

}  // namespace
}  // namespace wrenn::control
