// Labels of sandboxes and hosts on the command line: NAME=VALUE, and NAME- for one that goes. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

// nullopt: it goes.
using LabelWord = std::pair<std::string, std::optional<std::string>>;

// kInvalidArgument for a word that is neither, or a NAME- where `may_go` is false.
base::Result<std::vector<LabelWord>> parse_labels(const std::vector<std::string>& words,
                                                  bool may_go);
// {"labels":{...}}, as PATCH takes it.
std::string label_changes_json(const std::vector<LabelWord>& labels);

}  // namespace wrenn::cli
