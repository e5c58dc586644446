#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/claims/statistics.hpp"

namespace harness {

/// The outcome of a claim under a definition.
///   supported       it holds
///   contradicted    the opposite holds
///   negligible      a claimed difference is smaller than the margin
///   fragile         it is one of the first two as defined, and a control, a point of training or
///                   another definition turns it
///   inconclusive    these seeds support none of the above
///   could_not_check a needed result is missing or unusable; never a success
enum class Outcome { supported, contradicted, negligible, fragile, inconclusive, could_not_check };

/// The word of an outcome, as printed and stored: `SUPPORTED` ... `COULD NOT CHECK`.
std::string word(Outcome outcome);

/// Throws: DataError if no outcome has that word.
Outcome outcome_of(const std::string& word);

/// What the seeds say of a part, at the level of its claim. It is no verdict: a part has no place
/// of its own in the family.
enum class Finding { holds, opposite, too_small, open };

/// `holds`, `opposite`, `too small`, `open`.
std::string word(Finding finding);

/// What a control does to a part: the same finding, an opposite one, or none.
enum class Effect { keeps, flips, open };

/// `keeps`, `flips`, `open`.
std::string word(Effect effect);

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
  /// The true difference that these rules find with 80% power on so many seeds, if differences
  /// spread as these do, at the family's strictest level; empty if no difference can reach it.
  std::optional<double> detectable;
};

/// A part compared as a whole (the lowest A with the highest B), and each A with each B.
struct Reading {
  Comparison whole;
  /// Empty if there is one A and one B.
  std::vector<Comparison> terms;
};

/// The same part with an arm replaced.
struct ControlResult {
  /// `none_matched for none`.
  std::string name;
  Reading reading;
  Effect effect = Effect::open;
};

struct PartResult {
  /// `none - layernorm`; `batchnorm ~ layernorm` for an equivalence; `none layer 2 not below none
  /// layer 1` where only a fall counts.
  std::string label;
  /// Labels of the terms; empty as they are.
  std::vector<std::string> terms;
  std::string unit;
  /// The smallest difference that matters, and why.
  double margin = 0;
  std::string why;
  Finding finding = Finding::open;
  Reading reading;
  /// The p that decides the finding, adjusted in the claim's family.
  double p_holm = 1;
  std::vector<ControlResult> controls;
};

/// A claim judged at a point of training, as at the end.
struct LandmarkResult {
  std::int64_t step = 0;
  Outcome outcome = Outcome::inconclusive;
  /// One for each part.
  std::vector<Reading> parts;
  /// In the second half of training: whether each effect is on the side of the verdict, and not
  /// below the margin.
  bool turns = false;
};

/// The verdict on a claim under one definition.
struct Verdict {
  // identity
  std::string id;
  std::string experiment;
  std::string definition;
  std::string sentence;
  /// The published definition's verdict is the claim's.
  bool published = false;
  std::string metric;
  std::string axis;
  std::string source;
  /// SHA-256 of the claim's file.
  std::string claim_sha256;
  /// Data and length of training, which limit the verdict's scope: `profile paper:
  /// associative_recall, 4000 steps, 10 seeds`.
  std::string regime;
  // design
  std::vector<std::uint64_t> seeds;
  int family = 0;
  // result
  Outcome outcome = Outcome::could_not_check;
  /// The outcome without controls, points of training and other definitions.
  Outcome as_defined = Outcome::could_not_check;
  /// What it holds over, in words: definitions, points of training, controls.
  std::string scope;
  /// What of the scope is not about definitions: controls and training. Not stored.
  std::string conditions;
  double p = 1;
  double p_holm = 1;
  /// Empty if the claim could not be checked.
  std::vector<PartResult> parts;
  std::vector<LandmarkResult> landmarks;
  /// Why it could not be decided: missing results, too few seeds. Empty otherwise.
  std::vector<std::string> notes;
  // evidence
  /// `arm/seed`, then the first 12 digits of the hash of the final weights.
  std::vector<std::string> runs;
  std::vector<std::string> environments;
};

/// Differences between `now` and `golden`, one line each: identity, seeds, outcomes, findings and
/// effects of controls, and numbers to six digits (1e-6 relative or 1e-9). Evidence and notes are
/// not compared, since another machine may give the same verdict.
std::vector<std::string> differences(const Verdict& golden, const Verdict& now);

/// No differences. Compares six digits, so it is not transitive.
bool operator==(const Verdict& x, const Verdict& y);

void to_json(nlohmann::json& json, const Verdict& verdict);
/// Throws: DataError if a field is missing or of another type.
void from_json(const nlohmann::json& json, Verdict& verdict);

/// One line with the scope, the numbers, the controls and the notes.
std::string summary(const Verdict& verdict);

/// A plain-text table: a line per claim, followed by its scope, a line per part and per control,
/// and a line for each of its other definitions. The regime is printed above the claims that share
/// it.
std::string table(const std::vector<Verdict>& verdicts);

/// As Markdown, as README has it: for each regime a table with a line per claim: its verdict, the
/// published numbers, and its definitions by what they come to.
std::string markdown(const std::vector<Verdict>& verdicts);

/// The part that decides a verdict as defined: the first that fails, is too small or open; if all
/// hold, the first. Null if there are no parts.
const PartResult* deciding_part(const Verdict& verdict);

}  // namespace harness
