// One instruction of a Dockerfile, but FROM and what is only about stages. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recipe/build_plan.h"
#include "recipe/dockerfile_lines.h"
#include "recipe/words.h"

namespace wrenn::recipe {

struct InstructionContext {
  char escape = '\\';
  std::vector<Warning>& warnings;
};

// The flags of an instruction, each at most once. Those that `known` does not name are an error.
class FlagSet {
 public:
  static base::Result<FlagSet> take(std::size_t line, std::string_view keyword,
                                    std::string_view arguments, char escape,
                                    const std::vector<std::string_view>& known,
                                    const std::vector<std::string_view>& repeatable = {});
  // The last value; nothing when the flag is not there.
  std::optional<std::string> value(std::string_view name) const;
  std::vector<std::string> values(std::string_view name) const;
  // True for "--name" and "--name=true"; kInvalidArgument for what is no boolean.
  base::Result<bool> is_set(std::string_view name, bool otherwise) const;
  std::string_view rest() const { return rest_; }

 private:
  std::size_t line_ = 0;
  std::vector<Flag> flags_;
  std::string_view rest_;
};

// Nothing for an instruction that means nothing here (MAINTAINER). `from` of a COPY is left in
// Copy::from_image, whatever it names.
base::Result<std::optional<Operation>> parse_instruction(const InstructionText& text,
                                                         InstructionContext& context);

// "A=1 B" of ARG.
base::Result<Arg> parse_arg(std::size_t line, std::string_view arguments, char escape);

}  // namespace wrenn::recipe
