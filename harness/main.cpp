#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <fmt/format.h>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/runs/runner.hpp"
#include "libnorm/core/version.hpp"
#include "libnorm/data/printable.hpp"

namespace {

using namespace harness;

constexpr Command kCommands[] = {
    {"list", "what there is: experiments, arms, protocols, metrics, claims", &list_command},
    {"run", "train the arms of an experiment and store the results", &run_command},
    {"plan", "list the runs of a sweep, with their expected time and size", &plan_command},
    {"status", "how far the runs of a plan are, on all nodes", &status_command},
    {"merge", "add the runs of stores to one store", &merge_command},
    {"verify", "judge the claims and compare the verdicts with golden", &verify_command},
    {"judge", "judge your own claims on your own paired results", &judge_command},
    {"figures", "draw the paper's figures from stored results", &figures_command},
    {"report", "write one HTML page with verdicts, figures and all numbers", &report_command},
    {"show", "list the stored runs, as a table, as JSON or as CSV", &show_command},
    {"remeasure", "measure stored runs again, from the weights that they have kept",
     &remeasure_command},
    {"bless", "make stored results golden, and record why", &bless_command},
    {"gc", "list files that a store no longer needs, or remove them", &gc_command},
    {"bench", "time training steps and products against the machine's peak", &bench_command},
    {"measure", "print all metrics of your own activations (.npy, .npz, safetensors)",
     &measure_command},
    {"tokenize", "turn lines of text into WordPiece ids or tokens", &tokenize_command},
};

std::string usage() {
  std::string text =
      "Usage: norm-harness COMMAND [options]\n\n"
      "Runs the experiments of \"Stability and Expression\" (Rahman 2025), checks its claims and\n"
      "redraws its figures, with the same bits on every run, thread count and instruction set.\n\n"
      "Commands\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:10} {}\n", command.name, command.summary);
  }
  return text +
         "\n`norm-harness COMMAND --help` lists a command's options. Start with:\n"
         "  norm-harness run all --profile smoke\n\n"
         "Exit codes: 0 all as in golden; 1 a verdict or a run differs; 2 usage; 3 data or\n"
         "golden missing or damaged, or the output cannot be written; 4 runs are left, to another\n"
         "process or because time ran out; 130 runs or figures were stopped by a signal.\n";
}

Exit run(const std::vector<std::string>& words) {
  if (words.empty()) {
    complain("{}", usage());
    return Exit::usage;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_text(usage());
    return Exit::ok;
  }
  if (words[0] == "--version") {
    print_out("norm-harness {}\n", libnorm::kVersionText);
    return Exit::ok;
  }
  for (const Command& command : kCommands) {
    if (words[0] == command.name) return command.run({words.begin() + 1, words.end()});
  }
  throw UsageError(fmt::format("unknown command ({}); `norm-harness --help` lists them", words[0]));
}

/// Of a long sentence, which quotes a long text, the beginning and the end.
std::string shortened(std::string text) {
  constexpr std::size_t kLongest = 4000, kEnd = 500;
  if (text.size() <= kLongest) return text;
  return text.substr(0, kLongest - kEnd) + " ... " + text.substr(text.size() - kEnd);
}

Exit fail(const char* text, Exit exit) {
  // Errors quote files and names, whose text may come from a stranger.
  complain_text("norm-harness: ", shortened(libnorm::printable(text)));
  return exit;
}

/// Runs a command. An error becomes one sentence and an exit code.
Exit run_safely(int argc, char** argv) noexcept {
  try {
    return run({argv + 1, argv + argc});
  } catch (const UsageError& error) {
    return fail(error.what(), Exit::usage);
  } catch (const libnorm::ValueError& error) {
    return fail(error.what(), Exit::usage);
  } catch (const Interrupted& stop) {
    return fail(stop.what(), Exit::interrupted);
  } catch (const std::bad_alloc&) {
    return fail("there is not enough memory for it; need more, or less to do", Exit::no_data);
  } catch (const std::exception& error) {
    return fail(error.what(), Exit::no_data);
  } catch (...) {
    return fail("an error without a name", Exit::no_data);
  }
}

/// For errors that nobody can catch, such as when the system refuses a thread to TBB.
[[noreturn]] void end_safely() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
    fail("the program contradicts itself", Exit::no_data);
  } catch (const std::exception& error) {
    fail(error.what(), Exit::no_data);
  } catch (...) {
    fail("an error without a name", Exit::no_data);
  }
  std::_Exit(int(Exit::no_data));
}

}  // namespace

int main(int argc, char** argv) {
  if (!open_missing_streams()) return int(Exit::no_data);
  std::set_terminate(end_safely);
  // A file-size limit and a closed pipe are then errors like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
#if defined(__GLIBC__)
  // Large blocks return to the system when a run is over; by default glibc keeps more and more of
  // them in fragments.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
  const Exit exit = run_safely(argc, argv);
  // An earlier error takes precedence.
  if (!finish_output() && exit == Exit::ok) return int(Exit::no_data);
  return int(exit);
}
