#include "cli/forks.h"

#include <boost/json.hpp>

#include "cli/json_text.h"

namespace wrenn::cli {

base::Result<std::vector<ForkOutcome>> parse_forks(std::string_view json) {
  const auto value = parse_json(json);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* list = object != nullptr ? object->if_contains("capsules") : nullptr;
  const auto* array = list != nullptr ? list->if_array() : nullptr;
  if (array == nullptr) {
    return base::fail(base::Code::kInternal, "the API's reply makes no sense",
                      "is the address that of a Wrenn API? `wrenn doctor` checks it");
  }
  std::vector<ForkOutcome> forks;
  for (const auto& element : *array) {
    const auto* one = element.if_object();
    if (one == nullptr) continue;
    ForkOutcome fork{.id = string_field(*one, "id"), .error = {}};
    const auto* error = one->if_contains("error");
    if (const auto* details = error != nullptr ? error->if_object() : nullptr) {
      fork.error = string_field(*details, "message");
      if (fork.error.empty()) fork.error = "it could not be made";
    }
    forks.push_back(std::move(fork));
  }
  return forks;
}

}  // namespace wrenn::cli
