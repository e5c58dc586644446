#include <fmt/format.h>

#include "harness/commands/command.hpp"
#include "harness/commands/verdicts.hpp"
#include "harness/compare.hpp"
#include "harness/experiments/study.hpp"
#include "harness/output.hpp"
#include "harness/store.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// Holds the store's rows of the profile, or of that which claims are judged at, against golden's.
Exit compare_store(const Arguments& arguments, const Golden& golden) {
  const std::filesystem::path directory = arguments.text("store");
  if (!std::filesystem::exists(directory)) {
    print_out("No store at {}: nothing made here to hold against golden.\n", directory.string());
    return Exit::ok;
  }
  int same = 0, unknown = 0;
  Exit exit = Exit::ok;
  for (const Row& row : Store(directory).rows()) {
    const std::string profile = arguments.has("profile")
                                    ? arguments.text("profile")
                                    : std::string(study_of(row).claim_profile());
    if (row.profile != profile || !is_current(row)) continue;
    const Row* expected = golden.find(row.task, row.profile, row.arm, row.seed);
    if (expected == nullptr) {
      ++unknown;
      continue;
    }
    const auto differences = compare(row, *expected);
    for (const Difference& d : differences) print_out("{}\n", d.message);
    if (differences.empty()) {
      ++same;
    } else {
      exit = Exit::differs;
    }
  }
  print_out("{} runs made here have golden's bits; {} are not in golden.\n", same, unknown);
  if (unknown > 0 && exit == Exit::ok && arguments.has("check")) {
    complain("verify: --check was asked for, and golden lacks {} of the runs", unknown);
    exit = Exit::no_data;
  }
  return exit;
}

}  // namespace

Exit verify_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "verify [options]",
      "Judges the paper's claims from the rows and holds the verdicts, and the bits of the runs "
      "in\n"
      "the store, against golden. Nothing is trained. A verdict that says that a claim does not\n"
      "hold is no failure; one that golden does not have is.");
  add_row_options(arguments);
  arguments.options()("claim", po::value<std::string>(),
                      "only this claim, as e1.isotropy, under all its protocols")(
      "check", "fail unless golden has every run that is held against it")("json",
                                                                           "the verdicts as JSON");
  if (!arguments.parse(words)) return Exit::ok;

  Golden golden;
  const auto rows = read_rows(arguments, &golden);
  std::vector<CheckedVerdict> checked;
  for (CheckedVerdict& c : check_verdicts(rows, golden)) {
    if (!arguments.has("claim") || c.verdict.id == arguments.text("claim")) {
      checked.push_back(std::move(c));
    }
  }
  if (checked.empty()) {
    throw UsageError(fmt::format("--claim: unknown claim ({}); `norm-harness list` names them all",
                                 arguments.text("claim")));
  }
  std::vector<Verdict> verdicts;
  for (const CheckedVerdict& c : checked) verdicts.push_back(c.verdict);
  if (arguments.has("json")) {
    print_out("{}\n", nlohmann::json(verdicts).dump(2));
  } else {
    print_out("{}\n", table(verdicts));
  }
  Exit exit = Exit::ok;
  for (const CheckedVerdict& c : checked) {
    const std::string name = c.verdict.id + " [" + c.verdict.protocol + "]";
    if (!c.expected) {
      complain("verify: golden has no verdict on {}; bless one, or restore golden", name);
      exit = Exit::no_data;
    } else if (c.verdict.outcome == Outcome::could_not_check &&
               c.expected->outcome != Outcome::could_not_check) {
      complain("verify: {} could not be checked; golden says {}", name, word(c.expected->outcome));
      exit = Exit::no_data;
    } else if (!c.differences.empty()) {
      complain("verify: {} differs from golden", name);
      for (const std::string& d : c.differences) complain("  {}", d);
      if (exit == Exit::ok) exit = Exit::differs;
    }
  }
  if (arguments.has("json")) return exit;
  if (exit == Exit::ok) print_out("All {} verdicts are golden's.\n", checked.size());
  if (arguments.text("rows") != "golden") {
    const Exit runs = compare_store(arguments, golden);
    if (exit == Exit::ok) exit = runs;
  }
  return exit;
}

}  // namespace harness
