#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/judge.hpp"
#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

// Results of a made-up world, so that what the judge must say of them is known.

namespace harness {

inline constexpr int kChannels = 128;

/// What a planted arm measures. Seeds differ by a few percent, the same way in every arm.
struct Arm {
  std::string name;
  double rank, range, rise, loss;
};

/// A world in which every claim of the paper holds, and no control changes that.
inline std::vector<Arm> paper_world() {
  return {{"layernorm", 115, 1e-3, 1.0, 7e-3},   {"batchnorm", 116, 1.1e-3, 1.1, 7e-3},
          {"manual_l2", 112, 1.2e-3, 0.9, 3.7},  {"none", 68, 1e-1, 6.0, 4e-3},
          {"none_matched", 70, 9e-2, 5.5, 5e-3}, {"sphere", 113, 1.1e-3, 0.95, 3.5}};
}

inline RunResult planted_result(const Arm& arm, std::uint64_t seed) {
  // A spread that depends on the arm too, or paired differences would not vary.
  const double wobble = 1 + 0.01 * std::sin(3.0 * static_cast<double>(seed) + arm.rank);
  RunResult result;
  result.profile = "paper";
  result.arm = arm.name;
  result.seed = seed;
  result.weights_sha256 = std::string(64, 'a');
  result.steps = 4000;
  result.final_loss = arm.loss * wobble;
  result.singular_values.assign(kChannels, 1.0);
  result.metrics["effective_rank"] = arm.rank * wobble;
  for (const char* slice : {"published", "published_e1", "accumulated"}) {
    result.metrics[std::string("slice_range.") + slice] = arm.range * wobble;
  }
  // The slice starts at the arm's own level, which the rise must not contain.
  result.metrics["slice_max.filter_normalized"] = arm.loss + arm.rise * wobble;
  result.slices["filter_normalized"] = {{-1, 0, 1}, {9, arm.loss, 9}};
  result.environment = {"1.0", "1", "gcc", "-O2", "cpu", "avx2", 2};
  return result;
}

inline std::vector<RunResult> planted_results(const std::vector<Arm>& arms,
                                              std::uint64_t seeds = 10) {
  std::vector<RunResult> results;
  for (const Arm& arm : arms) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) results.push_back(planted_result(arm, seed));
  }
  return results;
}

inline std::vector<Arm> with(std::vector<Arm> arms, const std::string& name,
                             const std::function<void(Arm&)>& change) {
  for (Arm& arm : arms) {
    if (arm.name == name) change(arm);
  }
  return arms;
}

/// The course of training that the planted results have: all that is there at the end was there
/// from the beginning.
inline std::vector<RunResult> with_training(std::vector<RunResult> results) {
  for (RunResult& result : results) {
    result.curve_stride = 20;
    result.loss_curve.assign(std::size_t(result.steps / 20), result.final_loss);
    if (result.epochs.empty()) continue;
    for (const auto& [name, value] : result.metrics) result.epochs[name].assign(15, value);
  }
  return results;
}

/// Whether a claim is the paper's, which the planted worlds are made for; others may be about
/// anything.
inline bool is_the_papers(const Claim& claim) { return claim.source.starts_with("Rahman 2025"); }

/// The paper's claims under the definitions that planted results have the numbers for.
inline std::vector<Claim> planted_claims(std::string_view study) {
  const std::set<std::string> known = {"published", "accumulated", "filter_normalized",
                                       "centred",   "no_padding",  "no_padding_centred",
                                       "training",  "held_out"};
  std::vector<Claim> list = claims_of(study);
  std::erase_if(list, [](const Claim& claim) { return !is_the_papers(claim); });
  for (Claim& claim : list) {
    std::erase_if(claim.definitions, [&](const Definition& d) { return known.count(d.name) == 0; });
  }
  return list;
}

/// The claims on experiments 1 to 3, which are one family.
inline std::vector<Verdict> judge(const std::vector<RunResult>& results,
                                  std::size_t golden_seeds = 0) {
  return judge_study(planted_claims("recall"), with_training(results), golden_seeds);
}

