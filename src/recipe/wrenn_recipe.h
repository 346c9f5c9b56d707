// Recipes: the lines RUN, START, ENV, WORKDIR, USER and COPY that make a template out of another.
//
//   # Comments, and lines that end in a backslash and go on in the next one.
//   RUN [--timeout=5m] COMMAND   in the shell, as the user and in the directory of the build
//   START COMMAND                in the background; it runs in the template
//   ENV KEY=VALUE                the rest of the line; $X, ${X} and $$ are filled in
//   WORKDIR PATH                 made by root if it is missing
//   USER NAME                    made if it is missing, with sudo
//   COPY SOURCE... DESTINATION   as cp -r does; a word that begins with a quote ends with it
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "recipe/build_plan.h"

namespace wrenn::recipe {

enum class Phases {
  // The package lists are updated and there is a user `wrenn-user`, in whose home the recipe
  // begins; afterwards root cleans up. The user and the environment of the recipe stay.
  kAround,
  kNone,
};

struct RecipeOptions {
  std::string base = "minimal";  // The template to begin with.
  std::string ready_check;       // As parse_ready_check takes it; empty: none.
  Phases phases = Phases::kAround;
};

inline constexpr Duration kPhaseTimeout = std::chrono::minutes(10);
inline constexpr std::string_view kRecipeUser = "wrenn-user";

// One instruction a line; a line may hold newlines. Errors are those of parse_dockerfile, and so
// are the limits. The plan has one stage.
base::Result<BuildPlan> parse_recipe(std::span<const std::string> lines,
                                     const RecipeOptions& options);
// The same from a text file.
base::Result<BuildPlan> parse_recipe_text(std::string_view text, const RecipeOptions& options);

// "[--interval=3s] [--timeout=10s] [--start-period=0] [--retries=0] [--deadline=10m] COMMAND".
// White space outside of quotes is one space. Without a deadline it is start period plus interval
// times (retries + 1), and ten minutes after the start period where retries are 0.
base::Result<ReadyCheck> parse_ready_check(std::string_view text);

}  // namespace wrenn::recipe
