// What `wrenn template build` asks for: from the options as they were typed, and a Dockerfile or a
// recipe, to the body of POST /v1/builds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "cli/config.h"
#include "cli/template_reference.h"
#include "recipe/build_plan.h"

namespace wrenn::cli {

// As they were typed; empty and 0: not said.
struct BuildOptions {
  std::string path = ".";
  std::string name;
  std::string file;
  std::vector<std::string> build_args;
  std::string target;
  std::int64_t vcpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;
  std::string start_command;
  std::string ready_check;
  std::string base;
  bool is_recipe = false;
  bool no_pre_post = false;
  bool no_cache = false;
};

// A build definition on disk.
struct DefinitionFile {
  base::Path path;
  recipe::Dialect dialect = recipe::Dialect::kDockerfile;
  std::string text;
};

// The file that is named, or the one that the directory has. Blocking. kNotFound, with what to do,
// when there is none; kInvalidArgument when the directory is none.
base::Result<DefinitionFile> find_definition(const BuildOptions& options);

// The name and the tag to build, "latest" unless one is given. Without a name it is that of the
// directory, which is looked at. kInvalidArgument when that is no name for a template.
base::Result<TemplateReference> name_to_build(const BuildOptions& options);

// NAME=VALUE; of a NAME alone the value is that of the environment's variable, and without such a
// variable it is left out, as Docker does it. Of the same name the last one counts. Pure.
base::Result<recipe::Environment> parse_build_args(const std::vector<std::string>& words,
                                                   const Environment& environment);

// Options that have no meaning for this kind of definition: kInvalidArgument. Pure.
base::Result<void> check_options(const BuildOptions& options, recipe::Dialect dialect);

// Reads it through: errors and warnings have lines, errors the file too. Pure.
base::Result<recipe::BuildPlan> plan_of(const DefinitionFile& definition,
                                        const BuildOptions& options,
                                        const recipe::Environment& build_args);

// Whether a step that is needed may take files of the directory. Pure.
bool copies_from_context(const recipe::BuildPlan& plan);

// The body of the request; `context` is the digest of the files' archive, or empty. Pure.
base::Result<std::string> request_body(const DefinitionFile& definition,
                                       const BuildOptions& options, const TemplateReference& name,
                                       const recipe::Environment& build_args,
                                       std::string_view context);

}  // namespace wrenn::cli
