#include "harness/results/derived_numbers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <string>

namespace harness {
namespace {

using Number = std::optional<double>;
/// A stored metric by its name.
using Stored = std::function<Number(const std::string& name)>;

/// The number behind `word` at the end of a name, and the name before it.
struct Ending {
  std::string before;
  double number = 0;
};
std::optional<Ending> ending(std::string_view name, std::string_view word) {
  const std::size_t at = name.rfind(word);
  if (at == std::string_view::npos) return std::nullopt;
  Ending found{std::string(name.substr(0, at)), 0};
  const std::string_view digits = name.substr(at + word.size());
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, found.number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return found;
}

/// The name before an ending.
std::optional<std::string> without(std::string_view name, std::string_view end) {
  if (!name.ends_with(end)) return std::nullopt;
  return std::string(name.substr(0, name.size() - end.size()));
}

/// The losses of a slice within a radius; nothing if it does not reach that far.
std::optional<Slice> within(const RunResult& result, const std::string& name, double radius) {
  constexpr double kRounding = 1e-9;
  const auto found = result.slices.find(name);
  if (found == result.slices.end()) return std::nullopt;
  const Slice& all = found->second;
  Slice slice;
  double furthest = 0;
  for (std::size_t i = 0; i < all.alpha.size(); ++i) {
    furthest = std::max(furthest, std::abs(all.alpha[i]));
    if (std::abs(all.alpha[i]) > radius + kRounding) continue;
    slice.alpha.push_back(all.alpha[i]);
    slice.loss.push_back(all.loss[i]);
  }
  if (furthest + kRounding < radius || slice.loss.size() < 2) return std::nullopt;
  return slice;
}

Number slice_number(const RunResult& result, std::string_view name) {
  const bool is_range = name.starts_with("slice_range.");
  if (!is_range && !name.starts_with("slice_rise.")) return std::nullopt;
  const std::string_view rest = name.substr(name.find('.') + 1);
  if (const auto slice = without(rest, ".per_loss"); slice && is_range) {
    const auto range = result.metrics.find("slice_range." + *slice);
    if (range == result.metrics.end()) return std::nullopt;
    return range->second / result.final_loss;
  }
  const auto to = ending(rest, ".to_");
  const auto slice = to ? within(result, to->before, to->number) : std::nullopt;
  if (!slice) return std::nullopt;
  const auto [low, high] = std::ranges::minmax(slice->loss);
  if (is_range) return high - low;
  for (std::size_t i = 0; i < slice->alpha.size(); ++i) {
    if (std::abs(slice->alpha[i]) < 1e-9) return high - slice->loss[i];
  }
  return std::nullopt;
}

/// C, the values of a spectrum by its name; that of Experiments 1 to 3 has none.
Number channels_of(const RunResult& result, const std::string& spectrum) {
  const auto found = result.spectra.find(spectrum);
  const auto& values =
      spectrum.empty() || found == result.spectra.end() ? result.singular_values : found->second;
  const bool is_there = spectrum.empty() ? !values.empty() : found != result.spectra.end();
  return is_there ? Number(double(values.size())) : std::nullopt;
}

Number spectrum_number(const RunResult& result, const std::string& name, const Stored& stored) {
  if (const auto spectrum = without(name, ".iso_score");
      spectrum && spectrum->ends_with("centred")) {
    const Number ratio = stored(*spectrum + ".participation_ratio");
    const Number channels = channels_of(result, *spectrum);
    if (!ratio || !channels || *channels < 2) return std::nullopt;
    return std::max(0.0, (*ratio - 1) / (*channels - 1));
  }
  if (const auto metric = without(name, "_share")) {
    const std::size_t end = metric->rfind('.');
    const Number value = stored(*metric);
    const Number channels =
        channels_of(result, end == std::string::npos ? "" : metric->substr(0, end));
    if (value && channels) return *value / *channels;
  }
  return std::nullopt;
}

/// training accuracy - held-out accuracy of an epoch, from 0 on.
double gap_of(const RunResult& result, std::size_t epoch) {
  return result.epochs.at("training_accuracy")[epoch] -
         result.epochs.at("held_out_accuracy")[epoch];
}

Number gap_number(const RunResult& result, std::string_view name) {
  if (!name.starts_with("generalization_gap")) return std::nullopt;
  for (const char* needed : {"training_accuracy", "held_out_accuracy", "training_loss"}) {
    if (result.epochs.count(needed) == 0) return std::nullopt;
  }
  const std::vector<double>& loss = result.epochs.at("training_loss");
  if (name == "generalization_gap") return gap_of(result, loss.size() - 1);
  const auto at = ending(name, "generalization_gap.at_loss_");
  const auto below =
      at ? std::ranges::find_if(loss, [&](double x) { return x <= at->number; }) : loss.end();
  // Before the first epoch's end there is nothing to draw a line from.
  if (below == loss.end() || below == loss.begin()) return std::nullopt;
  const std::size_t epoch = std::size_t(below - loss.begin());
  const double part = (loss[epoch - 1] - at->number) / (loss[epoch - 1] - loss[epoch]);
  return gap_of(result, epoch - 1) + part * (gap_of(result, epoch) - gap_of(result, epoch - 1));
}

Number loss_number(const RunResult& result, std::string_view name) {
  constexpr std::int64_t kSteps = 100;
  const auto at = ending(name, "loss.at_step_");
  const std::int64_t stride = result.curve_stride;
  if (!at || !at->before.empty() || stride < 1 || kSteps % stride != 0) return std::nullopt;
  const auto step = std::int64_t(at->number);
  const bool is_there = double(step) == at->number && step >= kSteps && step % stride == 0 &&
                        step / stride <= std::int64_t(result.loss_curve.size());
  if (!is_there) return std::nullopt;
  double sum = 0;
  for (std::int64_t i = (step - kSteps) / stride; i < step / stride; ++i) {
    sum += result.loss_curve[std::size_t(i)];
  }
  return sum / double(kSteps / stride);
}

}  // namespace

std::optional<double> number_of(const RunResult& result, std::string_view name) {
  if (const auto metric = result.metrics.find(std::string(name)); metric != result.metrics.end()) {
    return metric->second;
  }
  for (const auto& derive : {slice_number, gap_number, loss_number}) {
    if (const Number value = derive(result, name)) return value;
  }
  if (const auto at = ending(name, ".at_epoch_")) {
    const Stored stored = [&](const std::string& metric) -> Number {
      const auto values = result.epochs.find(metric);
      const bool is_there = values != result.epochs.end() && at->number >= 1 &&
                            at->number <= double(values->second.size()) &&
                            at->number == std::floor(at->number);
      return is_there ? Number(values->second[std::size_t(at->number) - 1]) : std::nullopt;
    };
    if (const Number value = stored(at->before)) return value;
    return spectrum_number(result, at->before, stored);
  }
  return spectrum_number(result, std::string(name), [&](const std::string& metric) -> Number {
    const auto value = result.metrics.find(metric);
    return value == result.metrics.end() ? std::nullopt : Number(value->second);
  });
}

}  // namespace harness
