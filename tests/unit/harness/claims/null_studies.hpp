#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "harness/results/result.hpp"

// Studies whose truth is known: for each arm and seed every metric that a claim reads is a mean
// plus noise.

namespace harness {

enum class Noise { normal, student, lognormal, unequal, correlated };
inline constexpr std::pair<Noise, const char*> kNoises[] = {
    {Noise::normal, "normal"},
    {Noise::student, "Student's t, 3 degrees"},
    {Noise::lognormal, "lognormal in one arm"},
    {Noise::unequal, "unequal spread of arms and seeds"},
    {Noise::correlated, "correlated arms"}};

/// One stream of noise; every model has mean 0, and all but `unequal` have variance 1.
class NoiseSource {
 public:
  NoiseSource(Noise model, std::uint64_t study) : model_(model), engine_(study * 7919 + 13) {}

  double normal() {
    const double u = (double(engine_() >> 11) + 0.5) * 0x1p-53;
    const double v = (double(engine_() >> 11) + 0.5) * 0x1p-53;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v);
  }

  /// arm: its place; shared: what the arms of the seed have in common.
  double draw(std::size_t arm, std::size_t skewed, std::uint64_t seed, double shared) {
    switch (model_) {
      case Noise::normal: return normal();
      case Noise::student: {
        double squares = 0;
        for (int i = 0; i < 3; ++i) squares += std::pow(normal(), 2);
        return normal() / std::sqrt(squares);  // t divided by its standard deviation, sqrt(3)
      }
      case Noise::lognormal: {
        if (arm != skewed) return normal();
        return (std::exp(normal()) - std::exp(0.5)) /
               std::sqrt((std::exp(1.0) - 1) * std::exp(1.0));
      }
      case Noise::unequal:
        return normal() * (arm % 2 == 0 ? 1.0 : 3.0) * (seed % 3 == 0 ? 2.0 : 1.0);
      case Noise::correlated: return std::sqrt(0.7) * shared + std::sqrt(0.3) * normal();
    }
    return 0;
  }

 private:
  Noise model_;
  std::mt19937_64 engine_;
};

/// The standard deviations of an arm's noise, in margins: so wide that no margin protects a claim.
inline constexpr double kSpread = 3;

/// The mean of an arm's numbers, in margins: ranks, slices, rises, losses; accuracies.
using Means = std::map<std::string, double>;

inline constexpr const char* kRecallArms[] = {"layernorm", "batchnorm",    "manual_l2",
                                              "none",      "none_matched", "sphere"};
inline constexpr const char* kEncoderArms[] = {"layernorm", "manual_l2", "none", "sphere"};

/// One study of experiments 1 to 3. A mean above 0 is a sharper arm with a higher loss and a lower
/// rank.
inline std::vector<RunResult> recall_study(NoiseSource& noise, const Means& means,
                                           std::size_t skewed) {
  const auto& arms = kRecallArms;
  std::vector<RunResult> results;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    double shared[6];
    for (double& x : shared) x = noise.normal();
    for (std::size_t a = 0; a < std::size(arms); ++a) {
      const auto mean = means.find(arms[a]);
      const double level = mean == means.end() ? 0 : mean->second;
      const auto value = [&](int slot) {
        return level + kSpread * noise.draw(a, skewed, seed, shared[slot]);
      };
      RunResult result;
      result.profile = "paper";
      result.arm = arms[a];
      result.seed = seed;
      result.steps = 4000;
      result.singular_values.assign(100, 1.0);
      result.metrics["effective_rank"] = 50 - 10 * value(0);
      int slot = 1;
      for (const char* slice : {"published", "published_e1", "accumulated"}) {
        result.metrics[std::string("slice_range.") + slice] =
            std::pow(10, std::log10(2.0) * value(slot++));
      }
      result.metrics["slice_max.filter_normalized"] = std::log(2.0) * value(slot++);
      result.slices["filter_normalized"] = {{-1, 0, 1}, {0, 0, 0}};
      result.final_loss = std::pow(10, value(slot));
      results.push_back(std::move(result));
    }
  }
  return results;
}

/// One study of experiment 4: layers' ranks, and accuracies. A mean above 0 loses that many margins
/// of accuracy; a fall, so many twentieths of the channels after layer 1.
inline std::vector<RunResult> encoder_study(NoiseSource& noise, const Means& means,
                                            const Means& falls, std::size_t skewed) {
  const auto& arms = kEncoderArms;
  const auto of = [](const Means& all, const char* arm) {
    const auto found = all.find(arm);
    return found == all.end() ? 0.0 : found->second;
  };
  std::vector<RunResult> results;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    double shared[26];
    for (double& x : shared) x = noise.normal();
    for (std::size_t a = 0; a < std::size(arms); ++a) {
      int slot = 0;
      const auto value = [&] { return kSpread * noise.draw(a, skewed, seed, shared[slot++]); };
      RunResult result;
      result.task = "ag_news";
      result.profile = "quick";
      result.arm = arms[a];
      result.seed = seed;
      result.steps = 160;
      for (const char* which : {"training", "held_out"}) {
        result.metrics[std::string(which) + "_accuracy"] = 0.01 * (value() - of(means, arms[a]));
      }
      for (int layer = 1; layer <= 6; ++layer) {
        for (const char* variant : {"published", "centred", "no_padding", "no_padding_centred"}) {
          const std::string name = "layer" + std::to_string(layer) + "." + variant;
          result.metrics[name + ".effective_rank"] =
              50 + 5 * (value() - of(falls, arms[a]) * (layer > 1));
          result.spectra[name].assign(100, 1.0);
        }
      }
      results.push_back(std::move(result));
    }
  }
  return results;
}

}  // namespace harness
