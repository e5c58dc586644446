#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/charts/figure.hpp"
#include "harness/claims/claims.hpp"
#include "harness/data/datasets.hpp"
#include "harness/results/measures.hpp"
#include "harness/results/result.hpp"
#include "harness/results/spec.hpp"
#include "harness/runs/training_run.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/batch.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {

/// An experiment of the paper: the arms of its figure, and the controls that its verdicts use.
struct Experiment {
  std::string_view id;
  int figure = 0;
  std::vector<std::string> arms;
  std::vector<std::string> controls;
  std::vector<std::string> protocols;
  std::string_view description;
  /// Arms of the protocols that train differently; other protocols only measure differently. An arm
  /// that replaces one of the figure is called `<arm>_<protocol>`.
  std::map<std::string, std::vector<std::string>> trainings = {};
};

/// A task that runs are trained on, by its name in results.
struct Task {
  std::string_view name;
  /// For a task that stands in for another, and whose results are no evidence: what to say about
  /// them, as `generated texts, not AG News`. Else empty.
  std::string_view stand_in = "";
};

/// Runs that golden holds: seeds 0 .. N-1 of every arm that experiments have under a protocol.
struct GoldenSeeds {
  std::string_view task, profile;
  std::size_t seeds = 0;
  std::string_view protocol = "published";
};

/// A figure that golden holds, drawn from golden's results at the claim profile.
struct GoldenFigure {
  std::string_view experiment, protocol;
};

/// A product of a training step: its output is m x n, its inner size k.
struct Product {
  std::string_view what;
  Index m = 0, n = 0, k = 0;
  bool a_transposed = false, b_transposed = false;
};

/// A model and a batch, for timing products with the Hessian and the Gauss-Newton matrix.
struct CurvatureCase {
  std::string_view arm;
  libnorm::TransformerOptions model;
  libnorm::Batch batch;
};

/// What `bench` times for a study, besides steps of its figures' arms.
struct BenchPlan {
  /// The profile of those steps.
  std::string_view profile;
  std::vector<Product> products;
  std::vector<CurvatureCase> curvatures = {};
};

/// What --help and the report say about a study. Any may be empty.
struct StudyTexts {
  /// A sentence about its data: `Reads AG News, or ...`.
  std::string_view data;
  /// What a run keeps in its folder by default: `state, 3.6 MB a run (weights 1.2)`.
  std::string_view kept;
  /// What its figures show besides the paper's: `spectral metrics against depth`.
  std::string_view figures;
  /// Caveats about its results, in HTML: `<li>...</li>` for each.
  std::string_view caveats;
};

/// A model to train: a norm, and what else distinguishes it from the other arms.
struct ArmInfo {
  std::string_view name;
  std::string_view norm;
  std::string_view description;
};

/// A way to measure or to train under which an experiment can be judged.
struct Protocol {
  std::string_view name;
  std::string_view description;
};

/// A scale at which the experiments of a study are run.
struct ProfileInfo {
  std::string_view name;
  std::string_view description;
};

enum class NumberKind { count, real, choice };

/// A number of a study under its name on the command line.
struct NumberInfo {
  std::string_view name;
  std::string_view help;
  NumberKind kind = NumberKind::count;
  /// The value that specifications do not mention, so that runs from before there was the option
  /// stay the same runs; nothing if they always say it.
  std::optional<double> unless = {};
  /// Words of a choice. Its number is the place of the chosen one.
  std::vector<std::string_view> words = {};
};

/// A number's name as a specification's key.
inline std::string spec_key(const NumberInfo& number) {
  std::string key(number.name);
  std::ranges::replace(key, '-', '_');
  return key;
}

/// A number of finished runs that a table shows.
struct Column {
  std::string metric, title;
  int width() const { return std::max(9, int(title.size())); }
};

/// A request from the command line.
struct Request {
  std::string profile;
  std::vector<std::string> arms;
  std::vector<std::uint64_t> seeds;
  libnorm::Path path = libnorm::Path::shortcut;
  libnorm::Gemm gemm = libnorm::Gemm::exact;
  /// Numbers that differ from the profile's, by name.
  std::map<std::string, double, std::less<>> numbers;
  /// The folder given with --data, if any; whether unknown files are accepted; and where tokenized
  /// data may be stored.
  std::optional<std::filesystem::path> data;
  Trust trust = Trust::known;
  std::filesystem::path cache;
};

