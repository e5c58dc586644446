#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/claims/statistics.hpp"

namespace harness {

/// The outcome of a claim or of a part.
///   supported       it holds
///   contradicted    the opposite holds
///   negligible      the difference is smaller than the margin: an equivalence part claims that,
///                   and a difference part fails
///   fragile         it holds as published, and a control flips it
///   inconclusive    these seeds support none of the above
///   could_not_check a needed result is missing or unusable; never a success
enum class Outcome { supported, contradicted, negligible, fragile, inconclusive, could_not_check };

/// The word of an outcome, as printed and stored: `SUPPORTED` ... `COULD NOT CHECK`.
std::string word(Outcome outcome);

/// Throws: DataError if no outcome has that word.
Outcome outcome_of(const std::string& word);

/// The comparison of A with B over paired seeds. Numbers that n seeds do not define are empty.
struct Comparison {
  /// Mean of A - B, in the part's unit.
  double effect = 0;
  std::optional<Interval> interval;
  /// d_z with Hedges' correction; empty with fewer than 3 seeds or differences that do not vary.
  std::optional<double> standardized;
  Superiority superiority;
  /// p of the part's statement, of its opposite, and of "within the margin"; not adjusted.
  double p_claimed = 1;
  double p_opposite = 1;
  double p_negligible = 1;
  /// The mean difference these seeds find with 80% power at the family's strictest level,
  /// 0.05 / family; empty where no difference of any size can reach that level.
  std::optional<double> detectable;
};

/// The same part with an arm replaced.
struct ControlResult {
  /// `none_matched for none`.
  std::string name;
  Comparison numbers;
  bool flips = false;
};

struct PartResult {
  /// `none - layernorm`; `batchnorm ~ layernorm` for an equivalence; `none lowest layer not below
  /// none layer 1` where only a fall counts.
  std::string label;
  std::string metric;
  int metric_version = 0;
  std::string unit;
  /// The smallest difference that matters, and why.
  double margin = 0;
  std::string why;
  Outcome outcome = Outcome::could_not_check;
  Comparison numbers;
  /// The p that decides the outcome, adjusted in the claim's family.
  double p_holm = 1;
  std::vector<ControlResult> controls;
};

struct Verdict {
  // identity
  std::string id;
  std::string experiment;
  std::string protocol;
  std::string sentence;
  /// Data and length of training, which limit the verdict's scope: `profile paper:
  /// associative_recall, 4000 steps, 10 seeds`. Empty in verdicts stored without it.
  std::string regime;
  // design
  std::vector<std::uint64_t> seeds;
  int family = 0;
  // result
  Outcome outcome = Outcome::could_not_check;
  double p = 1;
  double p_holm = 1;
  /// Empty if the claim could not be checked.
  std::vector<PartResult> parts;
  /// Why it could not be decided: missing results, too few seeds. Empty otherwise.
  std::vector<std::string> notes;
  // evidence
  /// `arm/seed`, then the first 12 digits of the hash of the final weights.
  std::vector<std::string> runs;
  std::vector<std::string> environments;
};

/// Differences between `now` and `golden`, one line each: identity, seeds, outcomes (of the claim,
/// its parts and controls), and numbers to six digits (1e-6 relative or 1e-9). Evidence and notes
/// are not compared, since another machine may give the same verdict; nor is a regime that one of
/// them lacks.
std::vector<std::string> differences(const Verdict& golden, const Verdict& now);

/// No differences. Compares six digits, so it is not transitive.
bool operator==(const Verdict& x, const Verdict& y);

void to_json(nlohmann::json& json, const Verdict& verdict);
/// Throws: DataError if a field is missing or of another type.
void from_json(const nlohmann::json& json, Verdict& verdict);

/// One line with the numbers, the controls and the notes:
/// `e1.flatness [published] CONTRADICTED: log10 slice range none - layernorm = -1.53
/// [-1.60, -1.46] decades, P(A>B) = 0.00; p = 0.0117, n = 10`.
std::string summary(const Verdict& verdict);

/// A plain-text table: a line per claim, followed by a line per part and per control. The regime is
/// printed above the claims that share it.
std::string table(const std::vector<Verdict>& verdicts);

}  // namespace harness
