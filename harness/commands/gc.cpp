#include "harness/runs/garbage.hpp"

#include <fmt/format.h>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/results/environment.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

std::string count_text(std::size_t count, const char* one, const char* several) {
  return fmt::format("{} {}", count, count == 1 ? one : several);
}

/// Prints each thing. Returns: the size of all.
std::uintmax_t print(const std::vector<StoredThing>& things) {
  std::uintmax_t total = 0;
  for (const StoredThing& thing : things) {
    print_out("{:>10}  {}  ({})\n", size_text(thing.bytes), libnorm::printable(thing.path.string()),
              thing.what);
    total += thing.bytes;
  }
  return total;
}

void print(const Garbage& found, Removal removal) {
  const std::uintmax_t bytes = print(found.things);
  const std::string count = count_text(found.things.size(), "thing", "things");
  if (removal != Removal::nothing) {
    print_out("Removed {}, {}.\n", count, size_text(bytes));
  } else if (found.things.empty()) {
    print_out("There is nothing to remove.\n");
  } else {
    print_out("{} of no use, {}; --remove removes them.\n", count, size_text(bytes));
  }
  if (!found.old_runs.empty()) {
    const std::uintmax_t old_bytes = print(found.old_runs);
    const bool gone = removal == Removal::things_and_old_runs;
    print_out("{}{} of other numerics than this version's ({}), {}{}\n", gone ? "Removed " : "",
              count_text(found.old_runs.size(), "run", "runs"), kNumerics, size_text(old_bytes),
              gone ? "." : "; they stay, unless --old-runs is given with --remove.");
  }
  if (!found.held.empty()) {
    print_out("Left alone, since a process is at work there: {}.\n",
              count_text(found.held.size(), "run", "runs"));
  }
}

}  // namespace

Exit gc_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "gc [options]",
      "Lists what a store no longer needs, with its size:\n\n"
      "  - checkpoints of finished runs, as versions before this one left them\n"
      "  - kept states (kept.safetensors) that no result names\n"
      "  - what a process left half written, or had not begun, when it was killed\n\n"
      "and, separately, runs made with another version of the numerics, which are never compared\n"
      "with this version's. --remove deletes the first kind; --old-runs also deletes the second,\n"
      "with their results. Otherwise results, the weights they name, and checkpoints of "
      "unfinished\n"
      "runs are never deleted. Runs that a process is working on are left alone. So are damaged\n"
      "runs, which are named, and the exit code is then 3.\n\n"
      "  norm-harness gc                        what there is, and how much\n"
      "  norm-harness gc --remove               removes it");
  arguments.options()("store", po::value<std::string>()->default_value("out/store"),
                      "folder of the runs made here")("remove", "remove what is of no use")(
      "old-runs", "with --remove: also remove runs of other numerics, with their results");
  if (!arguments.parse(words)) return Exit::ok;
  if (arguments.has("old-runs") && !arguments.has("remove")) {
    throw UsageError("--old-runs: needs --remove too; `gc` alone names these runs");
  }
  const Removal removal = !arguments.has("remove")    ? Removal::nothing
                          : arguments.has("old-runs") ? Removal::things_and_old_runs
                                                      : Removal::things;
  const Garbage found = collect_garbage(arguments.text("store"), removal);
  print(found, removal);
  for (const std::string& fault : found.faults) complain("gc: {}", libnorm::printable(fault));
  return found.faults.empty() ? Exit::ok : Exit::no_data;
}

}  // namespace harness
