#include "cli/templates.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/age.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

std::vector<std::string> texts_field(const boost::json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const auto* field = object.if_contains(name);
  const auto* array = field != nullptr ? field->if_array() : nullptr;
  if (array == nullptr) return texts;
  for (const auto& element : *array) {
    if (const auto* text = element.if_string()) texts.emplace_back(text->data(), text->size());
  }
  return texts;
}

}  // namespace

base::Result<std::vector<Template>> parse_template_list(std::string_view json) {
  const auto value = parse_json(json);
  const auto* array = value ? value->if_array() : nullptr;
  if (array == nullptr) {
    return base::fail(base::Code::kInternal, "the API's reply makes no sense",
                      "is the address that of a Wrenn API? `wrenn doctor` checks it");
  }
  std::vector<Template> templates;
  for (const auto& element : *array) {
    const auto* object = element.if_object();
    if (object == nullptr) continue;
    templates.push_back({.name = string_field(*object, "name"),
                         .type = string_field(*object, "type"),
                         .vcpus = int_field(*object, "vcpus"),
                         .memory_mb = int_field(*object, "memory_mb"),
                         .size_bytes = int_field(*object, "size_bytes"),
                         .created_at = string_field(*object, "created_at"),
                         .version = int_field(*object, "version"),
                         .tags = texts_field(*object, "tags"),
                         .build_id = string_field(*object, "build_id")});
  }
  return templates;
}

std::string template_table(const std::vector<Template>& templates, std::int64_t now_ms,
                           const Paint& paint) {
  Table table({"NAME", "TYPE", "VERSION", "VCPUS", "MEMORY", "SIZE", "AGE", "TAGS"});
  for (std::size_t column = 2; column < 7; ++column) table.align_right(column);
  for (const auto& one : templates) {
    const auto created = parse_rfc3339(one.created_at);
    const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(one.size_bytes, 0));
    table.add({one.name, one.type, one.version > 0 ? base::concat(one.version) : "-",
               one.vcpus > 0 ? base::concat(one.vcpus) : "-",
               one.memory_mb > 0 ? base::concat(one.memory_mb, " MB") : "-",
               size > 0 ? base::human_bytes(size) : "-",
               created ? human_age(now_ms - *created) : std::string("-"),
               one.tags.empty() ? "-" : base::join(one.tags, ", ")});
  }
  return table.render(paint);
}

base::Result<std::int64_t> find_version(const std::vector<Template>& templates,
                                        const TemplateReference& reference) {
  const std::string tag = reference.tag.empty() ? "latest" : reference.tag;
  for (const auto& one : templates) {
    const bool is_tagged = std::ranges::find(one.tags, tag) != one.tags.end();
    if (one.name == reference.name && is_tagged) return one.version;
  }
  return base::fail(base::Code::kNotFound,
                    base::concat("there is no template ", reference.name, ':', tag),
                    "`wrenn template ls` shows versions and tags");
}

}  // namespace wrenn::cli
