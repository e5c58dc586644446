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

#include "harness/data/datasets.hpp"
#include "harness/results/measures.hpp"
#include "harness/results/result.hpp"
#include "harness/results/spec.hpp"
#include "harness/runs/training_run.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/batch.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {

/// An experiment of the paper: the arms of its figure, and the controls its verdicts quote.
struct Experiment {
  std::string_view id;
  int figure = 0;
  std::vector<std::string> arms;
  std::vector<std::string> controls;
  std::vector<std::string> protocols;
  std::string_view description;
  /// Arms of protocols that train otherwise, where the others only measure otherwise.
  std::map<std::string, std::vector<std::string>> trainings = {};
};

/// A model to train: a norm, and what else tells it from the other arms.
struct ArmInfo {
  std::string_view name;
  std::string_view norm;
  std::string_view description;
};

/// A way to measure or to train that an experiment can be judged under.
struct Protocol {
  std::string_view name;
  std::string_view description;
};

/// A scale at which the experiments of a study are run.
struct ProfileInfo {
  std::string_view name;
  std::string_view description;
};

enum class NumberKind { count, real };

/// A number of a study under its name on the command line.
struct NumberInfo {
  std::string_view name;
  std::string_view help;
  NumberKind kind = NumberKind::count;
};

/// A number of finished runs that a table shows.
struct Column {
  std::string metric, title;
  int width() const { return std::max(9, int(title.size())); }
};

/// What was asked for on the command line.
struct Request {
  std::string profile;
  std::vector<std::string> arms;
  std::vector<std::uint64_t> seeds;
  libnorm::Path path = libnorm::Path::shortcut;
  libnorm::Gemm gemm = libnorm::Gemm::exact;
  /// Numbers that differ from the profile's, by name.
  std::map<std::string, double, std::less<>> numbers;
  /// The folder named with --data, if one was; whether unknown files will do; and where tokenized
  /// data may be kept.
  std::optional<std::filesystem::path> data;
  Trust trust = Trust::known;
  std::filesystem::path cache;
};

/// Whether an arm's name is meant as a normalization's text, such as `rms+gain@pre` or `dyt`: every
/// study has an arm of each.
bool is_normalization(std::string_view name);

/// Runs that rows came from, in their order.
struct PlannedAgain {
  std::vector<PlannedRun> runs;
  /// A sentence for each row that this version does not make, or whose data is not there.
  std::vector<std::string> faults;
};

/// Experiments that train models of one kind on one kind of data, and so share their runs.
class Study {
 public:
  virtual ~Study() = default;

  virtual std::string_view name() const = 0;
  virtual const std::vector<Experiment>& experiments() const = 0;
  virtual const std::vector<ArmInfo>& arms() const = 0;
  virtual const std::vector<Protocol>& protocols() const = 0;
  virtual const std::vector<ProfileInfo>& profiles() const = 0;
  virtual const std::vector<NumberInfo>& numbers() const = 0;
  /// What a table of runs shows under a protocol, beside the loss.
  virtual std::vector<Column> columns(std::string_view protocol) const = 0;
  /// The profile that claims are judged at, and its seeds 0 .. N-1: fixed before the first run.
  virtual std::string_view claim_profile() const = 0;
  virtual std::size_t claim_seeds() const = 0;

  /// Every arm from every seed. A run with other numbers than its profile's has profile `custom`.
  /// Throws: ValueError for numbers outside their domain, DataError for data that is not there.
  virtual std::vector<PlannedRun> plan(const Request& request) const = 0;

  /// Whether an arm of this name is in the list, or can be made.
  bool has_arm(std::string_view name) const;

  /// What is measured on its runs, and by which version today: nothing that could be done again,
  /// unless a study says so.
  virtual const std::vector<Measure>& measures() const;

  /// The specification that a row's task, profile, arm and seed have today; nothing where they
  /// mean no run of the study's profiles.
  virtual std::optional<Spec> spec_of(const RunResult& row) const = 0;
  /// Whether the study made the row, and its profile, arm and numerics mean the same today.
  bool is_current(const RunResult& row) const;

  /// The runs that rows of a store came from, to be made or measured again. Of the request counts
  /// where the data is. Unless a study reads its options from specifications, these are runs of its
  /// profiles.
  virtual PlannedAgain plan_again(const std::vector<RunResult>& rows, const Request& request) const;
};

/// All studies: the catalogue of experiments.
std::span<const Study* const> studies();

/// The study that has an experiment, and the experiment.
struct FoundExperiment {
  const Study* study = nullptr;
  const Experiment* experiment = nullptr;
};
/// Throws: ValueError for an unknown id, with the known ones.
FoundExperiment find_experiment(std::string_view id);

/// The study whose tasks include a row's. Throws: DataError for an unknown task.
const Study& study_of(const RunResult& row);

/// The item of a list with this name. Throws: ValueError with the known names.
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
