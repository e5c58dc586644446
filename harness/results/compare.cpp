#include "harness/results/compare.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "harness/results/spec.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace harness {
namespace {

/// Metrics that no solver takes part in. They have the same bits everywhere.
constexpr std::string_view kExactMetrics[] = {"training_loss", "training_accuracy",
                                              "held_out_accuracy"};

/// Relative to the size of a number (for singular values: to the largest one). Eigen's solver errs
/// by about 128 roundings of 1.1e-16 of the largest value, 1.4e-14. What is computed from its
/// values errs by some powers of ten more at most.
constexpr double kSolverTolerance = 1e-9;
constexpr double kDriftTolerance = 1e-3;

std::string described(const RunResult& result) {
  std::string cell;
  for (const auto& [factor, level] : result.cell) cell += " " + factor + "=" + level;
  return result.task + "/" + result.profile + "/" + result.arm + cell + " seed " +
         std::to_string(result.seed);
}

/// Whether `other` has a measure that a result lacks. The result then says nothing about its
/// numbers.
bool lacks_a_measure(const RunResult& result, const RunResult& other) {
  return std::any_of(other.measures.begin(), other.measures.end(), [&](const auto& measure) {
    return result.measures.count(measure.first) == 0;
  });
}

/// Whether the results have one specification, by either of its hashes.
bool of_one_spec(const RunResult& fresh, const RunResult& golden) {
  return golden.spec_sha256 == fresh.spec_sha256 ||
         (!fresh.spec.empty() &&
          Spec::parse(fresh.spec, "result: spec").has_hash(golden.spec_sha256));
}

bool same_bits(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

double gap(double a, double b, double scale) {
  if (a == b || same_bits(a, b)) return 0;
  if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
  return std::abs(a - b) / scale;
}

double relative_gap(double a, double b) { return gap(a, b, std::max(std::abs(a), std::abs(b))); }

/// The distance of two numbers that must be exact; nothing if they have the same bits.
std::optional<double> exact_gap(double expected, double got) {
  if (same_bits(expected, got)) return std::nullopt;
  return relative_gap(expected, got);
}

/// The distance of two values of a metric; nothing if they agree as well as the metric promises.
/// The metric is the last part of its name: layer3.no_padding.condition_number.
std::optional<double> metric_gap(std::string_view name, double expected, double got) {
  const std::string_view metric = name.substr(name.rfind('.') + 1);
  if (std::find(std::begin(kExactMetrics), std::end(kExactMetrics), metric) !=
      std::end(kExactMetrics)) {
    return exact_gap(expected, got);
  }
  // The smallest singular value is known only relative to the largest, so this quotient of the two
  // is compared as its inverse.
  const double distance =
      metric == "condition_number" ? gap(1 / expected, 1 / got, 1) : relative_gap(expected, got);
  if (distance <= kSolverTolerance) return std::nullopt;
  return distance;
}

/// Whether a number is computed from a spectrum that the result stores too, such as
/// layer3.published.stable_rank. A golden result from before the metric lacks the number, but has
/// the spectrum.
bool is_of_spectrum(std::string_view name) {
  const std::string_view metric = name.substr(name.rfind('.') + 1);
  const auto all = libnorm::activation_metrics();
  return std::any_of(all.begin(), all.end(), [&](const auto& m) { return m.name == metric; });
}

std::string describe(double number) { return format_number(number); }
std::string describe(const Slice&) { return "a slice"; }
std::string describe(const std::vector<double>& list) {
  return std::to_string(list.size()) + " values";
}

class ResultComparison {
 public:
  ResultComparison(const RunResult& fresh, const RunResult& golden)
      : fresh_(fresh), golden_(golden) {}

  std::vector<Difference> run();

 private:
  void add(Cause cause, const std::string& what, const std::string& expected,
           const std::string& got, const std::string& note = "");
  void add_gap(double gap, const std::string& what, double expected, double got,
               const std::string& note = "");
  void check_integer(const std::string& what, std::int64_t expected, std::int64_t got);
  void check_text(const std::string& what, const std::string& expected, const std::string& got);
  bool check_size(const std::string& what, const std::vector<double>& expected,
                  const std::vector<double>& got);
  template <class Gap>
  void check_list(const std::string& what, const std::vector<double>& expected,
                  const std::vector<double>& got, const Gap& gap_of);
  void check_spectrum(const std::string& what, const std::vector<double>& expected,
                      const std::vector<double>& got);
  template <class Value, class Check>
  void check_named(const std::string& member, std::map<std::string, Value> RunResult::*values,
                   const Check& check);
  bool check_measures();
  void check_numbers();
  void check_training();
  void check_hashes();
  void check_held_out(Cause cause);

  const RunResult& fresh_;
  const RunResult& golden_;
  std::vector<Difference> differences_;
};

void ResultComparison::add(Cause cause, const std::string& what, const std::string& expected,
                           const std::string& got, const std::string& note) {
  const char* const says = cause == Cause::kPlatformDrift
                               ? "different bits, same numbers within 1e-3 (platform drift)"
                               : "different result";
  differences_.push_back({cause, what,
                          "golden: " + described(golden_) + ": " + what + " differs (got " + got +
                              ", expected " + expected + note + "); " + says});
}

void ResultComparison::add_gap(double gap, const std::string& what, double expected, double got,
                               const std::string& note) {
  add(gap <= kDriftTolerance ? Cause::kPlatformDrift : Cause::kDifferentResult, what,
      format_number(expected), format_number(got), note);
}

void ResultComparison::check_integer(const std::string& what, std::int64_t expected,
                                     std::int64_t got) {
  if (expected != got) {
    add(Cause::kDifferentResult, what, std::to_string(expected), std::to_string(got));
  }
}

void ResultComparison::check_text(const std::string& what, const std::string& expected,
                                  const std::string& got) {
  if (expected != got) {
    add(Cause::kDifferentResult, what, '"' + expected + '"', '"' + got + '"');
  }
}

bool ResultComparison::check_size(const std::string& what, const std::vector<double>& expected,
                                  const std::vector<double>& got) {
  if (expected.size() == got.size()) return true;
  add(Cause::kDifferentResult, what, describe(expected), describe(got));
  return false;
}

/// Reports one difference for the whole list, at the first place. The largest one decides its
/// cause.
template <class Gap>
void ResultComparison::check_list(const std::string& what, const std::vector<double>& expected,
                                  const std::vector<double>& got, const Gap& gap_of) {
  if (!check_size(what, expected, got)) return;
  std::size_t count = 0;
  std::size_t first = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::optional<double> distance = gap_of(expected[i], got[i]);
    if (!distance) continue;
    if (count++ == 0) first = i;
    largest = std::max(largest, *distance);
  }
  if (count == 0) return;
  add_gap(largest, what + "[" + std::to_string(first) + "]", expected[first], got[first],
          "; " + std::to_string(count) + " of " + std::to_string(expected.size()) +
              " differ, the most by a relative " + format_number(largest));
}

/// Reports one difference for the whole spectrum, at its worst place.
void ResultComparison::check_spectrum(const std::string& what, const std::vector<double>& expected,
                                      const std::vector<double>& got) {
  if (!check_size(what, expected, got) || expected.empty()) return;
  std::size_t worst = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double distance = gap(expected[i], got[i], std::abs(expected[0]));
    if (distance > largest) {
      largest = distance;
      worst = i;
    }
  }
  if (largest > kSolverTolerance) {
    add_gap(largest, what + "[" + std::to_string(worst) + "]", expected[worst], got[worst],
            "; by " + format_number(largest) + " of the largest");
  }
}

