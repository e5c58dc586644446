#include "harness/commands/measuring.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "harness/activations/reading_progress.hpp"
#include "harness/commands/usage.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

using libnorm::Index;

std::vector<libnorm::Centring> centrings_of(const std::string& word) {
  using libnorm::Centring;
  if (word == "mean") return {Centring::mean};
  if (word == "none") return {Centring::none};
  if (word == "both") return {Centring::none, Centring::mean};
  throw UsageError(fmt::format("--centring: unknown word ({}); use none, mean or both", word));
}

/// Checks that the metrics' names exist, and that these options allow each of them.
void check_metrics(const Arguments& arguments, const Measuring& asked) {
  const bool centred = asked.centrings.back() == libnorm::Centring::mean;
  for (const std::string& name : asked.metrics) {
    const auto& all = measured_metrics();
    const auto metric =
        std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.name == name; });
    if (metric == all.end()) {
      throw UsageError(fmt::format(
          "--metrics: unknown metric ({}); `norm-harness measure --help` lists them", name));
    }
    const auto needs = [&](const char* option) {
      if (arguments.has(option)) return;
      throw UsageError(fmt::format("--metrics: {} needs --{}", name, option));
    };
    if (metric->needs == MetricNeeds::labels) needs("labels");
    if (metric->needs == MetricNeeds::head) needs("head");
    if (metric->needs == MetricNeeds::other) needs("against");
    if (metric->needs == MetricNeeds::spectrum && !centred &&
        libnorm::find_activation_metric(name).asks == libnorm::SpectrumKind::centred) {
      throw UsageError(
          fmt::format("--metrics: {} asks for a centred spectrum; use --centring mean", name));
    }
  }
}

/// Sets classes for the rows: one for each row of the head, or one for each different label.
void set_classes(const std::string& path, std::vector<std::int64_t> labels, Measuring& asked) {
  const Index all = asked.file.rows.rows();
  if (Index(labels.size()) != all) {
    throw libnorm::DataError(fmt::format(
        "measure: {}: another number of labels than of rows ({}); need {}, one for each "
        "row of {}",
        libnorm::printable(path), labels.size(), all, asked.file.name()));
  }
  std::vector<std::int64_t> measured, different;
  for (Index r = 0; r < asked.rows.size(); ++r) {
    measured.push_back(labels[std::size_t(asked.rows.file_row(r))]);
  }
  if (asked.head) {
    for (Index k = 0; k < asked.head->rows.rows(); ++k) different.push_back(k);
  } else {
    different = measured;
    std::sort(different.begin(), different.end());
    different.erase(std::unique(different.begin(), different.end()), different.end());
  }
  std::vector<bool> seen(different.size());
  for (const std::int64_t label : measured) {
    const auto place = std::lower_bound(different.begin(), different.end(), label);
    if (place == different.end() || *place != label) {
      throw libnorm::DataError(
          fmt::format("measure: {}: a label that the head has no row for ({}); need 0 .. {}",
                      libnorm::printable(path), label, asked.head->rows.rows() - 1));
    }
    asked.labels.push_back(std::int32_t(place - different.begin()));
    seen[std::size_t(place - different.begin())] = true;
  }
  const auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end()) {
    throw libnorm::DataError(
        fmt::format("measure: {}: no row has label {}; need each of the head's {} classes",
                    libnorm::printable(path), missing - seen.begin(), asked.head->rows.rows()));
  }
  asked.classes = Index(different.size());
}

ActivationFile open_file(const Arguments& arguments, const std::string& name) {
  return open_activations(arguments.text(name), choice_of(arguments, name));
}

void check_uses(const Arguments& arguments) {
  for (const auto& [option, needed] :
       {std::pair("head", "labels"), std::pair("head-bias", "labels"),
        std::pair("head-bias", "head"), std::pair("against-tensor", "against"),
        std::pair("labels-tensor", "labels"), std::pair("head-tensor", "head"),
        std::pair("head-bias-tensor", "head-bias")}) {
    if (!arguments.has(option) || arguments.has(needed)) continue;
    throw UsageError(fmt::format("--{}: needs --{} too", option, needed));
  }
}

