// scheduler_bench: one simulation, its figures as a line of JSON.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "simulation.h"

int main(int argc, char** argv) {
  wrenn::bench::Simulated run;
  CLI::App app("Places sandboxes on a fleet that is only simulated.", "scheduler_bench");
  app.add_option("--policy", run.policy, "Who chooses the hosts")
      ->check(CLI::IsMember({"ours", "best-of-3", "full-scan"}))
      ->required();
  app.add_flag("--mixed", run.is_mixed, "Hosts of several sizes");
  app.add_option("--hosts", run.hosts)->check(CLI::Range(1, 100'000));
  app.add_option("--sandboxes", run.sandboxes)->check(CLI::Range(1000, 100'000'000));
  app.add_option("--planes", run.planes, "Control planes")->check(CLI::Range(1, 100));
  app.add_option("--stale", run.stale, "Placements after which they hear of each other's")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--seed", run.seed);
  CLI11_PARSE(app, argc, argv);

  const wrenn::bench::Outcome outcome = wrenn::bench::simulate(run);
  const boost::json::object figures{{"placements_per_s", run.sandboxes / outcome.choose_seconds},
                                    {"p99_to_mean", outcome.p99_to_mean},
                                    {"max_to_mean", outcome.max_to_mean},
                                    {"failed_with_room", outcome.failed_with_room},
                                    {"failed_when_full", outcome.failed_when_full},
                                    {"overfilled", outcome.overfilled}};
  std::puts(boost::json::serialize(figures).c_str());
  return 0;
}
