#include "harness/commands/bench_against.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "harness/base/child_process.hpp"
#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/base/stop.hpp"
#include "harness/base/terminal.hpp"
#include "harness/commands/bench_ratios.hpp"
#include "harness/runs/progress.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

/// The program of this process, even if its file has been built anew since.
constexpr const char* kThisBuild = "/proc/self/exe";

/// Says on standard error what is being timed, and how long it all will take.
class TurnProgress {
 public:
  TurnProgress(int rounds, std::size_t turns_a_round)
      : rounds_(rounds), turns_(double(rounds) * double(turns_a_round)) {}
  TurnProgress(const TurnProgress&) = delete;
  TurnProgress& operator=(const TurnProgress&) = delete;
  ~TurnProgress() {
    if (is_terminal_) clear_line(std::cerr);
  }

  /// A program begins a turn, the first of a round or a later one.
  void turn(int round, bool is_first, const std::string& experiment, const std::string& program) {
    std::string left;
    if (round > 0) {
      const std::chrono::duration<double> spent = Clock::now() - start_;
      left = ", " + duration_text(spent.count() / done_ * (turns_ - done_)) + " left";
    }
    ++done_;
    const std::string text =
        fmt::format("round {} of {}{}: {} of {}", round + 1, rounds_, left, experiment, program);
    if (is_terminal_) {
      show_line(std::cerr, STDERR_FILENO, text);
    } else if (is_first) {
      complain("{}", text);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  const int rounds_;
  const double turns_;
  double done_ = 0;
  const Clock::time_point start_ = Clock::now();
  const bool is_terminal_ = is_terminal(STDERR_FILENO);
};

/// What was timed so far.
struct Timed {
  std::vector<PairedTimes> times;
  /// What only one of the builds has.
  std::vector<std::string> alone;
  int whole_rounds = 0;
};

/// The times of one build; nothing if a stop was requested.
std::optional<std::vector<TimedStep>> timed_by(const std::string& program, const BenchTask& task,
                                               const AgainstRequest& request) {
  std::vector<std::string> words = {"bench",        "--json",
                                    "--experiment", task.experiment,
                                    "--arms",       fmt::format("{}", fmt::join(task.arms, ","))};
  words.insert(words.end(), request.options.begin(), request.options.end());
  const std::string command = fmt::format("{} {}", program, fmt::join(words, " "));
  words.insert(words.begin(), std::filesystem::absolute(program).string());
  const TemporaryFolder folder;
  const ChildProcess child{.name = "bench: " + program,
                           .wanted = "the path of another build's norm-harness",
                           .words = std::move(words),
                           .out = folder.path() / "out",
                           .errors = folder.path() / "errors"};
  const std::optional<int> status = run_child(child, stop_requested);
  if (!status) return std::nullopt;
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    throw libnorm::BackendError(fmt::format(
        "bench: `{}` {} {} (it said: {}); need exit code 0", command,
        WIFSIGNALED(*status) ? "was ended by signal" : "failed with exit code",
        WIFSIGNALED(*status) ? WTERMSIG(*status) : WEXITSTATUS(*status), last_words(child.errors)));
  }
  return read_steps(is_there(child.out) ? read_file(child.out) : "", command);
}

/// Both builds, this one last or first, on one experiment. Returns whether both were timed. The
/// other one begins, as it is the one whose path may be mistaken.
bool take_turns(const AgainstRequest& request, const BenchTask& task, int round,
                TurnProgress& progress, Timed& result) {
  const bool this_first = round % 2 == 1;
  std::optional<std::vector<TimedStep>> of_new, of_old;
  for (const bool is_new : {this_first, !this_first}) {
    const std::string program = is_new ? kThisBuild : request.other;
    progress.turn(round, &task == &request.tasks.front() && is_new == this_first, task.experiment,
                  is_new ? "this build" : request.other);
    auto& times = is_new ? of_new : of_old;
    times = timed_by(program, task, request);
    if (!times) return false;
  }
  for (std::string& name : add_turn(*of_new, *of_old, result.times)) {
    if (std::ranges::count(result.alone, name) == 0) result.alone.push_back(std::move(name));
  }
  return true;
}

Timed time_both(const AgainstRequest& request) {
  Timed result;
  TurnProgress progress(request.rounds, 2 * request.tasks.size());
  for (; result.whole_rounds < request.rounds; ++result.whole_rounds) {
    for (const BenchTask& task : request.tasks) {
      if (!take_turns(request, task, result.whole_rounds, progress, result)) return result;
    }
  }
  return result;
}

void print_json(const std::vector<PairedTimes>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const PairedTimes& times : all) {
    const std::vector<double> ratios = times.ratios();
    const auto interval = median_interval(ratios);
    nlohmann::json line = {{"experiment", times.experiment},
                           {"arm", times.arm},
                           {"pairs", ratios.size()},
                           {"old_ms", median(times.old_ms)},
                           {"new_ms", median(times.new_ms)},
                           {"ratio", median(ratios)},
                           {"low", nullptr},
                           {"high", nullptr},
                           {"ratios", ratios}};
    if (interval) std::tie(line["low"], line["high"]) = *interval;
    list.push_back(std::move(line));
  }
  print_out("{}\n", list.dump(2));
}

void print_table(const std::vector<PairedTimes>& all, const std::string& other) {
  print_out("new: this build; old: {}\nmedians of pairs, and the 95% interval of new/old's\n\n",
            other);
  print_out("{:10} {:48} {:>5} {:>10} {:>10} {:>8} {:>16}\n", "experiment", "arm", "pairs",
            "old ms", "new ms", "new/old", "interval");
  for (const PairedTimes& times : all) {
    const std::vector<double> ratios = times.ratios();
    const auto interval = median_interval(ratios);
    const std::string ends =
        interval ? fmt::format("{:.3f} .. {:.3f}", interval->first, interval->second) : "-";
    print_out("{:10} {:48} {:5} {:10.3f} {:10.3f} {:8.3f} {:>16}  {}\n", times.experiment,
              times.arm, ratios.size(), median(times.old_ms), median(times.new_ms), median(ratios),
              ends, verdict_of(interval));
  }
}

}  // namespace

Exit bench_against(const AgainstRequest& request) {
  // What has been timed is worth printing.
  stop_on_signals();
  const Unsaved times_so_far;
  const Timed result = time_both(request);
  if (!result.alone.empty()) {
    complain("bench: only one of the builds has {}: left out", fmt::join(result.alone, "; "));
  }
  if (result.times.empty() && !stop_requested()) {
    throw libnorm::DataError(
        fmt::format("bench: this build and {} time nothing that both have; need arms or products "
                    "in common",
                    request.other));
  }
  request.as_json ? print_json(result.times) : print_table(result.times, request.other);
  if (result.whole_rounds == request.rounds) return Exit::ok;
  complain("norm-harness: stopped after {} of {} rounds", result.whole_rounds, request.rounds);
  return Exit::interrupted;
}

}  // namespace harness
