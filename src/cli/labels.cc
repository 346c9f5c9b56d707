#include "cli/labels.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::cli {

base::Result<std::vector<LabelWord>> parse_labels(const std::vector<std::string>& words,
                                                  bool may_go) {
  std::vector<LabelWord> labels;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals != word.npos && equals > 0) {
      labels.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else if (equals == word.npos && may_go && word.size() > 1 && word.ends_with('-')) {
      labels.emplace_back(word.substr(0, word.size() - 1), std::nullopt);
    } else {
      return base::fail(
          base::Code::kInvalidArgument, base::concat("'", word, "' is not a label"),
          may_go ? "labels are NAME=VALUE, or NAME- to take one away" : "labels are NAME=VALUE");
    }
  }
  return labels;
}

std::string label_changes_json(const std::vector<LabelWord>& labels) {
  boost::json::object changes;
  for (const auto& [name, value] : labels) {
    if (value) {
      changes[name] = *value;
    } else {
      changes[name] = nullptr;
    }
  }
  return boost::json::serialize(boost::json::object{{"labels", std::move(changes)}});
}

}  // namespace wrenn::cli