inline std::size_t planted_definitions(std::string_view study) {
  std::size_t sum = 0;
  for (const Claim& claim : planted_claims(study)) sum += claim.definitions.size();
  return sum;
}
inline int claims_of_family(std::string_view family) {
  const auto& all = claims();
  return int(std::count_if(all.begin(), all.end(),
                           [&](const Claim& claim) { return claim.family == family; }));
}

/// The smallest p of a sign-flip test on so many seeds.
inline double smallest_p(std::size_t seeds) { return std::exp2(-double(seeds)); }

/// What a planted arm of experiment 4 measures: effective rank at layers 1 to 6, and accuracies.
struct PlantedEncoder {
  std::string name;
  std::array<double, 6> ranks;
  double training = 0.9, held_out = 0.85;
};

/// A world in which every claim on experiment 4 holds, and no control changes that.
inline std::vector<PlantedEncoder> encoder_world() {
  return {{"layernorm", {110, 109, 108, 108, 107, 106}, 0.98, 0.91},
          {"manual_l2", {108, 107, 106, 104, 104, 103}, 0.93, 0.88},
          {"none", {100, 85, 70, 55, 40, 20}, 0.90, 0.85},
          {"sphere", {108, 107, 106, 105, 104, 103}, 0.94, 0.885}};
}

inline constexpr const char* kSpectra[] = {"published", "centred", "no_padding",
                                           "no_padding_centred"};

inline RunResult planted_result(const PlantedEncoder& arm, std::uint64_t seed) {
  const double wobble = std::sin(3.0 * static_cast<double>(seed) + arm.ranks[5]);
  RunResult result;
  result.task = "ag_news";
  result.data = "AG News, planted";
  result.profile = "quick";
  result.arm = arm.name;
  result.seed = seed;
  result.steps = 240;
  result.weights_sha256 = std::string(64, 'b');
  result.metrics["training_accuracy"] = arm.training + 0.001 * wobble;
  result.metrics["held_out_accuracy"] = arm.held_out + 0.002 * wobble;
  result.epochs["training_accuracy"] = std::vector<double>(15, arm.training);
  for (std::size_t layer = 0; layer < arm.ranks.size(); ++layer) {
    for (const char* variant : kSpectra) {
      const std::string name = "layer" + std::to_string(layer + 1) + "." + variant;
      result.metrics[name + ".effective_rank"] = arm.ranks[layer] + wobble * double(layer + 1) / 6;
      result.spectra[name].assign(kChannels, 1.0);
    }
  }
  result.environment = {"1.0", "1", "gcc", "-O2", "cpu", "avx2", 2};
  return result;
}

inline std::vector<RunResult> planted_results(const std::vector<PlantedEncoder>& arms,
                                              std::uint64_t seeds = 8) {
  std::vector<RunResult> results;
  for (const PlantedEncoder& arm : arms) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) results.push_back(planted_result(arm, seed));
  }
  return results;
}

inline std::vector<PlantedEncoder> with(std::vector<PlantedEncoder> arms, const std::string& name,
                                        const std::function<void(PlantedEncoder&)>& change) {
  for (PlantedEncoder& arm : arms) {
    if (arm.name == name) change(arm);
  }
  return arms;
}

inline const Verdict& find(const std::vector<Verdict>& verdicts, std::string_view id,
                           std::string_view definition = "published") {
  for (const Verdict& verdict : verdicts) {
    if (verdict.id == id && verdict.definition == definition) return verdict;
  }
  throw std::logic_error("no verdict " + std::string(id));
}

inline std::string outcome(const std::vector<Verdict>& verdicts, const std::string& id,
                           const std::string& definition = "published") {
  return word(find(verdicts, id, definition).outcome);
}

/// Without controls, points of training and other definitions.
inline std::string as_defined(const std::vector<Verdict>& verdicts, const std::string& id,
                              const std::string& definition = "published") {
  return word(find(verdicts, id, definition).as_defined);
}

inline std::vector<std::string> findings(const Verdict& verdict) {
  std::vector<std::string> words;
  for (const PartResult& part : verdict.parts) words.push_back(word(part.finding));
  return words;
}

/// What a part comes to as a whole.
inline const Comparison& numbers(const Verdict& verdict, std::size_t part = 0) {
  return verdict.parts.at(part).reading.whole;
}

}  // namespace harness
