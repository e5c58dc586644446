#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/results/compare.hpp"
#include "harness/results/golden.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

void print_verdicts(const std::vector<CheckedVerdict>& checked, const Arguments& arguments) {
  std::vector<Verdict> verdicts;
  for (const CheckedVerdict& c : checked) verdicts.push_back(c.verdict);
  if (arguments.has("json")) {
    print_out("{}\n", nlohmann::json(verdicts).dump(2, ' ', true));
  } else if (arguments.has("markdown")) {
    print_out("{}", markdown(verdicts));
  } else {
    print_out("{}\n", table(verdicts));
  }
}

/// Names every verdict that differs from golden's.
Exit compare_verdicts(const std::vector<CheckedVerdict>& checked) {
  Exit exit = Exit::ok;
  for (const CheckedVerdict& c : checked) {
    const std::string name = c.verdict.id + " [" + c.verdict.definition + "]";
    if (!c.expected) {
      complain("verify: golden has no verdict on {}; bless one, or restore golden", name);
      exit = Exit::no_data;
    } else if (c.verdict.outcome == Outcome::could_not_check &&
               c.expected->outcome != Outcome::could_not_check) {
      complain("verify: {} could not be checked; golden says {} ({})", name,
               word(c.expected->outcome), libnorm::printable(c.expected->scope));
      exit = Exit::no_data;
    } else if (!c.differences.empty()) {
      complain("verify: {} differs from golden", name);
      for (const std::string& d : c.differences) complain("  {}", libnorm::printable(d));
      if (exit == Exit::ok) exit = Exit::differs;
    }
  }
  return exit;
}

/// Compares the store's results with golden's, at the profile asked for, or else at that which
/// claims are judged at.
Exit compare_store(const Arguments& arguments, const Golden& golden) {
  // With JSON or Markdown on standard output, texts for people go to standard error.
  const auto tell = [&](const std::string& line) {
    if (arguments.has("json") || arguments.has("markdown")) return complain_text("", line);
    print_out("{}\n", line);
  };
  const std::string& directory = arguments.text("store");
  const auto store = store_to_read(arguments);
  if (!store) {
    tell(fmt::format("No store at {}: nothing made here to hold against golden.",
                     libnorm::printable(directory)));
  }
  int same = 0, differing = 0, unknown = 0, unmeasured = 0;
  for (const RunResult& result : store ? store->results() : std::vector<RunResult>()) {
    const std::string profile = arguments.has("profile")
                                    ? arguments.text("profile")
                                    : std::string(study_of(result).claim_profile());
    const RunResult* expected = golden.find(result);
    // A custom run is compared if golden has it, and never missing otherwise.
    const bool is_custom = result.profile == "custom" && expected != nullptr;
    if (!is_custom && (result.profile != profile || !is_current(result))) continue;
    if (expected == nullptr) {
      ++unknown;
      continue;
    }
    const auto differences = compare(result, *expected);
    for (const Difference& d : differences) tell(libnorm::printable(d.message));
    const bool differs = std::ranges::any_of(
        differences, [](const Difference& d) { return d.cause != Cause::kOtherMeasures; });
    ++(differs ? differing : differences.empty() ? same : unmeasured);
  }
  if (store) {
    tell(fmt::format("{} runs made here have golden's bits; {} are not in golden.", same, unknown));
  }
  if (differing > 0) return Exit::differs;
  if (unmeasured > 0) {
    complain("verify: {} of the runs could not be compared: other versions measured them",
             unmeasured);
    return Exit::no_data;
  }
  if (!arguments.has("check")) return Exit::ok;
  if (unknown > 0) {
    complain("verify: --check was asked for, and golden lacks {} of the runs", unknown);
  } else if (same == 0) {
    complain("verify: --check was asked for, and there is no run to compare with golden ({})",
             libnorm::printable(directory));
  }
  return unknown > 0 || same == 0 ? Exit::no_data : Exit::ok;
}

}  // namespace

Exit verify_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "verify [options]",
      "Judges the paper's claims from the results and holds the verdicts, and the bits of the runs "
      "in\n"
      "the store, against golden. Nothing is trained. A verdict that says that a claim does not\n"
      "hold is no failure; one that golden does not have is.");
  add_result_options(arguments);
  arguments.options()("claim", po::value<std::string>(),
                      "only this claim of those that `list` names, under all its definitions")(
      "check", "fail unless there are runs, and golden has every one")(
      "json", "the verdicts as JSON")("markdown", "the verdicts as README has them");
  if (!arguments.parse(words)) return Exit::ok;
  if (arguments.has("check") && arguments.text("results") == "golden") {
    throw UsageError(
        "--check: cannot be combined with --results golden, which leaves the store's runs out");
  }

  Golden golden;
  const auto results = read_results(arguments, &golden);
  std::vector<CheckedVerdict> checked;
  for (CheckedVerdict& c : check_verdicts(results, golden)) {
    if (!arguments.has("claim") || c.verdict.id == arguments.text("claim")) {
      checked.push_back(std::move(c));
    }
  }
  if (checked.empty() && arguments.has("claim")) {
    std::vector<std::string> known;
    for (const Study* study : studies()) {
      for (const Claim& claim : study->claims()) known.push_back(claim.id);
    }
    throw UsageError(fmt::format("--claim: unknown claim ({}); use one of {}",
                                 arguments.text("claim"), fmt::join(known, ", ")));
  }
  if (arguments.has("json") && arguments.has("markdown")) {
    throw UsageError("--markdown: cannot be combined with --json; need one of them");
  }
  print_verdicts(checked, arguments);
  Exit exit = compare_verdicts(checked);
  const bool json = arguments.has("json") || arguments.has("markdown");
  if (exit == Exit::ok && !json) print_out("All {} verdicts are golden's.\n", checked.size());
  if (arguments.text("results") != "golden") {
    const Exit runs = compare_store(arguments, golden);
    if (exit == Exit::ok) exit = runs;
  }
  return exit;
}

}  // namespace harness
