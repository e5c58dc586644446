#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/results.hpp"
#include "harness/verdict.hpp"

// Rows of a made-up world, so that what the judge must say of them is known.

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

inline Row planted_row(const Arm& arm, std::uint64_t seed) {
  // A spread that depends on the arm too, or paired differences would not vary.
  const double wobble = 1 + 0.01 * std::sin(3.0 * static_cast<double>(seed) + arm.rank);
  Row row;
  row.profile = "paper";
  row.arm = arm.name;
  row.seed = seed;
  row.weights_sha256 = std::string(64, 'a');
  row.final_loss = arm.loss * wobble;
  row.singular_values.assign(kChannels, 1.0);
  row.metrics["effective_rank"] = arm.rank * wobble;
  for (const char* slice : {"published", "published_e1", "accumulated"}) {
    row.metrics[std::string("slice_range.") + slice] = arm.range * wobble;
  }
  // The slice starts at the arm's own level, which the rise must not contain.
  row.metrics["slice_max.filter_normalized"] = arm.loss + arm.rise * wobble;
  row.slices["filter_normalized"] = {{-1, 0, 1}, {9, arm.loss, 9}};
  row.environment = {"1.0", "1", "gcc", "-O2", "cpu", "avx2", 2};
  return row;
}

inline std::vector<Row> planted_rows(const std::vector<Arm>& arms, std::uint64_t seeds = 10) {
  std::vector<Row> rows;
  for (const Arm& arm : arms) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) rows.push_back(planted_row(arm, seed));
  }
  return rows;
}

inline std::vector<Arm> with(std::vector<Arm> arms, const std::string& name,
                             const std::function<void(Arm&)>& change) {
  for (Arm& arm : arms) {
    if (arm.name == name) change(arm);
  }
  return arms;
}

inline const Verdict& find(const std::vector<Verdict>& verdicts, const std::string& id,
                           const std::string& protocol = "published") {
  for (const Verdict& verdict : verdicts) {
    if (verdict.id == id && verdict.protocol == protocol) return verdict;
  }
  throw std::logic_error("no verdict " + id);
}

inline std::string outcome(const std::vector<Verdict>& verdicts, const std::string& id,
                           const std::string& protocol = "published") {
  return word(find(verdicts, id, protocol).outcome);
}

}  // namespace harness
