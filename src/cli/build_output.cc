#include "cli/build_output.h"

#include <algorithm>

#include "cli/table.h"

namespace wrenn::cli {
namespace {

constexpr char kEscape = '\x1b';

bool is_between(char c, int low, int high) {
  const int value = static_cast<unsigned char>(c);
  return value >= low && value <= high;
}

// Where the sequence that begins at `at` ends (ECMA-48). One that is cut short takes all.
std::size_t end_of_sequence(std::string_view text, std::size_t at) {
  if (++at == text.size()) return at;
  const char kind = text[at];
  if (kind == '[') {
    while (++at < text.size() && is_between(text[at], 0x20, 0x3F)) {
    }
    return std::min(at + 1, text.size());
  }
  if (std::string_view("]PX^_").contains(kind)) {
    // A text for the terminal, up to BEL or ESC \.
    while (++at < text.size()) {
      if (text[at] == '\a') return at + 1;
      if (text[at] == kEscape) return std::min(at + 2, text.size());
    }
    return text.size();
  }
  while (at < text.size() && is_between(text[at], 0x20, 0x2F)) ++at;
  return std::min(at + 1, text.size());
}

}  // namespace

std::string shown_line(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  if (const auto back = line.rfind('\r'); back != std::string_view::npos) {
    line.remove_prefix(back + 1);
  }
  constexpr std::size_t kTab = 8;
  std::string out;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == kEscape) {
      at = end_of_sequence(line, at);
    } else if (line[at] == '\t') {
      out.append(kTab - text_width(out) % kTab, ' ');
      ++at;
    } else {
      out += line[at++];
    }
  }
  return printable(out);
}

void OutputLines::keep(std::vector<std::string>& lines, std::string_view line) {
  lines.push_back(shown_line(line));
  kept_.push_back(lines.back());
  if (kept_.size() > kKept) kept_.pop_front();
}

std::vector<std::string> OutputLines::feed(Stream stream, std::string_view text) {
  std::vector<std::string> lines;
  std::string& begun = begun_.at(stream == Stream::kStdout ? 0 : 1);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    begun += text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (begun.size() > kMaxLine) {
      // Not within a character.
      std::size_t cut = kMaxLine;
      while (cut > kMaxLine - 4 && is_between(begun[cut], 0x80, 0xBF)) --cut;
      keep(lines, std::string_view(begun).substr(0, cut));
      begun.erase(0, cut);
    }
    if (end == std::string_view::npos) break;
    keep(lines, begun);
    begun.clear();
  }
  return lines;
}

std::vector<std::string> OutputLines::finish() {
  std::vector<std::string> lines;
  for (std::string& begun : begun_) {
    if (!begun.empty()) keep(lines, begun);
    begun.clear();
  }
  return lines;
}

std::vector<std::string> OutputLines::last() const {
  std::vector<std::string> lines(kept_.begin(), kept_.end());
  for (const std::string& begun : begun_) {
    if (!begun.empty()) lines.push_back(shown_line(begun));
  }
  if (lines.size() > kKept) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kKept));
  }
  return lines;
}

}  // namespace wrenn::cli
