// Labels of sandboxes and of hosts: texts by name, the users' own. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::db {

// nullopt: the label goes.
using LabelChanges = std::map<std::string, std::optional<std::string>>;
inline constexpr std::size_t kMaxLabels = 64;

// kInvalidArgument when there would be more than kMaxLabels. `whose`: what the error calls it.
base::Result<void> apply_labels(const LabelChanges& changes,
                                std::map<std::string, std::string>& labels, std::string_view whose);

}  // namespace wrenn::db