/// Compares what both results have under the same name: check(what, name, expected, got).
template <class Value, class Check>
void ResultComparison::check_named(const std::string& member,
                                   std::map<std::string, Value> RunResult::*values,
                                   const Check& check) {
  const auto& expected = golden_.*values;
  const auto& got = fresh_.*values;
  for (const auto& [name, value] : expected) {
    const std::string what = member + "." + name;
    const auto found = got.find(name);
    if (found == got.end()) {
      if (lacks_a_measure(fresh_, golden_)) continue;
      add(Cause::kDifferentResult, what, describe(value), "nothing");
    } else {
      check(what, name, value, found->second);
    }
  }
  for (const auto& [name, value] : got) {
    if (expected.count(name) == 0 && !is_of_spectrum(name) && !lacks_a_measure(golden_, fresh_)) {
      add(Cause::kDifferentResult, member + "." + name, "nothing", describe(value));
    }
  }
}

/// Whether no measure has different versions in the two results.
bool ResultComparison::check_measures() {
  bool same = true;
  for (const auto& [name, version] : golden_.measures) {
    const auto found = fresh_.measures.find(name);
    if (found == fresh_.measures.end() || found->second == version) continue;
    same = false;
    differences_.push_back(
        {Cause::kOtherMeasures, "measures." + name,
         "golden: " + described(golden_) + ": " + name + " was measured by version " +
             std::to_string(version) + ", and here by version " + std::to_string(found->second) +
             "; not compared: run `norm-harness remeasure` to measure stored runs again"});
  }
  return same;
}

