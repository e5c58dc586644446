#include "harness/activations/measure_activations.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "libnorm/metrics/activations/cka.hpp"
#include "libnorm/metrics/activations/intrinsic_dimension.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"

namespace harness {
namespace {

using libnorm::Index;
using libnorm::MatrixView;
using libnorm::MetricValue;
using libnorm::StoredRows;

constexpr Index kMostBytes = Index{1} << 30, kMostPairs = 20000;
/// With more channels, or rows if these are fewer, the squares alone take gigabytes.
constexpr Index kMostChannels = 8192;
constexpr Index kNeighbours = 10;

/// Which metrics to compute: those that were named, or all that the input allows.
class Choice {
 public:
  explicit Choice(const Measuring& asked) : names_(asked.metrics) {}

  bool any(MetricNeeds needs) const {
    const auto& all = measured_metrics();
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& m) { return m.needs == needs && has(m.name); });
  }
  bool has(const std::string& name) const {
    return names_.empty() || std::find(names_.begin(), names_.end(), name) != names_.end();
  }
  bool named() const { return !names_.empty(); }
  /// The wanted metrics of a kind.
  std::vector<std::string> of(MetricNeeds needs) const {
    std::vector<std::string> names;
    for (const MeasuredMetric& m : measured_metrics()) {
      if (m.needs == needs && has(m.name)) names.push_back(m.name);
    }
    return names;
  }

 private:
  const std::vector<std::string>& names_;
};

template <class T>
struct Rows {
  std::vector<T> numbers;
  Index rows = 0, cols = 0;

  MatrixView<const T> view() const { return {numbers.data(), rows, cols}; }
};

constexpr const char* kOrDrop = ", or --nan-rows drop";

/// Reads selected rows, all of which must be finite.
template <class T>
void read_selected(const Measuring& asked, const ActivationFile& from, Index first,
                   const MatrixView<T>& into) {
  asked.rows.read(from.rows, first, into);
  require_finite<T>(
      from, into, [&](Index r) { return asked.rows.file_row(first + r); }, kOrDrop);
}

template <class T>
Rows<T> empty_rows(Index rows, Index cols) {
  return {std::vector<T>(std::size_t(rows * cols)), rows, cols};
}

template <class T>
Rows<T> read_selected(const Measuring& asked, const ActivationFile& from) {
  Rows<T> rows = empty_rows<T>(asked.rows.size(), from.rows.cols());
  read_selected(asked, from, 0, MatrixView<T>(rows.numbers.data(), rows.rows, rows.cols));
  return rows;
}

/// Reads all rows of a file, none of which may be left out.
template <class T>
Rows<T> read_whole(const ActivationFile& from) {
  Rows<T> rows = empty_rows<T>(from.rows.rows(), from.rows.cols());
  from.rows.read(0, MatrixView<T>(rows.numbers.data(), rows.rows, rows.cols));
  require_finite<T>(from, rows.view(), [](Index r) { return r; });
  return rows;
}

template <class T>
bool fits_memory(Index rows, Index channels) {
  return double(rows) * double(channels) * double(sizeof(T)) <= double(kMostBytes);
}

/// The metrics that need one pass.
struct Streams {
  std::unique_ptr<libnorm::RowGram> gram;
  std::unique_ptr<libnorm::ChannelMoments> moments;
  std::unique_ptr<libnorm::RowDirections> directions;

  template <class T>
  void add(const MatrixView<const T>& rows) {
    if (gram) gram->add(rows);
    if (moments) moments->add(rows);
    if (directions) directions->add(rows);
  }
};

/// Leaves metrics out. Throws: DataError if metrics were asked for by name.
void leave_out(const Choice& choice, std::vector<std::string> names, const std::string& reason,
               Measurement& result) {
  if (names.empty()) return;
  if (choice.named()) {
    throw libnorm::DataError(
        fmt::format("measure: cannot make {} ({})", fmt::join(names, ", "), reason));
  }
  result.left_out.push_back({std::move(names), reason});
}

void keep(const Choice& choice, std::vector<MetricValue> values, Measurement& result) {
  for (MetricValue& value : values) {
    if (choice.has(value.name)) result.values.push_back(std::move(value));
  }
}

template <class T>
void measure_pairs(const Choice& choice, const MatrixView<const T>& rows, Measurement& result) {
  const libnorm::Neighbours near = libnorm::nearest_neighbours(rows, kNeighbours);
  const std::string of = fmt::format("{} different rows", near.rows);
  keep(choice,
       {{"two_nn_dimension", "dimensions", libnorm::two_nn_dimension(near), of},
        {"likelihood_dimension", "dimensions",
         libnorm::likelihood_dimension(near, libnorm::Averaging::inverses),
         fmt::format("{}, {} neighbours, mean of inverses", of, near.k)}},
       result);
}

