#include <algorithm>
#include <iostream>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "harness/activations/activation_file.hpp"
#include "harness/activations/measure_activations.hpp"
#include "harness/activations/reading_progress.hpp"
#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/data/npy.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;
using libnorm::Index;

constexpr const char* kAbout =
    "Prints what libnorm's metrics say of activations, a row a sample: of a .npy file, of an array "
    "of a\n.npz file, or of a tensor of a safetensors file, in float16, bfloat16, float32 or "
    "float64. Of more\nthan two dimensions the leading ones are rows: [batch, positions, C] is "
    "[batch x positions, C]. Rows\nand channels are counted from 0, as NumPy does.\n\n"
    "A file may be larger than memory: spectra, moments and the mean cosine take it in one pass. "
    "What\nneeds all rows at once is left out of a larger one, and the output says so.\n\n"
    "Each number comes with its convention: of singular values s or of eigenvalues l = s^2 / rows, "
    "and\nwhether the rows were centred.\n\n"
    "  norm-harness measure acts.npy\n"
    "  norm-harness measure model.safetensors --tensor h.3 --centring mean --json\n"
    "  norm-harness measure acts.npz --tensor h3 --nan-rows drop\n"
    "  norm-harness measure acts.npy --metrics effective_rank,iso_score --rows 10000\n"
    "  norm-harness measure acts.npy --labels labels.npy --head head.npy   neural collapse\n"
    "  norm-harness measure layer3.npy --against layer6.npy                CKA\n\n"
    "From Python: numpy.save(\"acts.npy\", acts), numpy.savez_compressed(\"acts.npz\", h3=acts), or"
    "\nsafetensors.torch.save_file({\"acts\": acts}, path).";

std::string all_names() {
  std::string text, line;
  for (const MeasuredMetric& metric : measured_metrics()) {
    if (line.size() + metric.name.size() > 90) {
      text += line + "\n";
      line.clear();
    }
    line += metric.name + (&metric == &measured_metrics().back() ? "" : ", ");
  }
  return text + line;
}

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

