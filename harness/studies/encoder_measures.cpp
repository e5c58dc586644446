#include "harness/studies/encoder_measures.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "harness/base/stop.hpp"
#include "harness/studies/row_measures.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/rng.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/row_factor.hpp"

namespace harness {
namespace {

using libnorm::Centring;
using libnorm::Purpose;
using libnorm::Random;
using libnorm::RowFactor;

constexpr const char* kSpectra = "spectra";
constexpr const char* kHeldOut = "held_out";
/// Texts whose rows at the prediction position are measured.
constexpr Index kReadTexts = 4096;
/// The position whose row the head reads: [CLS].
constexpr Index kPrediction = 0;
constexpr std::size_t kVariants = std::size(kSpectrumVariants);

}  // namespace

const std::vector<Measure>& encoder_measures() {
  static const std::vector<Measure> list = {
      {"epochs", 1, Measure::Of::course, {"training_loss", "training_accuracy"}},
      {kSpectra, 1, Measure::Of::final_weights, spectrum_metrics()},
      {kHeldOut, 1, Measure::Of::final_weights, {"held_out_accuracy"}},
      {kRows,
       1,
       Measure::Of::final_weights,
       {"mean_cosine", "row_length_spread"},
       Measure::When::on_request},
      {kUntrained, 1, Measure::Of::final_weights, {}, Measure::When::on_request},
  };
  return list;
}

void shuffle_front(std::vector<std::int32_t>& items, Index count, const Random& random) {
  for (Index i = 0; i < count; ++i) {
    const Index j = i + random.below(std::uint64_t(i), Index(items.size()) - i);
    std::swap(items[std::size_t(i)], items[std::size_t(j)]);
  }
}

bool is_correct(const libnorm::MatrixView<const float>& logits, Index b,
                const std::vector<std::int32_t>& targets) {
  const float* row = logits.row(b);
  return std::max_element(row, row + logits.cols) - row == targets[std::size_t(b)];
}

libnorm::Padding EncoderMeter::padding() const {
  return {0, arm_.padding == PaddingUse::attended ? options_.length : 0};
}

void EncoderMeter::lay_out(const libnorm::Corpus& corpus, std::span<const std::int32_t> which) {
  batch_.assign(corpus, which, padding(), kPrediction, data_.vocabulary, options_.path);
}

std::vector<bool> EncoderMeter::held_out_correct() {
  std::vector<std::int32_t> which(std::size_t(data_.test.size()));
  std::iota(which.begin(), which.end(), 0);
  std::vector<bool> correct;
  for (Index first = 0; first < data_.test.size(); first += options_.batch) {
    check_stop();
    const Index count = std::min(options_.batch, data_.test.size() - first);
    lay_out(data_.test, std::span(which).subspan(std::size_t(first), std::size_t(count)));
    const auto logits = model_.logits(batch_);
    for (Index b = 0; b < logits.rows; ++b) {
      correct.push_back(is_correct(logits, b, batch_.targets));
    }
  }
  return correct;
}

/// Lays out the shuffled batch that spectra are of.
void EncoderMeter::draw_probe() {
  std::vector<std::int32_t> which(std::size_t(data_.train.size()));
  std::iota(which.begin(), which.end(), 0);
  const Index count = std::min(options_.batch, data_.train.size());
  shuffle_front(which, count, Random(seed_, Purpose::probe_batch));
  lay_out(data_.train, std::span(which).first(std::size_t(count)));
}

void EncoderMeter::add_rows(const std::string& name, RunResult& result) {
  const auto layer = [&](std::size_t b) { return name + ".layer" + std::to_string(b + 1); };
  draw_probe();
  std::vector<float> text = batch_.counts;
  for (std::size_t r = 0; r < text.size(); ++r) {
    if (batch_.ids[r] == padding().id) text[r] = 0;
  }
  const auto outputs = model_.all_activations(batch_);
  for (std::size_t b = 0; b < outputs.size(); ++b) {
    measure_rows(layer(b) + ".all", outputs[b], batch_.counts.data(), result);
    measure_rows(layer(b) + ".text", outputs[b], text.data(), result);
  }
  const Index c = options_.channels, texts = std::min(kReadTexts, data_.train.size());
  std::vector<std::int32_t> which(static_cast<std::size_t>(texts));
  std::iota(which.begin(), which.end(), 0);
  std::vector<std::vector<float>> read(outputs.size());
  for (Index first = 0; first < texts; first += options_.batch) {
    check_stop();
    const Index count = std::min(options_.batch, texts - first);
    lay_out(data_.train, std::span(which).subspan(std::size_t(first), std::size_t(count)));
    const auto rows = model_.all_activations(batch_);
    for (std::size_t b = 0; b < rows.size(); ++b) {
      for (const std::int32_t r : batch_.prediction_row) {
        read[b].insert(read[b].end(), rows[b].row(r), rows[b].row(r) + c);
      }
    }
  }
  for (std::size_t b = 0; b < read.size(); ++b) {
    measure_rows(layer(b) + ".read", {read[b].data(), texts, c}, nullptr, result);
  }
}

void EncoderMeter::add_untrained(RunResult& result) {
  libnorm::Transformer<float> model(model_.options());
  model.initialize(seed_);
  EncoderMeter(options_, arm_, seed_, data_, model, batch_).add_rows(kUntrained, result);
  std::erase_if(result.spectra,
                [](const auto& spectrum) { return first_part(spectrum.first) == kUntrained; });
}

std::vector<double> EncoderMeter::spectra() {
  draw_probe();
  const auto outputs = model_.all_activations(batch_);

  const Index c = options_.channels;
  std::vector<float> text_counts = batch_.counts;
  std::vector<std::int32_t> padding_rows;
  std::vector<float> padding_counts;
  for (std::size_t r = 0; r < batch_.ids.size(); ++r) {
    if (batch_.ids[r] != padding().id) continue;
    padding_rows.push_back(std::int32_t(r));
    padding_counts.push_back(std::exchange(text_counts[r], 0.0f));
  }
  std::vector<double> spectra(outputs.size() * kVariants * std::size_t(c), 0.0);
  libnorm::for_each_output(Index(outputs.size()), [&](Index block) {
    const auto& output = outputs[std::size_t(block)];
    RowFactor text(c), all(c);
    text.add(output, text_counts.data());
    all.merge(text);
    std::vector<float> rows;
    for (const std::int32_t r : padding_rows) {
      rows.insert(rows.end(), output.row(r), output.row(r) + c);
    }
    const Index padded = Index(padding_rows.size());
    all.add(libnorm::MatrixView<const float>(rows.data(), padded, c), padding_counts.data());
    double* to = spectra.data() + std::size_t(block) * kVariants * std::size_t(c);
    for (const RowFactor* factor : {&all, &text}) {
      for (const Centring centring : {Centring::none, Centring::mean}) {
        const auto s = factor->singular_values(centring);
        std::copy(s.begin(), s.end(), to);
        to += c;
      }
    }
  });
  return spectra;
}

void for_each_spectrum(
    const EncoderOptions& options, std::span<const double> spectra,
    const std::function<void(const std::string& name, std::span<const double> values)>& use) {
  const std::size_t c = std::size_t(options.channels);
  for (Index block = 0; block < options.blocks; ++block) {
    for (std::size_t v = 0; v < kVariants; ++v) {
      use("layer" + std::to_string(block + 1) + "." + std::string(kSpectrumVariants[v]),
          spectra.subspan((std::size_t(block) * kVariants + v) * c, c));
    }
  }
}

void for_each_metric(std::span<const double> spectrum,
                     const std::function<void(std::string_view name, double value)>& use) {
  for (const libnorm::MetricValue& metric : libnorm::values_of(spectrum)) {
    use(metric.name, metric.value);
  }
}

void measure_encoder(const EncoderOptions& options, const std::vector<std::string>& which,
                     EncoderMeter& meter, RunResult& result) {
  for (const std::string& name : which) {
    const Measure& measure = find_measure(encoder_measures(), name);
    if (measure.of == Measure::Of::course) {
      throw libnorm::ValueError("measure: of the course of training alone (" + name +
                                "); need one of the final weights");
    }
    begin_measure(encoder_measures(), name, result);
    if (name == kRows) {
      meter.add_rows(kRows, result);
    } else if (name == kUntrained) {
      meter.add_untrained(result);
    } else if (name == kHeldOut) {
      result.held_out_correct = meter.held_out_correct();
      const auto& correct = result.held_out_correct;
      result.metrics["held_out_accuracy"] =
          double(std::count(correct.begin(), correct.end(), true)) / double(correct.size());
    } else {
      std::erase_if(result.spectra, [](const auto& spectrum) {
        return !is_under_measure(spectrum.first, encoder_measures());
      });
      for_each_spectrum(options, meter.spectra(), [&](const std::string& of, auto values) {
        result.spectra[of].assign(values.begin(), values.end());
        for_each_metric(values, [&](std::string_view metric, double value) {
          result.metrics[of + "." + std::string(metric)] = value;
        });
      });
    }
  }
}

}  // namespace harness
