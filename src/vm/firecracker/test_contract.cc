#include "vm/firecracker/test_contract.h"

#include <cstdint>

#include "base/strings.h"

// Defined in test_contract_blob.S.
extern "C" const char wrenn_contract_begin[];
extern "C" const char wrenn_contract_end[];

namespace wrenn::vm::firecracker {
namespace {

using base::concat;
namespace json = boost::json;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

// "/drives/{drive_id}" is "/drives/disk".
bool is_path(std::string_view pattern, std::string_view path) {
  const auto wanted = base::split(pattern, '/');
  const auto given = base::split(path, '/');
  if (wanted.size() != given.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{') ? given[i].empty() : wanted[i] != given[i]) return false;
  }
  return true;
}

bool has_type(const json::value& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "integer") return value.is_int64() || value.is_uint64();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

}  // namespace

Contract::Contract() {
  const json::string_view text(wrenn_contract_begin,
                               static_cast<std::size_t>(wrenn_contract_end - wrenn_contract_begin));
  contract_ = json::parse(text).as_object();
  version_ = view(contract_.at("version").as_string());
}

const json::object* Contract::find(std::string_view method, std::string_view path) const {
  for (const auto& operation : contract_.at("operations").as_array()) {
    const json::object& one = operation.as_object();
    if (view(one.at("method").as_string()) == method &&
        is_path(view(one.at("path").as_string()), path)) {
      return &one;
    }
  }
  return nullptr;
}

Verdict Contract::judge(std::string_view method, std::string_view path, std::string_view body,
                        Phase phase) const {
  constexpr int kBad = 400;
  const json::object* operation = find(method, path);
  if (operation == nullptr) return {kBad, concat("Invalid request method and/or path: ", method)};
  const std::string_view when = view(operation->at("when").as_string());
  if ((when == "before" && phase == Phase::kAfter) ||
      (when == "after" && phase == Phase::kBefore)) {
    return {kBad, concat("The requested operation is not supported ",
                         phase == Phase::kAfter ? "after" : "before", " starting the microVM.")};
  }
  const auto* schema = operation->if_contains("body");
  if (schema == nullptr) {
    return body.empty() ? Verdict() : Verdict{kBad, "Empty body expected for this request."};
  }
  if (body.empty()) {
    if (!operation->at("body_required").as_bool()) return {};
    return {kBad, "Empty PUT request."};
  }
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error) {
    return {kBad, concat("An error occurred when deserializing the json body of a request: ",
                         error.message())};
  }
  const std::string complaint = check(value, schema->as_object(), "body");
  if (!complaint.empty()) {
    return {kBad,
            concat("An error occurred when deserializing the json body of a request: ", complaint)};
  }
  // An id stands in the path and in the body, and is the same.
  for (const char* id : {"drive_id", "iface_id"}) {
    const auto* field = value.as_object().if_contains(id);
    if (field != nullptr && view(field->as_string()) != path.substr(path.rfind('/') + 1)) {
      return {kBad, concat("The id from the path does not match the id from the body!")};
    }
  }
  return {};
}

bool Contract::knows_status(std::string_view method, std::string_view path, int status) const {
  const json::object* operation = find(method, path);
  if (operation == nullptr) return false;
  const json::object& statuses = operation->at("statuses").as_object();
  return statuses.contains(std::to_string(status)) ||
         (status >= 400 && statuses.contains("default"));
}

std::string Contract::complaint_about(const json::value& value, std::string_view type) const {
  return check(value, {{"ref", std::string(type)}}, type);
}

std::string Contract::check(const json::value& value, const json::object& schema,
                            std::string_view where) const {
  if (const auto* reference = schema.if_contains("ref")) {
    const auto* type = contract_.at("types").as_object().if_contains(reference->as_string());
    if (type == nullptr) return concat("the contract has no type for ", where);
    return check(value, type->as_object(), where);
  }
  const std::string_view type = view(schema.at("type").as_string());
  if (!has_type(value, type)) return concat("invalid type of `", where, "`, expected ", type);
  if (const auto* values = schema.if_contains("enum")) {
    bool is_known = false;
    for (const auto& one : values->as_array()) is_known = is_known || one == value;
    if (!is_known) return concat("unknown variant in `", where, "`");
  }
  if (type == "integer") {
    const auto number = value.to_number<std::int64_t>();
    const auto* least = schema.if_contains("minimum");
    const auto* most = schema.if_contains("maximum");
    if ((least != nullptr && number < least->to_number<std::int64_t>()) ||
        (most != nullptr && number > most->to_number<std::int64_t>())) {
      return concat("`", where, "` is out of its range");
    }
  }
  if (type == "array") {
    for (const auto& item : value.as_array()) {
      if (auto found = check(item, schema.at("items").as_object(), where); !found.empty()) {
        return found;
      }
    }
  }
  return type == "object" ? check_object(value.as_object(), schema, where) : std::string();
}

std::string Contract::check_object(const json::object& value, const json::object& schema,
                                   std::string_view where) const {
  const json::object& fields = schema.at("fields").as_object();
  for (const auto& field : fields) {
    const auto* required = field.value().as_object().if_contains("required");
    const bool is_missing =
        required != nullptr && required->as_bool() && !value.contains(field.key());
    if (is_missing) return concat("missing field `", std::string_view(field.key()), "`");
  }
  for (const auto& member : value) {
    const auto* field = fields.if_contains(member.key());
    if (field == nullptr) {
      if (schema.contains("open")) continue;
      return concat("unknown field `", std::string_view(member.key()), "` in `", where, "`");
    }
    const std::string name = concat(where, '.', std::string_view(member.key()));
    if (auto found = check(member.value(), field->as_object(), name); !found.empty()) return found;
  }
  return {};
}

std::vector<std::string> Contract::operations() const {
  std::vector<std::string> all;
  for (const auto& operation : contract_.at("operations").as_array()) {
    const json::object& one = operation.as_object();
    all.push_back(
        concat(view(one.at("method").as_string()), ' ', view(one.at("path").as_string())));
  }
  return all;
}

}  // namespace wrenn::vm::firecracker