void open_head(const Arguments& arguments, Measuring& asked) {
  if (arguments.has("head")) {
    asked.head = open_file(arguments, "head");
    if (asked.head->rows.cols() != asked.file.rows.cols()) {
      throw libnorm::DataError(
          fmt::format("measure: {}: a head of another width ({}); need [classes, {}]",
                      asked.head->name(), asked.head->rows.cols(), asked.file.rows.cols()));
    }
  }
  if (arguments.has("head-bias")) {
    asked.head_bias = open_file(arguments, "head-bias");
    const libnorm::StoredRows& bias = asked.head_bias->rows;
    if (bias.rows() != 1 || bias.cols() != asked.head->rows.rows()) {
      throw libnorm::DataError(fmt::format("measure: {}: a bias of another shape ([{}]); need [{}]",
                                           asked.head_bias->name(), fmt::join(bias.shape(), ", "),
                                           asked.head->rows.rows()));
    }
  }
}

Index count_of(const Arguments& arguments, const ActivationFile& file) {
  const Index all = file.rows.rows();
  if (!arguments.has("rows")) return all;
  const Index rows = arguments.get<Index>("rows");
  if (rows < 1) throw UsageError(fmt::format("--rows: too few ({}); need at least 1", rows));
  if (rows > all) {
    throw UsageError(fmt::format("--rows: more than there are ({}); need at most {}", rows, all));
  }
  return rows;
}

/// The table or the JSON is on standard output.
Progress::Style reading_style(const Arguments& arguments) {
  if (arguments.has("quiet")) return Progress::Style::quiet;
  return Progress::style_of(STDERR_FILENO);
}

bool drops_rows(const Arguments& arguments) {
  const std::string& word = arguments.text("nan-rows");
  if (word == "drop") return true;
  if (word == "error") return false;
  throw UsageError(
      fmt::format("--nan-rows: unknown word ({}); use error or drop", libnorm::printable(word)));
}

/// The rows to measure: those without a NaN or an infinity, here and in the other file.
RowSelection select_rows(const Arguments& arguments, const Measuring& asked) {
  const Index count = asked.rows.size();
  if (!drops_rows(arguments)) return asked.rows;
  std::vector<Index> left_out;
  for (const ActivationFile* file : {&asked.file, asked.other ? &*asked.other : nullptr}) {
    if (file == nullptr) continue;
    ReadingProgress progress(std::cerr, reading_style(arguments), count, STDERR_FILENO);
    const std::vector<Index> found =
        unsound_rows(*file, count, [&](Index rows) { progress.rows(rows); });
    left_out.insert(left_out.end(), found.begin(), found.end());
  }
  std::sort(left_out.begin(), left_out.end());
  left_out.erase(std::unique(left_out.begin(), left_out.end()), left_out.end());
  if (Index(left_out.size()) == count) {
    throw libnorm::DataError(
        fmt::format("measure: {}: no rows are left, as all {} hold a NaN or an infinity; need one "
                    "at least",
                    asked.file.name(), count));
  }
  return {count, std::move(left_out)};
}

}  // namespace

ArrayChoice choice_of(const Arguments& arguments, const std::string& name) {
  ArrayChoice choice{std::nullopt, name.empty() ? "tensor" : name + "-tensor"};
  if (arguments.has(choice.option)) choice.name = arguments.text(choice.option);
  return choice;
}

Measuring measuring_of(const Arguments& arguments, const ActivationFile& file) {
  Measuring asked{file, RowSelection(count_of(arguments, file), {}), {}, {}, {}, 0, {}, {}, {}};
  if (arguments.has("metrics")) asked.metrics = split_list(arguments.text("metrics"), "metrics");
  asked.centrings = centrings_of(arguments.text("centring"));
  check_metrics(arguments, asked);
  check_uses(arguments);
  drops_rows(arguments);
  open_head(arguments, asked);
  if (arguments.has("against")) {
    asked.other = open_file(arguments, "against");
    if (asked.other->rows.rows() != file.rows.rows()) {
      throw libnorm::DataError(fmt::format("measure: {}: other rows ({}); need {}, those of {}",
                                           asked.other->name(), asked.other->rows.rows(),
                                           file.rows.rows(), file.name()));
    }
  }
  std::vector<std::int64_t> labels;
  if (arguments.has("labels")) {
    labels = read_labels(arguments.text("labels"), choice_of(arguments, "labels"));
  }
  asked.rows = select_rows(arguments, asked);
  if (arguments.has("labels")) set_classes(arguments.text("labels"), std::move(labels), asked);
  return asked;
}

Measurement measure(const Arguments& arguments, const Measuring& asked) {
  ReadingProgress progress(std::cerr, reading_style(arguments), asked.rows.size(), STDERR_FILENO);
  return measure_activations(asked, [&](Index rows) { progress.rows(rows); });
}

}  // namespace harness
