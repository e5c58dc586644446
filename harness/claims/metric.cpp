#include "harness/claims/metric.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

constexpr std::int64_t kLosses = 100;  // that final_loss is the mean of
constexpr std::string_view kLayer = "{layer}";

std::string filled(const std::string& name, const std::string& layer) {
  const std::size_t at = name.find(kLayer);
  return at == std::string::npos ? name : std::string(name).replace(at, kLayer.size(), layer);
}

/// The mean of the losses of the 100 steps before `step`.
double loss_at(const RunResult& result, std::int64_t step) {
  const std::int64_t stride = result.curve_stride;
  const std::int64_t last = stride > 0 ? step / stride : 0;
  const std::int64_t count = stride > 0 ? kLosses / stride : 0;
  if (stride < 1 || step % stride != 0 || kLosses % stride != 0 || last < count ||
      last > std::int64_t(result.loss_curve.size())) {
    throw DataError(
        fmt::format("claims: loss curve does not have the 100 losses before step {} (stride {}, {} "
                    "points); need them in the result",
                    step, stride, result.loss_curve.size()));
  }
  double sum = 0;
  for (std::int64_t i = last - count; i < last; ++i) sum += result.loss_curve[std::size_t(i)];
  return sum / double(count);
}

double at_epoch(const RunResult& result, const std::string& name, std::int64_t step) {
  const auto found = result.epochs.find(name);
  if (found == result.epochs.end() || result.steps < 1) {
    throw DataError(
        fmt::format("claims: {} is not known at step {}; need it at each epoch", name, step));
  }
  const auto count = std::int64_t(found->second.size());
  if (step * count % result.steps != 0 || step < 1 || step > result.steps) {
    throw DataError(fmt::format("claims: step {} ends no epoch ({} epochs, {} steps); need one",
                                step, count, result.steps));
  }
  return found->second[std::size_t(step * count / result.steps - 1)];
}

double named(const RunResult& result, const std::string& name, Moment moment) {
  if (name == "final_loss") return moment ? loss_at(result, *moment) : result.final_loss;
  if (moment) return at_epoch(result, name, *moment);
  const auto found = result.metrics.find(name);
  if (found == result.metrics.end()) {
    throw DataError("claims: metric is absent (" + name + "); need it in the result");
  }
  return found->second;
}

/// The channels of the spectrum that a metric is of: `layer3.centred` of
/// `layer3.centred.stable_rank`.
double channels(const RunResult& result, const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) {
    if (!result.singular_values.empty()) return double(result.singular_values.size());
    throw DataError("claims: singular values are absent; need C of them in the result");
  }
  const auto spectrum = result.spectra.find(name.substr(0, dot));
  if (spectrum == result.spectra.end() || spectrum->second.empty()) {
    throw DataError("claims: spectrum is absent (" + name.substr(0, dot) +
                    "); need its C values in the result");
  }
  return double(spectrum->second.size());
}

/// A slice's points within a radius.
struct SlicePart {
  double smallest = 0, largest = 0;
  std::optional<double> level;
};

SlicePart part_of_slice(const RunResult& result, const std::string& name, double radius,
                        Moment moment) {
  if (moment) throw DataError("claims: slice " + name + " is not known during training");
  const auto slice = result.slices.find(name);
  if (slice == result.slices.end() || slice->second.alpha.size() != slice->second.loss.size()) {
    throw DataError("claims: slice is absent (" + name + "); need it in the result");
  }
  SlicePart part;
  bool is_first = true;
  for (std::size_t i = 0; i < slice->second.alpha.size(); ++i) {
    const double alpha = slice->second.alpha[i], loss = slice->second.loss[i];
    if (std::fabs(alpha) <= 1e-9) part.level = loss;
    if (std::fabs(alpha) > radius + 1e-9) continue;
    part.smallest = is_first ? loss : std::min(part.smallest, loss);
    part.largest = is_first ? loss : std::max(part.largest, loss);
    is_first = false;
  }
  if (is_first) {
    throw DataError(
        fmt::format("claims: slice {} has no point within {}; need some", name, radius));
  }
  return part;
}

double level_of(const SlicePart& part, const std::string& name) {
  if (part.level) return *part.level;
  throw DataError("claims: slice " + name + " has no loss at alpha 0; need one in the result");
}

}  // namespace

/// Reads a metric's text, word by word.
class MetricParser {
 public:
  explicit MetricParser(const std::string& text) : text_(text) {
    std::istringstream stream(text);
    for (std::string word; stream >> word;) words_.push_back(word);
  }

