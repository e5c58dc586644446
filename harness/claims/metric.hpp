#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// A point of training, in steps; nothing: the end.
using Moment = std::optional<std::int64_t>;

/// A number of a result, stated as text:
///
///   metric  = [log10 | NUMBER] sum        the logarithm, or so many times
///   sum     = ratio [- ratio]
///   ratio   = number [/ (number | C)]     C: the channels of the spectrum that the number is of
///   number  = NAME                        of `metrics`, or `final_loss`
///           | loss at STEP                the mean of the 100 losses before a step
///           | level of slice NAME         its loss at alpha 0
///           | range of slice NAME [within RADIUS]    largest loss less the smallest, |alpha| <= R
///           | rise of slice NAME [within RADIUS]     largest loss less the level
///
/// A NAME may contain `{layer}`, which a claim's sites fill in.
class Metric {
 public:
  Metric() = default;
  /// Throws: ValueError with what is wrong.
  explicit Metric(std::string text);

  const std::string& text() const { return text_; }
  bool has_layer() const { return has_layer_; }
  /// The names of `metrics` that it reads at a layer, and final_loss.
  std::vector<std::string> names(std::optional<int> layer = std::nullopt) const;

  /// Its value. Before the end it is known for what `epochs` has, and for final_loss from the
  /// loss curve. Throws: DataError if the result lacks it.
  double value(const RunResult& result, std::optional<int> layer = std::nullopt,
               Moment moment = std::nullopt) const;

 private:
  using Number = std::function<double(const RunResult&, const std::string& layer, Moment)>;
  friend class MetricParser;

  std::string text_;
  bool has_layer_ = false;
  Number number_;
  std::vector<std::string> names_;
};

}  // namespace harness
