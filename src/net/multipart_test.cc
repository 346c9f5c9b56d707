#include "net/multipart.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using Kind = MultipartEvent::Kind;

// Everything the parser says about `body` when it comes in pieces of `step` bytes:
// "name|filename:content;" for each part, and "END", "CUT" or "ERROR".
std::string parse(std::string_view body, std::size_t step) {
  MultipartParser parser("b");
  std::string out;
  while (true) {
    const auto event = parser.next();
    if (!event) return out + "ERROR";
    switch (event->kind) {
      case Kind::kNeedInput:
        if (body.empty()) return out + "CUT";
        parser.feed(body.substr(0, step));
        body.remove_prefix(std::min(step, body.size()));
        break;
      case Kind::kPart:
        out += base::concat(event->part.name, "|", event->part.filename.value_or("-"), ":");
        break;
      case Kind::kData:
        out += event->data;
        break;
      case Kind::kPartEnd:
        out += ";";
        break;
      case Kind::kEnd:
        return out + "END";
    }
  }
}

std::string field(std::string_view disposition, std::string_view content) {
  return base::concat("--b\r\nContent-Disposition: ", disposition, "\r\n\r\n", content, "\r\n");
}

TEST(MultipartTest, TakesFormsApartInPiecesOfAnySize) {
  const std::string body = field("form-data; name=\"path\"", "/tmp/a b") +
                           field("form-data; name=file; filename=\"a;\\\"b.txt\"",
                                 std::string("\r\n-\r\n--\r\n--B\0x", 14)) +
                           field("FORM-DATA; filename=x; Name=empty", "") + "--b--\r\nepilogue";
  const std::string expected = std::string("path|-:/tmp/a b;file|a;\"b.txt:") +
                               std::string("\r\n-\r\n--\r\n--B\0x", 14) + ";empty|x:;END";
  for (std::size_t step = 1; step <= body.size(); ++step) {
    EXPECT_EQ(parse(body, step), expected) << step;
  }
}

TEST(MultipartTest, RefusesWhatIsNotAForm) {
  const std::vector<std::string> bad = {
      "hello world",
      "preamble\r\n--b\r\n",
      "--bx\r\n\r\n",
      "--b\r\n\r\ndata\r\n--b--",
      "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
      "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--",
      "--b\r\nno colon\r\n\r\nx\r\n--b--",
      "--b" + std::string(300, ' ') + "\r\n",
      "--b\r\nX: " + std::string(9000, 'x'),
  };
  for (const auto& body : bad) EXPECT_TRUE(parse(body, 7).ends_with("ERROR")) << body;
}

TEST(MultipartTest, ATruncatedFormNeverLooksComplete) {
  const std::string body = field("form-data; name=a", "content") + "--b--";
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_TRUE(parse(std::string_view(body).substr(0, size), 3).ends_with("CUT")) << size;
  }
}

TEST(MultipartTest, TakesContentOfAnySize) {
  MultipartParser parser("b");
  parser.feed("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n");
  const std::string piece(64 * 1024, '\r');
  std::size_t total = 0;
  for (int i = 0; i < 100; ++i) {
    while (true) {
      const auto event = parser.next();
      ASSERT_TRUE(event);
      if (event->kind == Kind::kNeedInput) break;
      total += event->data.size();
    }
    parser.feed(piece);
  }
  EXPECT_GE(total, 99 * piece.size() - 16);
}

TEST(MultipartTest, FindsTheBoundary) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a;b\""), "a;b");
  EXPECT_FALSE(multipart_boundary("application/json"));
  EXPECT_FALSE(multipart_boundary("multipart/form-data"));
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary="));
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')));
}

}  // namespace
}  // namespace wrenn::net