  Metric::Number parse() {
    if (peek() == "log10") {
      next();
      const Metric::Number inner = sum();
      return [inner, text = text_](const RunResult& r, const std::string& layer, Moment m) {
        const double value = inner(r, layer, m);
        if (value > 0) return std::log10(value);
        throw DataError(
            fmt::format("claims: {} has no logarithm ({}); need a number above 0", text, value));
      };
    }
    if (const auto scale = number_in(peek())) {
      next();
      const Metric::Number inner = sum();
      return [inner, by = *scale](const RunResult& r, const std::string& layer, Moment m) {
        return by * inner(r, layer, m);
      };
    }
    return sum();
  }

  std::vector<std::string> names() const { return names_; }

  void require_end() const {
    if (at_ < words_.size()) fail("unexpected word (" + words_[at_] + ")");
  }

 private:
  std::string peek() const { return at_ < words_.size() ? words_[at_] : ""; }
  std::string next() {
    if (at_ == words_.size()) fail("ends too early");
    return words_[at_++];
  }
  void expect(const char* word) {
    if (peek() != word) fail(fmt::format("'{}' is missing before '{}'", word, peek()));
    ++at_;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw ValueError("metric '" + text_ + "': " + what +
                     "; need a text such as `log10 final_loss` or `effective_rank / C`");
  }
  static std::optional<double> number_in(const std::string& word) {
    double value = 0;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), value);
    if (read.ec != std::errc{} || read.ptr != word.data() + word.size()) return std::nullopt;
    if (!std::isfinite(value)) return std::nullopt;
    return value;
  }
  double number() {
    const std::string word = next();
    const auto value = number_in(word);
    if (!value || *value <= 0) fail("not a number above 0 (" + word + ")");
    return *value;
  }

  Metric::Number sum() {
    const Metric::Number first = ratio();
    if (peek() != "-") return first;
    next();
    const Metric::Number second = ratio();
    return [first, second](const RunResult& r, const std::string& layer, Moment m) {
      return first(r, layer, m) - second(r, layer, m);
    };
  }

  Metric::Number ratio() {
    const std::string name = peek();
    const Metric::Number top = quantity();
    if (peek() != "/") return top;
    next();
    if (peek() == "C") {
      next();
      return [top, name](const RunResult& r, const std::string& layer, Moment m) {
        // First the width: without its spectrum the number is of nothing.
        const double width = channels(r, filled(name, layer));
        return top(r, layer, m) / width;
      };
    }
    const Metric::Number bottom = quantity();
    return [top, bottom](const RunResult& r, const std::string& layer, Moment m) {
      return top(r, layer, m) / bottom(r, layer, m);
    };
  }

  Metric::Number quantity() {
    const std::string word = next();
    if (word == "loss" && peek() == "at") {
      next();
      const auto step = std::int64_t(number());
      return [step](const RunResult& r, const std::string&, Moment) { return loss_at(r, step); };
    }
    if ((word == "range" || word == "rise" || word == "level") && peek() == "of") {
      return of_slice(word);
    }
    if (word == "/" || word == "-") fail("a name is missing before '" + word + "'");
    names_.push_back(word);
    return [word](const RunResult& r, const std::string& layer, Moment m) {
      return named(r, filled(word, layer), m);
    };
  }

  Metric::Number of_slice(const std::string& what) {
    expect("of");
    expect("slice");
    const std::string name = next();
    double radius = INFINITY;
    if (what != "level" && peek() == "within") {
      next();
      radius = number();
    }
    return [what, name, radius](const RunResult& r, const std::string&, Moment m) {
      const SlicePart part = part_of_slice(r, name, radius, m);
      if (what == "level") return level_of(part, name);
      return part.largest - (what == "rise" ? level_of(part, name) : part.smallest);
    };
  }

  const std::string text_;
  std::vector<std::string> words_;
  std::size_t at_ = 0;
  std::vector<std::string> names_;
};

Metric::Metric(std::string text) : text_(std::move(text)) {
  MetricParser parser(text_);
  number_ = parser.parse();
  parser.require_end();
  names_ = parser.names();
  has_layer_ = text_.find(kLayer) != std::string::npos;
}

std::vector<std::string> Metric::names(std::optional<int> layer) const {
  std::vector<std::string> all;
  for (const std::string& name : names_) {
    all.push_back(filled(name, layer ? std::to_string(*layer) : ""));
  }
  return all;
}

double Metric::value(const RunResult& result, std::optional<int> layer, Moment moment) const {
  return number_(result, layer ? std::to_string(*layer) : "", moment);
}

}  // namespace harness