/// Whether an arm's name is the text of a normalization, such as `rms+gain@pre` or `dyt`. Every
/// study has an arm for each.
bool is_normalization(std::string_view name);

/// The runs that results came from, in the same order.
struct PlannedAgain {
  std::vector<PlannedRun> runs;
  /// A sentence for each result that this version does not make, or whose data is missing.
  std::vector<std::string> faults;
};

/// Experiments that train the same kind of models on the same kind of data, and so share their
/// runs.
class Study {
 public:
  virtual ~Study() = default;

  virtual std::string_view name() const = 0;
  virtual const std::vector<Experiment>& experiments() const = 0;
  virtual const std::vector<ArmInfo>& arms() const = 0;
  /// A table of runs shows the first unless told otherwise.
  virtual const std::vector<Protocol>& protocols() const = 0;
  virtual const std::vector<ProfileInfo>& profiles() const = 0;
  virtual const std::vector<NumberInfo>& numbers() const = 0;
  virtual const std::vector<Task>& tasks() const = 0;
  /// What a table of runs shows under a protocol, besides the loss.
  virtual std::vector<Column> columns(std::string_view protocol) const = 0;
  /// In the order of verdicts.
  virtual std::vector<Claim> claims() const = 0;
  /// The profile that claims are judged at. It was fixed before the first run, with its seeds.
  virtual std::string_view claim_profile() const = 0;
  virtual const std::vector<GoldenSeeds>& golden_seeds() const = 0;
  virtual std::vector<GoldenFigure> golden_figures() const { return {}; }
  virtual BenchPlan bench() const = 0;
  virtual StudyTexts texts() const = 0;

  /// The figures of an experiment from results of one task and profile, the paper's first.
  /// Throws: ValueError or DataError for what cannot be drawn.
  virtual std::vector<Figure> figures(const std::vector<RunResult>& results,
                                      const FigureSpec& spec) const = 0;

  /// Every arm from every seed. A run with other numbers than its profile's has profile `custom`.
  /// Throws: ValueError for numbers outside their domain, DataError for data that is not there.
  virtual std::vector<PlannedRun> plan(const Request& request) const = 0;

  /// Claims are judged from seeds 0 .. N-1: golden's at the claim profile, on a task that is no
  /// stand-in.
  std::size_t claim_seeds() const;

  /// The task of this name, or null.
  const Task* find_task(std::string_view name) const;

  /// Whether an arm of this name is in the list, or can be made.
  bool has_arm(std::string_view name) const;

  /// What is measured on its runs, and by which version today. By default it is nothing that could
  /// be measured again.
  virtual const std::vector<Measure>& measures() const;

  /// Today's specification for a result's task, profile, arm and seed; nothing if they are no run
  /// of the study's profiles.
  virtual std::optional<Spec> spec_of(const RunResult& result) const = 0;
  /// Whether the study made the result, and its profile, arm and numerics still mean the same.
  bool is_current(const RunResult& result) const;

  /// The runs that a store's results came from, to be trained or measured again. Of the request,
  /// only the place of the data counts. These are runs of the study's profiles, unless it reads its
  /// options from specifications.
  virtual PlannedAgain plan_again(const std::vector<RunResult>& results,
                                  const Request& request) const;
};

/// All studies: the catalogue of experiments. Only catalogue.cpp defines it, so a program can link
/// another in its place.
std::span<const Study* const> studies();

/// The study that has an experiment, and the experiment.
struct FoundExperiment {
  const Study* study = nullptr;
  const Experiment* experiment = nullptr;
};
/// Throws: ValueError for an unknown id, with the known ones.
FoundExperiment find_experiment(std::string_view id);

/// The study that has the task of a result. Throws: DataError for an unknown task.
const Study& study_of(const RunResult& result);

/// The item of this name in a list. Throws: ValueError with the known names.
template <class T>
const T& find_named(const std::vector<T>& list, std::string_view T::*key, std::string_view wanted,
                    std::string_view what) {
  std::string known;
  for (const T& item : list) {
    if (item.*key == wanted) return item;
    known += known.empty() ? "" : ", ";
    known += item.*key;
  }
  throw libnorm::ValueError(std::string(what) + ": unknown name (" + std::string(wanted) +
                            "); use one of " + known);
}

}  // namespace harness
