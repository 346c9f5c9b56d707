#include "control/builds/image_config_text.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;
using recipe::Command;

json::object texts_json(const std::map<std::string, std::string>& texts) {
  json::object out;
  for (const auto& [name, value] : texts) out.emplace(name, value);
  return out;
}

json::value command_json(const std::optional<Command>& command) {
  if (!command) return nullptr;
  if (command->form == Command::Form::kShell) return json::value(command->text);
  return json::array(command->argv.begin(), command->argv.end());
}

std::vector<std::string> texts_in(const json::value& value) {
  std::vector<std::string> out;
  for (const auto& one : value.as_array()) out.emplace_back(one.as_string());
  return out;
}

std::map<std::string, std::string> map_in(const json::value& value) {
  std::map<std::string, std::string> out;
  for (const auto& one : value.as_object()) out.emplace(one.key(), one.value().as_string());
  return out;
}

std::optional<Command> command_in(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return Command::shell(std::string(value.as_string()));
  return Command::exec(texts_in(value));
}

}  // namespace

std::string to_text(const recipe::ImageConfig& config) {
  return json::serialize(
      json::object{{"env", texts_json(config.environment)},
                   {"user", config.user},
                   {"workdir", config.workdir},
                   {"shell", json::array(config.shell.begin(), config.shell.end())},
                   {"entrypoint", command_json(config.entrypoint)},
                   {"cmd", command_json(config.cmd)},
                   {"exposed", json::array(config.exposed.begin(), config.exposed.end())},
                   {"labels", texts_json(config.labels)}});
}

base::Result<recipe::ImageConfig> parse_image_config(std::string_view text) {
  recipe::ImageConfig config;
  if (text.empty()) return config;
  try {
    const json::value parsed = json::parse(text);
    const json::object& object = parsed.as_object();
    config.environment = map_in(object.at("env"));
    config.user = object.at("user").as_string();
    config.workdir = object.at("workdir").as_string();
    config.shell = texts_in(object.at("shell"));
    config.entrypoint = command_in(object.at("entrypoint"));
    config.cmd = command_in(object.at("cmd"));
    const auto exposed = texts_in(object.at("exposed"));
    config.exposed = {exposed.begin(), exposed.end()};
    config.labels = map_in(object.at("labels"));
    return config;
  } catch (const std::exception& e) {
    return base::fail(base::Code::kDataLoss,
                      base::concat("what a template says of itself cannot be read: ", e.what()));
  }
}

}  // namespace wrenn::control