template <class T>
void measure_collapse(const Choice& choice, const Measuring& asked, const MatrixView<const T>& rows,
                      Measurement& result) {
  Rows<T> head, bias;
  if (asked.head) head = read_whole<T>(*asked.head);
  if (asked.head_bias) bias = read_whole<T>(*asked.head_bias);
  keep(choice,
       values_of(libnorm::neural_collapse(rows, asked.labels.data(), asked.classes, head.view(),
                                          asked.head_bias ? bias.numbers.data() : nullptr)),
       result);
}

template <class T>
void measure_other(const Choice& choice, const Measuring& asked, const MatrixView<const T>& rows,
                   Measurement& result) {
  const Rows<T> other = read_selected<T>(asked, *asked.other);
  if (choice.has("linear_cka")) {
    result.values.push_back(
        {"linear_cka", "1", libnorm::linear_cka(rows, other.view()), "of the two files, centred"});
  }
  if (choice.has("debiased_linear_cka")) {
    result.values.push_back({"debiased_linear_cka", "1",
                             libnorm::debiased_linear_cka(rows, other.view()),
                             "of the two files, unbiased HSIC"});
  }
}

/// The metrics that need all rows at once.
template <class T>
void measure_in_memory(const Choice& choice, const Measuring& asked, bool squares_fit,
                       const MatrixView<const T>& rows, Measurement& result) {
  if (choice.any(MetricNeeds::rows) && squares_fit) {
    result.values.push_back(
        {"partition_isotropy", "1", libnorm::partition_isotropy(rows), "not centred"});
  }
  if (choice.any(MetricNeeds::pairs) && rows.rows <= kMostPairs) {
    measure_pairs(choice, rows, result);
  }
  const bool collapse = choice.any(MetricNeeds::labels) || choice.any(MetricNeeds::head);
  if (collapse && asked.classes > 0) measure_collapse(choice, asked, rows, result);
  if (choice.any(MetricNeeds::other) && asked.other) measure_other(choice, asked, rows, result);
}

/// Leaves out the metrics that need squares too large to hold: [C, C], or, with fewer rows than
/// channels, [R, R] and the rows in double.
/// Returns: whether they can be held.
bool plan_squares(const Choice& choice, Index rows, Index channels, Measurement& result) {
  const Index most_rows = std::min(kMostChannels, kMostBytes / (Index(sizeof(double)) * channels));
  if (channels <= kMostChannels || rows <= most_rows) return true;
  std::vector<std::string> names = choice.of(MetricNeeds::spectrum);
  const std::vector<std::string> more = choice.of(MetricNeeds::rows);
  names.insert(names.end(), more.begin(), more.end());
  leave_out(
      choice, std::move(names),
      fmt::format("squares of {} rows or {} channels take gigabytes; take at most {} rows of so "
                  "many channels with --rows",
                  rows, channels, most_rows),
      result);
  return false;
}

/// Leaves out the metrics that need too much memory or time. Returns: whether any that is left
/// needs all rows in memory.
template <class T>
bool plan_memory(const Choice& choice, const Measuring& asked, bool squares_fit,
                 Measurement& result) {
  std::vector<std::string> names;
  if (squares_fit) names = choice.of(MetricNeeds::rows);
  const std::vector<std::string> pairs = choice.of(MetricNeeds::pairs);
  const Index count = asked.rows.size();
  if (count > kMostPairs) {
    leave_out(choice, pairs,
              fmt::format("time grows with the square of the rows, {}; take at most {} with --rows",
                          count, kMostPairs),
              result);
  } else {
    names.insert(names.end(), pairs.begin(), pairs.end());
  }
  for (const auto& [there, needs] : {std::pair(asked.classes > 0, MetricNeeds::labels),
                                     std::pair(asked.head.has_value(), MetricNeeds::head),
                                     std::pair(asked.other.has_value(), MetricNeeds::other)}) {
    const std::vector<std::string> more = choice.of(needs);
    if (there) names.insert(names.end(), more.begin(), more.end());
  }
  const bool fits = fits_memory<T>(count, asked.file.rows.cols()) &&
                    (!asked.other || fits_memory<T>(count, asked.other->rows.cols()));
  if (fits) return !names.empty();
  leave_out(choice, std::move(names),
            fmt::format("all rows at once take more than {} GB; take fewer with --rows",
                        kMostBytes >> 30),
            result);
  return false;
}

Streams streams_for(const Choice& choice, Index channels, bool squares_fit) {
  Streams streams;
  if (choice.any(MetricNeeds::spectrum) && squares_fit) {
    streams.gram = std::make_unique<libnorm::RowGram>(channels);
  }
  if (choice.any(MetricNeeds::moments)) {
    streams.moments = std::make_unique<libnorm::ChannelMoments>(channels);
  }
  if (choice.any(MetricNeeds::directions)) {
    streams.directions = std::make_unique<libnorm::RowDirections>(channels);
  }
  return streams;
}

