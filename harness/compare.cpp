#include "harness/compare.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "harness/spec.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

/// Of the size of a number (of the largest singular value, for those): Eigen's solver errs by
/// about 128 roundings of 1.1e-16 of the largest, 1.4e-14, and what is made of its values by no
/// more than some powers of ten beyond.
constexpr double kSolverTolerance = 1e-9;
constexpr double kDriftTolerance = 1e-3;

std::string name_of(const Row& row) {
  return row.profile + "/" + row.arm + " seed " + std::to_string(row.seed);
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

class Comparison {
 public:
  Comparison(const Row& fresh, const Row& golden) : fresh_(fresh), golden_(golden) {}

  std::vector<Difference> run();

 private:
  void add(Cause cause, const std::string& what, const std::string& expected,
           const std::string& got, const std::string& note = "");
  void add_gap(double gap, const std::string& what, double expected, double got,
               const std::string& note = "");
  void check_integer(const std::string& what, std::int64_t expected, std::int64_t got);
  void check_exact(const std::string& what, const std::vector<double>& expected,
                   const std::vector<double>& got);
  bool check_size(const std::string& what, std::size_t expected, std::size_t got);
  void check_metrics();
  void check_singular_values();
  void check_slices();
  void check_hashes();

  const Row& fresh_;
  const Row& golden_;
  std::vector<Difference> differences_;
};

void Comparison::add(Cause cause, const std::string& what, const std::string& expected,
                     const std::string& got, const std::string& note) {
  const char* const says = cause == Cause::kPlatformDrift
                               ? "different bits, same numbers within 1e-3 (platform drift)"
                               : "different result";
  differences_.push_back({cause, what,
                          "golden: " + name_of(golden_) + ": " + what + " differs (got " + got +
                              ", expected " + expected + note + "); " + says});
}

void Comparison::add_gap(double gap, const std::string& what, double expected, double got,
                         const std::string& note) {
  add(gap <= kDriftTolerance ? Cause::kPlatformDrift : Cause::kDifferentResult, what,
      format_number(expected), format_number(got), note);
}

void Comparison::check_integer(const std::string& what, std::int64_t expected, std::int64_t got) {
  if (expected != got) {
    add(Cause::kDifferentResult, what, std::to_string(expected), std::to_string(got));
  }
}

bool Comparison::check_size(const std::string& what, std::size_t expected, std::size_t got) {
  if (expected == got) return true;
  add(Cause::kDifferentResult, what, std::to_string(expected) + " values",
      std::to_string(got) + " values");
  return false;
}

/// One difference for the whole list, at its first place; its cause goes by the largest.
void Comparison::check_exact(const std::string& what, const std::vector<double>& expected,
                             const std::vector<double>& got) {
  if (!check_size(what, expected.size(), got.size())) return;
  std::size_t count = 0;
  std::size_t first = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (same_bits(expected[i], got[i])) continue;
    if (count++ == 0) first = i;
    largest = std::max(largest, relative_gap(expected[i], got[i]));
  }
  if (count == 0) return;
  add_gap(largest, what + "[" + std::to_string(first) + "]", expected[first], got[first],
          "; " + std::to_string(count) + " of " + std::to_string(expected.size()) +
              " differ, the most by " + format_number(largest) + " of its size");
}

void Comparison::check_metrics() {
  for (const auto& [name, expected] : golden_.metrics) {
    const std::string what = "metrics." + name;
    const auto found = fresh_.metrics.find(name);
    if (found == fresh_.metrics.end()) {
      add(Cause::kDifferentResult, what, format_number(expected), "nothing");
      continue;
    }
    // The smallest singular value is known to a part of the largest, so that this quotient of
    // the two is compared upside down.
    const bool is_condition = name == "condition_number";
    const double distance = is_condition ? gap(1 / expected, 1 / found->second, 1)
                                         : relative_gap(expected, found->second);
    if (distance > kSolverTolerance) add_gap(distance, what, expected, found->second);
  }
  for (const auto& [name, got] : fresh_.metrics) {
    if (golden_.metrics.count(name) == 0) {
      add(Cause::kDifferentResult, "metrics." + name, "nothing", format_number(got));
    }
  }
}

void Comparison::check_singular_values() {
  const auto& expected = golden_.singular_values;
  const auto& got = fresh_.singular_values;
  if (!check_size("singular_values", expected.size(), got.size()) || expected.empty()) return;
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
    add_gap(largest, "singular_values[" + std::to_string(worst) + "]", expected[worst], got[worst],
            "; by " + format_number(largest) + " of the largest");
  }
}

void Comparison::check_slices() {
  for (const auto& [name, expected] : golden_.slices) {
    const auto found = fresh_.slices.find(name);
    if (found == fresh_.slices.end()) {
      add(Cause::kDifferentResult, "slices." + name, "a slice", "nothing");
      continue;
    }
    check_exact("slices." + name + ".alpha", expected.alpha, found->second.alpha);
    check_exact("slices." + name + ".loss", expected.loss, found->second.loss);
  }
  for (const auto& item : fresh_.slices) {
    if (golden_.slices.count(item.first) == 0) {
      add(Cause::kDifferentResult, "slices." + item.first, "nothing", "a slice");
    }
  }
}

/// A hash has no size of difference: it is as far off as the numbers of its row are.
void Comparison::check_hashes() {
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
}

std::vector<Difference> Comparison::run() {
  if (golden_.spec_sha256 != fresh_.spec_sha256) {
    // Another training: its numbers have nothing to agree with.
    add(Cause::kDifferentResult, "spec_sha256", golden_.spec_sha256, fresh_.spec_sha256);
    return std::move(differences_);
  }
  check_integer("steps", golden_.steps, fresh_.steps);
  check_integer("diverged_at", golden_.diverged_at, fresh_.diverged_at);
  check_integer("curve_stride", golden_.curve_stride, fresh_.curve_stride);
  if (!same_bits(golden_.final_loss, fresh_.final_loss)) {
    add_gap(relative_gap(golden_.final_loss, fresh_.final_loss), "final_loss", golden_.final_loss,
            fresh_.final_loss);
  }
  check_metrics();
  check_exact("loss_curve", golden_.loss_curve, fresh_.loss_curve);
  check_singular_values();
  check_slices();
  check_hashes();
  return std::move(differences_);
}

}  // namespace

std::vector<Difference> compare(const Row& fresh, const Row& golden) {
  if (name_of(fresh) != name_of(golden)) {
    throw libnorm::ValueError("compare: the rows are of two runs (" + name_of(fresh) + ", golden " +
                              name_of(golden) + "); need one profile, arm and seed");
  }
  return Comparison(fresh, golden).run();
}

}  // namespace harness
