#include "harness/runs/merge.hpp"

#include <fmt/format.h>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

void print_all(const char* what, const std::vector<std::string>& sentences) {
  for (const std::string& sentence : sentences) {
    complain("merge: {}{}", what, libnorm::printable(sentence));
  }
}

}  // namespace

Exit merge_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "merge STORE... --into STORE",
      "Adds the runs of stores to another one, with what they have kept, and the checkpoints of\n"
      "unfinished runs. The stores stay as they are. Two results of one run must have equal bits\n"
      "(numbers of a solver: be equal to 1e-9). If they differ, both are kept, the difference and\n"
      "where each was made are printed, and the exit code is 1: one machine computes wrongly.");
  arguments.several("from");
  arguments.options()("from", po::value<std::vector<std::string>>(), "the stores to add")(
      "into", po::value<std::string>()->value_name("STORE"),
      "the store that they are added to; it is made if it is not there");
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("from")) throw UsageError("merge: no store given; need STORE... --into STORE");
  if (!arguments.has("into")) throw UsageError("merge: no store to add to; need --into STORE");
  const auto& from = arguments.get<std::vector<std::string>>("from");
  const Merged merged = merge_stores({from.begin(), from.end()}, arguments.text("into"));
  print_out("{} results added, {} were there already and are equal", merged.added, merged.equal);
  if (merged.rounded > 0) {
    print_out(" ({} of them to 1e-9, not to the bit, in a solver's numbers)", merged.rounded);
  }
  print_out("; {} unfinished runs added.\n", merged.begun);
  print_all("two results of one run differ: ", merged.conflicts);
  print_all("left out, since a process is at work on it: ", merged.held);
  print_all("left out, since it is damaged: ", merged.faults);
  if (!merged.conflicts.empty()) return Exit::differs;
  if (!merged.faults.empty()) return Exit::no_data;
  return merged.held.empty() ? Exit::ok : Exit::runs_left;
}

}  // namespace harness
