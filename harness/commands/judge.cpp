#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/claims/claim_file.hpp"
#include "harness/claims/evidence.hpp"
#include "harness/claims/judge.hpp"
#include "harness/claims/paired_csv.hpp"
#include "harness/claims/power.hpp"
#include "harness/commands/command.hpp"
#include "harness/report/draw_figures.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

constexpr Index kMostPlanned = 20;
constexpr double kPower = 0.8;

/// The least number of seeds for which `power` says 80%; nothing up to 20.
template <class Power>
std::string seeds_for(Power power) {
  for (Index n = 2; n <= kMostPlanned; ++n) {
    if (power(n) >= kPower) return std::to_string(n);
  }
  return fmt::format("more than {}", kMostPlanned);
}

/// For each part under each definition: the spread of its differences, and the seeds it needs.
void print_plan(const std::vector<Claim>& claims, const std::vector<Verdict>& verdicts) {
  print_out(
      "Seeds that are needed for 80% power where differences spread as these do: to find that\n"
      "there is no difference (within the margin), and to find one of twice the margin.\n\n"
      "{:<64} {:>10} {:>10} {:>14} {:>14}\n",
      "part", "spread", "margin", "none", "twice");
  for (const Verdict& verdict : verdicts) {
    const auto claim = std::ranges::find(claims, verdict.id, &Claim::id);
    for (std::size_t k = 0; k < verdict.parts.size(); ++k) {
      const PartResult& part = verdict.parts[k];
      const Interval interval = part.reading.whole.interval.value_or(Interval{});
      const double n = double(verdict.seeds.size());
      const double sd =
          0.5 * (interval.high - interval.low) * std::sqrt(n) / t_quantile(0.975, n - 1);
      std::string none = "any", twice = "any";
      if (sd > 0) {
        const double margin = part.margin / sd;
        const double level = kAlpha / verdict.family;
        none = seeds_for([&](Index seeds) {
          return power_of_equivalence({Relation::equivalent, seeds, level, margin});
        });
        twice = seeds_for([&](Index seeds) {
          return power_of({claim->parts[k].relation, seeds, level, margin}, 2 * margin);
        });
      }
      print_out(
          "{:<64} {:>10.3g} {:>10.3g} {:>14} {:>14}\n",
          libnorm::printable(fmt::format("{} [{}] {}", verdict.id, verdict.definition, part.label)),
          sd, part.margin, none, twice);
    }
  }
}

}  // namespace

Exit judge_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "judge RESULTS.csv --claims CLAIMS.toml [options]",
      "Judges your own claims on your own paired results by the rules of `verify`. The CSV has a "
      "heading,\n"
      "the columns arm and seed, and a column for each metric that the claims name; each arm has\n"
      "the same seeds. harness/USAGE.md has the keys of a claim.");
  arguments.positional("results");
  arguments.options()("results", po::value<std::string>(), "the CSV")(
      "claims", po::value<std::string>(), "the claims, as TOML")("json", "the verdicts as JSON")(
      "plan", "instead of verdicts: how many seeds each margin needs at this spread")(
      "figures", po::value<std::string>(), "folder to draw a figure of each claim in");
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("results")) throw UsageError("judge: no results given; need a CSV");
  if (!arguments.has("claims")) throw UsageError("judge: no claims given; need --claims FILE");
  if (arguments.has("plan") && (arguments.has("json") || arguments.has("figures"))) {
    throw UsageError("--plan: cannot be combined with --json or --figures, which show verdicts");
  }
  std::vector<Claim> claims = read_claim_file(arguments.text("claims"));
  for (Claim& claim : claims) claim.task = "";  // the results are of one, whatever it is
  const std::string& name = arguments.text("results");
  const auto verdicts = judge_study(claims, read_paired_csv(read_file(name), name, claims));
  if (arguments.has("plan")) {
    print_plan(claims, verdicts);
  } else if (arguments.has("json")) {
    print_out("{}\n", nlohmann::json(verdicts).dump(2, ' ', true));
  } else {
    print_out("{}\n", table(verdicts));
  }
  if (arguments.has("figures")) {
    for (const auto& path : draw_verdicts(verdicts, arguments.text("figures"))) {
      if (!arguments.has("json")) print_out("{}\n", libnorm::printable(path.string()));
    }
  }
  const bool unchecked = std::ranges::any_of(
      verdicts, [](const Verdict& v) { return v.outcome == Outcome::could_not_check; });
  return unchecked ? Exit::no_data : Exit::ok;
}

}  // namespace harness
