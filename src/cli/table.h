// Table: text in aligned columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console.h"

namespace wrenn::cli {

// Columns of text as wide as their widest cell, two spaces apart; no spaces at line ends. Control
// characters in cells are shown as '?', so that no name can move the cursor.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Numbers look better on the right.
  void align_right(std::size_t column) { right_.push_back(column); }
  std::string render(const Paint& paint) const;

 private:
  std::string line(const std::vector<std::string>& row,
                   const std::vector<std::size_t>& widths) const;

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> right_;
};

// Characters, not bytes, of UTF-8 text.
std::size_t text_width(std::string_view text);
// Control characters replaced by '?', those of two bytes (U+0080 to U+009F) too.
std::string printable(std::string_view text);
// At most `width` characters of UTF-8 text; one that was cut ends with "…".
std::string shortened(std::string_view text, std::size_t width);

}  // namespace wrenn::cli