/// The choice of an array for the file of option `name`, by the option `name`-tensor.
ArrayChoice choice_of(const Arguments& arguments, const std::string& name) {
  ArrayChoice choice{std::nullopt, name.empty() ? "tensor" : name + "-tensor"};
  if (arguments.has(choice.option)) choice.name = arguments.text(choice.option);
  return choice;
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

Progress::Style progress_style(const Arguments& arguments) {
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
    ReadingProgress progress(std::cerr, progress_style(arguments), count, STDERR_FILENO);
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

/// JSON has no infinity.
nlohmann::ordered_json number_json(double value) {
  return nlohmann::ordered_json::parse(libnorm::json_number(value));
}

const char* name_of(libnorm::Centring centring) {
  return centring == libnorm::Centring::mean ? "mean" : "none";
}

void print_json(const ActivationFile& file, const Measuring& asked, const Measurement& found) {
  using Json = nlohmann::ordered_json;
  Json json;
  json["file"] = file.path.string();
  if (file.tensor) json["tensor"] = *file.tensor;
  json["dtype"] = libnorm::name_of(file.rows.format());
  json["shape"] = file.rows.shape();
  json["rows"] = asked.rows.size();
  json["nan_rows_dropped"] = asked.rows.left_out();
  json["channels"] = file.rows.cols();
  json["metrics"] = Json::array();
  for (const libnorm::MetricValue& m : found.values) {
    json["metrics"].push_back({{"name", m.name},
                               {"value", number_json(m.value)},
                               {"unit", m.unit},
                               {"convention", m.convention}});
  }
  json["spectra"] = Json::array();
  for (const libnorm::ActivationSpectrum& spectrum : found.spectra) {
    Json values = Json::array();
    for (const double s : spectrum.singular_values) values.push_back(number_json(s));
    json["spectra"].push_back({{"centring", name_of(spectrum.centring)},
                               {"path", spectrum_path_name(spectrum.path)},
                               {"singular_values", std::move(values)}});
  }
  json["left_out"] = Json::array();
  for (const LeftOut& left : found.left_out) {
    json["left_out"].push_back({{"metrics", left.metrics}, {"reason", left.reason}});
  }
  print_out("{}\n", json.dump(2, ' ', true, Json::error_handler_t::replace));
}

void print_table(const ActivationFile& file, const Measuring& asked, const Measurement& found) {
  print_out("{}: {} of {} rows, {} channels, {}\n", libnorm::printable(file.name()),
            asked.rows.size(), file.rows.rows(), file.rows.cols(),
            libnorm::name_of(file.rows.format()));
  if (asked.rows.left_out() > 0) {
    print_out("rows left out, as they hold a NaN or an infinity: {}\n", asked.rows.left_out());
  }
  for (const libnorm::ActivationSpectrum& spectrum : found.spectra) {
    const auto& s = spectrum.singular_values;
    print_out("singular values {}: {:.6g} to {:.6g}, by {}\n",
              spectrum.centring == libnorm::Centring::mean ? "of centred rows" : "as they are",
              s.front(), s.back(), spectrum_path_name(spectrum.path));
  }
  print_out("\n{:22} {:>14} {:10}  {}\n", "metric", "value", "unit", "convention");
  for (const libnorm::MetricValue& m : found.values) {
    print_out("{:22} {:14.6g} {:10}  {}\n", m.name, m.value, m.unit == "1" ? "" : m.unit,
              m.convention);
  }
  for (const LeftOut& left : found.left_out) {
    print_out("\nleft out: {} ({})\n", fmt::join(left.metrics, ", "), left.reason);
  }
}

void add_options(Arguments& arguments) {
  arguments.options()("file", po::value<std::string>()->value_name("FILE"),
                      "the file to read; needs no name")(
      "tensor", po::value<std::string>()->value_name("NAME"),
      "which tensor of a safetensors file, or array of a .npz file; needless where only one can be "
      "read")("metrics", po::value<std::string>()->value_name("A,B"),
              "only these; without it all that the options give a meaning")(
      "centring", po::value<std::string>()->default_value("both"),
      "rows of a spectrum less their mean (mean), as they are (none), or both")(
      "rows", po::value<Index>()->value_name("N"), "only the first N rows")(
      "nan-rows", po::value<std::string>()->default_value("error"),
      "what to do with a row that holds a NaN or an infinity: error tells where it is; drop "
      "leaves\n"
      "it out, with its label and its row of --against, and tells how many those were")(
      "labels", po::value<std::string>()->value_name("FILE"),
      "integers, a class for each row, .npy or .npz: for neural collapse (nc1, nc2)")(
      "labels-tensor", po::value<std::string>()->value_name("NAME"), "its array")(
      "head", po::value<std::string>()->value_name("FILE"),
      "weights [classes, C] of the layer that reads the rows, for nc2 of the head, nc3 and nc4;\n"
      "labels are then its rows, from 0")(
      "head-tensor", po::value<std::string>()->value_name("NAME"), "its tensor")(
      "head-bias", po::value<std::string>()->value_name("FILE"), "its bias [classes]")(
      "head-bias-tensor", po::value<std::string>()->value_name("NAME"), "its tensor")(
      "against", po::value<std::string>()->value_name("FILE"),
      "a second file with as many rows, for CKA")(
      "against-tensor", po::value<std::string>()->value_name("NAME"), "its tensor")(
      "threads", po::value<int>()->default_value(default_threads()), "threads")(
      "time", po::value<int>()->value_name("N"),
      "only time a spectrum with its metrics, N times, of rows in memory: milliseconds, one a "
      "line")("quiet", "no progress on long readings")("json", "a JSON object");
  add_device(arguments);
  arguments.positional("file");
}

Exit measure_file(const Arguments& arguments) {
  const ActivationFile file = open_activations(arguments.text("file"), choice_of(arguments, ""));
  const Measuring asked = measuring_of(arguments, file);
  if (arguments.has("time")) {
    const int times = arguments.get<int>("time");
    if (times < 1) throw UsageError(fmt::format("--time: too few ({}); need 1 or more", times));
    for (const double ms : time_spectrum(asked, times)) print_out("{:.4f}\n", ms);
    return Exit::ok;
  }
  Measurement found;
  {
    ReadingProgress progress(std::cerr, progress_style(arguments), asked.rows.size(),
                             STDERR_FILENO);
    found = measure_activations(asked, [&](Index rows) { progress.rows(rows); });
  }
  arguments.has("json") ? print_json(file, asked, found) : print_table(file, asked, found);
  return Exit::ok;
}

}  // namespace

Exit measure_command(const std::vector<std::string>& words) {
  Arguments arguments("measure FILE [options]",
                      std::string(kAbout) + "\n\nMetrics\n" + all_names());
  add_options(arguments);
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("file")) {
    throw UsageError("measure: no file given; need a .npy, .npz or safetensors file");
  }
  Exit exit = Exit::ok;
  const int threads = checked_threads(arguments);
  // The device computes the squares of the rows for spectra.
  const libnorm::Device device = chosen_device(arguments);
  try {
    libnorm::with_threads(threads, [&] {
      const libnorm::DeviceScope scope(device);
      exit = measure_file(arguments);
    });
  } catch (const std::bad_alloc&) {
    throw libnorm::DataError(fmt::format(
        "measure: {}: needs more memory than there is; take fewer rows with --rows, or fewer "
        "metrics with --metrics",
        libnorm::printable(arguments.text("file"))));
  }
  return exit;
}

}  // namespace harness
