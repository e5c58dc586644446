#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

/// A loss curve along a direction through the trained weights.
struct Slice {
  std::vector<double> alpha;
  std::vector<double> loss;
};

/// Where and by what a result was made. No hash of results depends on it.
struct Environment {
  std::string version;
  std::string numerics;
  std::string compiler;
  std::string flags;
  std::string cpu;
  std::string isa;
  int threads = 0;
  /// `cpu`, or the GPU that trained.
  std::string device = "cpu";
};

/// What a finished run keeps of its last step: nothing; the weights and running statistics; or also
/// Adam's moments, from which training could resume.
enum class Keep { none, weights, state };

/// The words of Keep, in its order.
inline constexpr std::string_view kKeepWords[] = {"none", "weights", "state"};

/// What a run has kept, in a file of its folder.
struct Kept {
  /// Never none.
  Keep what = Keep::weights;
  /// The file's hash.
  std::string sha256;

  bool operator==(const Kept&) const = default;
};

/// One finished run: an arm trained from one seed, and everything measured on it.
struct RunResult {
  /// What it was trained on: associative_recall, ag_news or topics.
  std::string task = "associative_recall";
  /// Description of the data set, with rows and checksum; empty if the task is only generated.
  std::string data;
  std::string profile;
  std::string arm;
  /// In a factorial study, the level of each factor. It distinguishes runs, but no hash depends on
  /// it.
  std::map<std::string, std::string> cell;
  std::uint64_t seed = 0;
  std::int64_t steps = 0;
  /// Step of the first loss that was not finite; -1 if all were finite.
  std::int64_t diverged_at = -1;
  std::string spec_sha256;
  /// The canonical text whose hash is spec_sha256. Empty if it is not known, as in golden's results
  /// of named profiles.
  std::string spec;
  /// Hash of the trained weights and running statistics, as 4-byte floats.
  std::string weights_sha256;
  /// Hash of the training losses of all steps, as 4-byte floats.
  std::string losses_sha256;
  /// Mean of the last min(100, steps) training losses; NaN where there was no step.
  double final_loss = 0;
  /// The version of each measure that made the numbers below; none for a run that diverged.
  std::map<std::string, int> measures;
  std::map<std::string, double> metrics;
  /// loss_curve[i] is the mean of the losses of steps [i * curve_stride, (i + 1) * curve_stride).
  std::int64_t curve_stride = 1;
  std::vector<double> loss_curve;
  std::vector<double> singular_values;
  std::map<std::string, Slice> slices;
  /// Numbers at the end of each epoch. The last one is in `metrics` too, under the same name.
  std::map<std::string, std::vector<double>> epochs;
  /// Singular values of several matrices after training: `layer3.no_padding.centred`.
  std::map<std::string, std::vector<double>> spectra;
  /// Whether the trained model classifies each text of the test set correctly, in the set's order.
  /// The share of these is the metric held_out_accuracy. Empty for other tasks, for a run that
  /// diverged, and for one made before this was stored.
  std::vector<bool> held_out_correct;
  /// Nothing if nothing was kept. It is not compared: what a run keeps is a matter of disk space.
  std::optional<Kept> kept;
  double seconds = 0;
  Environment environment;
};

}  // namespace harness
