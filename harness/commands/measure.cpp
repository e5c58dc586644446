#include <filesystem>
#include <new>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "harness/activations/activation_file.hpp"
#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/commands/measuring.hpp"
#include "harness/commands/usage.hpp"
#include "harness/report/activation_page.hpp"
#include "harness/report/draw_figures.hpp"
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
    "  norm-harness measure layer3.npy --against layer6.npy                CKA\n"
    "  norm-harness measure acts.npz --tensor all --plot acts.html         a page, layer by "
    "layer\n\n"
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
  arguments.options()("file", po::value<std::vector<std::string>>()->value_name("FILE"),
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
  arguments.options()("plot", po::value<std::string>()->value_name("PAGE"),
                      "write an HTML page in place of printing: spectra beside the edge of noise, "
                      "outlier\nchannels, and of several arrays what changes from one to the next. "
                      "FILE may be several,\nand --tensor a list a,b or all: every matrix of the "
                      "file, numbers in names by value");
  arguments.several("file");
}

/// The arrays of the files: those of --tensor, as a,b or `all`, or the only one of each.
std::vector<ActivationFile> files_of(const Arguments& arguments) {
  std::vector<ActivationFile> files;
  for (const auto& path : arguments.get<std::vector<std::string>>("file")) {
    std::vector<std::string> names;
    if (arguments.has("tensor")) {
      names = arguments.text("tensor") == "all" ? matrix_names(path)
                                                : split_list(arguments.text("tensor"), "tensor");
    }
    if (names.empty()) files.push_back(open_activations(path, {std::nullopt, "tensor"}));
    for (const std::string& name : names) files.push_back(open_activations(path, {name, "tensor"}));
  }
  return files;
}

/// `--plot`: a page about all arrays.
Exit plot_files(const Arguments& arguments) {
  for (const char* other : {"json", "time"}) {
    if (!arguments.has(other)) continue;
    throw UsageError(fmt::format("measure: --plot writes a page, --{} prints; use one", other));
  }
  const std::filesystem::path page = arguments.text("plot");
  std::vector<MeasuredArray> arrays;
  for (const ActivationFile& file : files_of(arguments)) {
    const Measuring asked = measuring_of(arguments, file);
    const std::string label = file.tensor ? *file.tensor : file.path.stem().string();
    arrays.push_back({file.name(), libnorm::printable(label), asked.rows.size(),
                      asked.rows.left_out(), file.rows.cols(), measure(arguments, asked)});
  }
  const TemporaryFolder folder;
  std::vector<ReportFigure> figures;
  for (const Figure& figure : activation_figures(arrays)) {
    const auto drawn = draw_chart(figure.chart, folder.path());
    figures.push_back({"", figure.aspect, figure.caption, figure.alt, read_file(drawn[0])});
    figures.back().notes = figure.chart.notes;
  }
  write_atomically(page, activation_page(arrays, figures));
  if (!is_written_through(page)) print_out("{}\n", libnorm::printable(page.string()));
  return Exit::ok;
}

Exit measure_file(const Arguments& arguments) {
  const auto& paths = arguments.get<std::vector<std::string>>("file");
  if (paths.size() > 1) {
    throw UsageError(
        fmt::format("measure: {} files given; need one, or --plot PAGE for several", paths.size()));
  }
  const ActivationFile file = open_activations(paths.front(), choice_of(arguments));
  const Measuring asked = measuring_of(arguments, file);
  if (arguments.has("time")) {
    const int times = arguments.get<int>("time");
    if (times < 1) throw UsageError(fmt::format("--time: too few ({}); need 1 or more", times));
    for (const double ms : time_spectrum(asked, times)) print_out("{:.4f}\n", ms);
    return Exit::ok;
  }
  const Measurement found = measure(arguments, asked);
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
      exit = arguments.has("plot") ? plot_files(arguments) : measure_file(arguments);
    });
  } catch (const std::bad_alloc&) {
    throw libnorm::DataError(fmt::format(
        "measure: {}: needs more memory than there is; take fewer rows with --rows, or fewer "
        "metrics with --metrics",
        libnorm::printable(arguments.get<std::vector<std::string>>("file").front())));
  }
  return exit;
}

}  // namespace harness
