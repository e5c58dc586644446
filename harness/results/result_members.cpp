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

/// A row as two lists in one order: what is no number, and what is.
struct Members {
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, double>> numbers;

  explicit Members(const RunResult& row) {
    add_names(row);
    add("steps", row.steps);
    add("diverged_at", row.diverged_at);
    add("seed", row.seed);
    add("curve_stride", row.curve_stride);
    for (const auto& [name, version] : row.measures) add("measures." + name, version);
    for (const auto& [factor, level] : row.cell) text("cell." + factor, level);
    number("final_loss", row.final_loss);
    number("seconds", row.seconds);
    for (const auto& [name, value] : row.metrics) number("metrics." + name, value);
    list("loss_curve", row.loss_curve);
    list("singular_values", row.singular_values);
    for (const auto& [name, slice] : row.slices) {
      list("slices." + name + ".alpha", slice.alpha);
      list("slices." + name + ".loss", slice.loss);
    }
    for (const auto& [name, values] : row.epochs) list("epochs." + name, values);
    for (const auto& [name, values] : row.spectra) list("spectra." + name, values);
    std::string bits;
    for (const bool bit : row.held_out_correct) bits += bit ? '1' : '0';
    text("held_out_correct", bits);
    text("kept.what", row.kept ? std::string(kKeepWords[int(row.kept->what)]) : "nothing");
    text("kept.sha256", row.kept ? row.kept->sha256 : "");
    const Environment& made = row.environment;
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
  void add_names(const RunResult& row) {
    text("task", row.task);
    text("data", row.data);
    text("profile", row.profile);
    text("arm", row.arm);
    text("spec_sha256", row.spec_sha256);
    text("spec", row.spec);
    text("weights_sha256", row.weights_sha256);
    text("losses_sha256", row.losses_sha256);
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

/// The first place where two lists differ; empty where they do not.
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

RowComparison compare_members(const RunResult& a, const RunResult& b) {
  const Members was(a), is(b);
  RowComparison comparison;
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
