#include <csignal>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <fmt/format.h>

#include "harness/commands/command.hpp"
#include "harness/runner.hpp"
#include "libnorm/core/version.hpp"

namespace {

using namespace harness;

constexpr Command kCommands[] = {
    {"list", "what there is: experiments, arms, protocols, metrics, claims", &list_command},
    {"run", "train the arms of an experiment and keep what comes of it", &run_command},
    {"verify", "judge the claims and hold the verdicts against golden", &verify_command},
    {"figures", "draw the paper's figures from stored rows", &figures_command},
    {"report", "write one HTML page with verdicts, figures and all numbers", &report_command},
    {"show", "list the stored runs, as a table or as JSON", &show_command},
    {"bless", "make the stored rows golden, with a reason", &bless_command},
    {"gc", "name, and remove, what a store has no use for any more", &gc_command},
    {"bench", "time training steps and products against the machine's peak", &bench_command},
    {"measure", "what the metrics say of activations in a .npy or safetensors file",
     &measure_command},
    {"tokenize", "turn lines of text into WordPiece ids or tokens", &tokenize_command},
};

void print_usage(std::FILE* to) {
  fmt::print(to,
             "Usage: norm-harness COMMAND [options]\n\n"
             "Runs the experiments of \"Stability and Expression\" (Rahman 2025), checks its "
             "claims and\nredraws its figures, with the same bits on every run, thread count and "
             "instruction set.\n\nCommands\n");
  for (const Command& command : kCommands) {
    fmt::print(to, "  {:10} {}\n", command.name, command.summary);
  }
  fmt::print(to,
             "\n`norm-harness COMMAND --help` tells what a command takes. To begin:\n"
             "  norm-harness run all --profile smoke\n\n"
             "Exit codes: 0 all as in golden; 1 a verdict or a run differs; 2 usage; 3 data or\n"
             "golden missing or damaged; 130 stopped by Ctrl-C.\n");
}

Exit run(const std::vector<std::string>& words) {
  if (words.empty()) {
    print_usage(stderr);
    return Exit::usage;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_usage(stdout);
    return Exit::ok;
  }
  if (words[0] == "--version") {
    fmt::print("norm-harness {}\n", libnorm::kVersionText);
    return Exit::ok;
  }
  for (const Command& command : kCommands) {
    if (words[0] == command.name) return command.run({words.begin() + 1, words.end()});
  }
  throw UsageError(fmt::format("unknown command ({}); `norm-harness --help` lists them", words[0]));
}

}  // namespace

int main(int argc, char** argv) {
  const auto fail = [](const char* text, Exit exit) {
    fmt::print(stderr, "norm-harness: {}\n", text);
    return exit;
  };
  // A file-size limit is then an error like a full disk, with a sentence of its own.
  std::signal(SIGXFSZ, SIG_IGN);
#if defined(__GLIBC__)
  // Large blocks go back to the system when a run is over; by default glibc keeps more and more of
  // them in pieces.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
  Exit exit = Exit::ok;
  try {
    exit = run({argv + 1, argv + argc});
    // A reader that went away, or a full disk behind a pipe, is found here at the latest.
    if (std::fflush(stdout) != 0) exit = fail("cannot write the output", Exit::no_data);
  } catch (const UsageError& error) {
    exit = fail(error.what(), Exit::usage);
  } catch (const libnorm::ValueError& error) {
    exit = fail(error.what(), Exit::usage);
  } catch (const Interrupted& stop) {
    exit = fail(stop.what(), Exit::interrupted);
  } catch (const std::exception& error) {
    exit = fail(error.what(), Exit::no_data);
  }
  return int(exit);
}
