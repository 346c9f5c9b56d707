#include "db/labels.h"

#include "base/strings.h"

namespace wrenn::db {

base::Result<void> apply_labels(const LabelChanges& changes,
                                std::map<std::string, std::string>& labels,
                                std::string_view whose) {
  for (const auto& [name, value] : changes) {
    if (value) {
      labels[name] = *value;
    } else {
      labels.erase(name);
    }
  }
  if (labels.size() <= kMaxLabels) return {};
  return base::fail(base::Code::kInvalidArgument,
                    base::concat(whose, " has ", kMaxLabels, " labels at most"));
}

}  // namespace wrenn::db