void ResultComparison::check_numbers() {
  using Text = const std::string&;
  using List = const std::vector<double>&;
  check_named("metrics", &RunResult::metrics,
              [&](Text what, Text name, double expected, double got) {
                const std::optional<double> distance = metric_gap(name, expected, got);
                if (distance) add_gap(*distance, what, expected, got);
              });
  check_named("epochs", &RunResult::epochs, [&](Text what, Text name, List expected, List got) {
    check_list(what, expected, got, [&](double a, double b) { return metric_gap(name, a, b); });
  });
  const bool is_unmeasured =
      (golden_.singular_values.empty() && lacks_a_measure(golden_, fresh_)) ||
      (fresh_.singular_values.empty() && lacks_a_measure(fresh_, golden_));
  if (!is_unmeasured) {
    check_spectrum("singular_values", golden_.singular_values, fresh_.singular_values);
  }
  check_named("spectra", &RunResult::spectra, [&](Text what, Text, List expected, List got) {
    check_spectrum(what, expected, got);
  });
  check_named("slices", &RunResult::slices,
              [&](Text what, Text, const Slice& expected, const Slice& got) {
                check_list(what + ".alpha", expected.alpha, got.alpha, exact_gap);
                check_list(what + ".loss", expected.loss, got.loss, exact_gap);
              });
}

void ResultComparison::check_training() {
  check_integer("steps", golden_.steps, fresh_.steps);
  check_integer("diverged_at", golden_.diverged_at, fresh_.diverged_at);
  check_integer("curve_stride", golden_.curve_stride, fresh_.curve_stride);
  if (!same_bits(golden_.final_loss, fresh_.final_loss)) {
    add_gap(relative_gap(golden_.final_loss, fresh_.final_loss), "final_loss", golden_.final_loss,
            fresh_.final_loss);
  }
  check_list("loss_curve", golden_.loss_curve, fresh_.loss_curve, exact_gap);
}

/// A hash does not tell how large a difference is, so the result's numbers decide its cause.
void ResultComparison::check_hashes() {
  const bool far = std::any_of(differences_.begin(), differences_.end(), [](const auto& each) {
    return each.cause == Cause::kDifferentResult;
  });
  const Cause cause = far ? Cause::kDifferentResult : Cause::kPlatformDrift;
  const auto describe = [](const Environment& made) {
    return made.version + ", numerics " + made.numerics + ", " + made.compiler + " " + made.flags +
           ", " + made.isa + " on " + made.cpu;
  };
  const std::string note = "; got with " + describe(fresh_.environment) + ", expected with " +
                           describe(golden_.environment);
  if (golden_.weights_sha256 != fresh_.weights_sha256) {
    add(cause, "weights_sha256", golden_.weights_sha256, fresh_.weights_sha256, note);
  }
  if (golden_.losses_sha256 != fresh_.losses_sha256) {
    add(cause, "losses_sha256", golden_.losses_sha256, fresh_.losses_sha256, note);
  }
  check_held_out(cause);
}

/// Results from before this was stored have nothing to compare.
void ResultComparison::check_held_out(Cause cause) {
  const auto& expected = golden_.held_out_correct;
  const auto& got = fresh_.held_out_correct;
  if (expected.empty() || got.empty() || expected == got) return;
  const auto describe = [](const std::vector<bool>& right) {
    return std::to_string(std::count(right.begin(), right.end(), true)) + " of " +
           std::to_string(right.size()) + " right";
  };
  std::size_t first = 0;
  while (first < std::min(expected.size(), got.size()) && expected[first] == got[first]) ++first;
  add(cause, "held_out_correct", describe(expected), describe(got),
      "; the first that differs is text " + std::to_string(first));
}

std::vector<Difference> ResultComparison::run() {
  check_text("data", golden_.data, fresh_.data);
  if (!of_one_spec(fresh_, golden_)) {
    // Another training: its numbers need not agree.
    add(Cause::kDifferentResult, "spec_sha256", golden_.spec_sha256, fresh_.spec_sha256);
    return std::move(differences_);
  }
  check_training();
  if (check_measures()) check_numbers();
  check_hashes();
  return std::move(differences_);
}

}  // namespace

std::vector<Difference> compare(const RunResult& fresh, const RunResult& golden) {
  if (described(fresh) != described(golden)) {
    throw libnorm::ValueError("compare: the results are of two runs (" + described(fresh) +
                              ", golden " + described(golden) +
                              "); need one task, profile, arm, cell and seed");
  }
  return ResultComparison(fresh, golden).run();
}

}  // namespace harness
