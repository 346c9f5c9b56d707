#include "cli/multipart.h"

#include <array>

#include <gtest/gtest.h>

#include "net/loop.h"

namespace wrenn::cli {
namespace {

net::Task<std::string> drain(net::ByteSource& source) {
  std::string out;
  std::array<char, 7> buffer;
  while (true) {
    const auto n = co_await source.read(buffer);
    if (!n || *n == 0) co_return out;
    out.append(buffer.data(), *n);
  }
}

TEST(MultipartUpload, PutsThePathBeforeTheFile) {
  net::Loop loop;
  net::StringSource file("some bytes");
  MultipartUpload upload("/tmp/a b", file);
  const std::string type = upload.content_type();
  const std::string boundary = type.substr(type.find('=') + 1);
  const std::string body = loop.block_on(drain(upload));
  EXPECT_EQ(body, "--" + boundary +
                      "\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/tmp/a b\r\n--" +
                      boundary +
                      "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n"
                      "Content-Type: application/octet-stream\r\n\r\nsome bytes\r\n--" +
                      boundary + "--\r\n");
  EXPECT_EQ(upload.length(10), body.size());
}

TEST(MultipartUpload, TakesAnEmptyFile) {
  net::Loop loop;
  net::StringSource file("");
  MultipartUpload upload("/tmp/a", file);
  EXPECT_EQ(loop.block_on(drain(upload)).size(), upload.length(0));
}

}  // namespace
}  // namespace wrenn::cli
