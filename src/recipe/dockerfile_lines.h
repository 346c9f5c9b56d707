// The lines of a Dockerfile: what belongs to one instruction, put together. Parser directives,
// comments, continued lines and here-documents are dealt with here. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recipe/build_plan.h"

namespace wrenn::recipe {

struct HereDocument {
  std::string name;
  std::string content;  // Without tabs at the beginning of lines, if it was begun with "<<-".
  std::string raw;      // As it stands, for a shell.
  bool expand = true;   // False when the name was quoted.
  std::string word;     // As it stands in the instruction, to find it there.
};

struct InstructionText {
  std::size_t line = 0;  // Where it begins, from 1.
  std::string text;      // With its keyword; continued lines are joined.
  std::vector<HereDocument> documents;
};

struct DefinitionText {
  char escape = '\\';
  std::vector<InstructionText> instructions;
  std::vector<Warning> warnings;
};

// The errors are those of parse_dockerfile (dockerfile.h).
base::Result<DefinitionText> read_dockerfile_lines(std::string_view text);

// The bounds that all definitions have: size, and that they are text without NUL.
base::Result<void> check_definition(std::string_view text);

}  // namespace wrenn::recipe
