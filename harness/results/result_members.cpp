#include "harness/results/result_members.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/results/spec.hpp"

namespace harness {
namespace {

/// A result as two lists: the members that are not numbers, and the numbers.
struct Members {
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, double>> numbers;

  explicit Members(const RunResult& result) {
    add_names(result);
    add("steps", result.steps);
    add("diverged_at", result.diverged_at);
    add("seed", result.seed);
    add("curve_stride", result.curve_stride);
    for (const auto& [name, version] : result.measures) add("measures." + name, version);
    for (const auto& [factor, level] : result.cell) text("cell." + factor, level);
    number("final_loss", result.final_loss);
    number("seconds", result.seconds);
    for (const auto& [name, value] : result.metrics) number("metrics." + name, value);
    list("loss_curve", result.loss_curve);
    list("singular_values", result.singular_values);
    for (const auto& [name, slice] : result.slices) {
      list("slices." + name + ".alpha", slice.alpha);
      list("slices." + name + ".loss", slice.loss);
    }
    for (const auto& [name, values] : result.epochs) list("epochs." + name, values);
    for (const auto& [name, values] : result.spectra) list("spectra." + name, values);
    std::string bits;
    for (const bool bit : result.held_out_correct) bits += bit ? '1' : '0';
    text("held_out_correct", bits);
    text("kept.what", result.kept ? std::string(kKeepWords[int(result.kept->what)]) : "nothing");
    text("kept.sha256", result.kept ? result.kept->sha256 : "");
    const Environment& made = result.environment;
    text("environment.version", made.version);
    text("environment.numerics", made.numerics);
    text("environment.compiler", made.compiler);
    text("environment.flags", made.flags);
    text("environment.cpu", made.cpu);
    text("environment.isa", made.isa);
    text("environment.device", made.device);
    add("environment.threads", made.threads);
  }

 private:
  void add_names(const RunResult& result) {
    text("task", result.task);
    text("data", result.data);
    text("profile", result.profile);
    text("arm", result.arm);
    text("spec_sha256", result.spec_sha256);
    text("spec", result.spec);
    text("weights_sha256", result.weights_sha256);
    text("losses_sha256", result.losses_sha256);
  }
  void text(std::string name, std::string value) {
    texts.emplace_back(std::move(name), std::move(value));
  }
  template <class Integer>
  void add(std::string name, Integer value) {
    text(std::move(name), std::to_string(value));
  }
  void number(std::string name, double value) { numbers.emplace_back(std::move(name), value); }
  void list(const std::string& name, const std::vector<double>& values) {
    add(name + ": values", values.size());
    for (const double value : values) number(name, value);
  }
};

/// The first place where two lists differ; empty if they do not.
template <class Value, class Same, class Describe>
std::string first_difference(const std::vector<std::pair<std::string, Value>>& a,
                             const std::vector<std::pair<std::string, Value>>& b, const Same& same,
                             const Describe& describe) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i].first != b[i].first) return a[i].first + " is " + b[i].first;
    if (same(a[i].second, b[i].second)) continue;
    return a[i].first + " is " + describe(b[i].second) + ", was " + describe(a[i].second);
  }
  if (a.size() == b.size()) return "";
  return (a.size() > b.size() ? a : b)[std::min(a.size(), b.size())].first + " is in one alone";
}

}  // namespace

MemberComparison compare_members(const RunResult& a, const RunResult& b) {
  const Members was(a), is(b);
  MemberComparison comparison;
  comparison.numbers = was.numbers.size();
  comparison.difference = first_difference(
      was.texts, is.texts, [](const auto& x, const auto& y) { return x == y; },
      [](const std::string& text) { return '"' + text + '"'; });
  if (!comparison.difference.empty()) return comparison;
  comparison.difference = first_difference(
      was.numbers, is.numbers,
      [](double x, double y) {
        return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
      },
      [](double x) { return format_number(x); });
  return comparison;
}

}  // namespace harness