void finish(const Choice& choice, const Measuring& asked, const Streams& streams,
            Measurement& result) {
  for (const libnorm::Centring centring : asked.centrings) {
    if (!streams.gram) break;
    result.spectra.push_back(streams.gram->spectrum(centring));
    keep(choice, values_of(result.spectra.back()), result);
  }
  if (streams.moments) {
    keep(choice, values_of(*streams.moments), result);
    result.moments = *streams.moments;
  }
  if (streams.directions) {
    result.values.push_back(
        {"mean_cosine", "1", streams.directions->mean_cosine(), "pairs of rows, not centred"});
  }
}

template <class T>
Measurement measure_as(const Measuring& asked, const std::function<void(Index)>& progress) {
  const Choice choice(asked);
  Measurement result;
  const Index c = asked.file.rows.cols(), all_rows = asked.rows.size();
  const bool squares_fit = plan_squares(choice, all_rows, c, result);
  const bool in_memory = plan_memory<T>(choice, asked, squares_fit, result);
  Streams streams = streams_for(choice, c, squares_fit);
  Rows<T> all;
  if (in_memory) all = empty_rows<T>(all_rows, c);
  // Metrics take pieces of a fixed size (RowGram's; those of others divide it), so that numbers
  // have the same bits as from rows in memory. Narrow rows are read 16 MB at a time.
  const Index piece = c <= 512 || !streams.gram
                          ? std::max<Index>(1, 1024 / c) * (streams.gram ? 4096 : 1024)
                          : std::max<Index>(8192, (2 * c + 1023) / 1024 * 1024);
  std::vector<T> buffer;
  for (Index first = 0; first < all_rows; first += piece) {
    const Index count = std::min(piece, all_rows - first);
    if (!in_memory) buffer.resize(std::size_t(count * c));
    const MatrixView<T> part(in_memory ? all.numbers.data() + first * c : buffer.data(), count, c);
    read_selected(asked, asked.file, first, part);
    streams.add(MatrixView<const T>(part));
    progress(first + count);
  }
  finish(choice, asked, streams, result);
  if (in_memory) measure_in_memory<T>(choice, asked, squares_fit, all.view(), result);
  return result;
}

bool is_double(const Measuring& asked) {
  const auto wide = [](const ActivationFile& file) {
    return file.rows.format() == libnorm::NumberFormat::float64;
  };
  return wide(asked.file) || (asked.other && wide(*asked.other)) ||
         (asked.head && wide(*asked.head)) || (asked.head_bias && wide(*asked.head_bias));
}

template <class T>
std::vector<double> time_as(const Measuring& asked, int times) {
  const Rows<T> rows = read_selected<T>(asked, asked.file);
  std::vector<double> milliseconds;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    values_of(libnorm::activation_spectrum(rows.view(), asked.centrings.front()));
    const std::chrono::duration<double, std::milli> spent =
        std::chrono::steady_clock::now() - start;
    milliseconds.push_back(spent.count());
  }
  return milliseconds;
}

}  // namespace

const std::vector<MeasuredMetric>& measured_metrics() {
  static const std::vector<MeasuredMetric> all = [] {
    using enum MetricNeeds;
    std::vector<MeasuredMetric> metrics;
    for (const auto& m : libnorm::activation_metrics()) {
      metrics.push_back({std::string(m.name), spectrum});
    }
    for (const char* name :
         {"mean_kurtosis", "largest_kurtosis", "outlier_channels", "rank_one_distance"}) {
      metrics.push_back({name, moments});
    }
    metrics.push_back({"mean_cosine", directions});
    metrics.push_back({"partition_isotropy", rows});
    for (const char* name : {"two_nn_dimension", "likelihood_dimension"}) {
      metrics.push_back({name, pairs});
    }
    libnorm::NeuralCollapse collapse;
    for (const auto& m : values_of(collapse)) metrics.push_back({m.name, labels});
    collapse.has_head = true;
    for (const auto& m : values_of(collapse)) {
      const auto same = [&](const MeasuredMetric& other) { return other.name == m.name; };
      if (std::none_of(metrics.begin(), metrics.end(), same)) metrics.push_back({m.name, head});
    }
    for (const char* name : {"linear_cka", "debiased_linear_cka"}) metrics.push_back({name, other});
    return metrics;
  }();
  return all;
}

Measurement measure_activations(const Measuring& asked,
                                const std::function<void(Index)>& progress) {
  try {
    return is_double(asked) ? measure_as<double>(asked, progress)
                            : measure_as<float>(asked, progress);
  } catch (const libnorm::ValueError& error) {
    // The fault is in the file, not on the command line. The text begins with the name of a
    // function, which says nothing to the user and is cut off.
    const std::string_view text = error.what();
    const std::size_t colon = text.find(": ");
    throw libnorm::DataError(
        fmt::format("measure: {}: {}", asked.file.name(),
                    colon == std::string_view::npos ? text : text.substr(colon + 2)));
  }
}

std::vector<double> time_spectrum(const Measuring& asked, int times) {
  return is_double(asked) ? time_as<double>(asked, times) : time_as<float>(asked, times);
}

}  // namespace harness
