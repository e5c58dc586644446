#include "harness/studies/factorial_design.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using Levels = std::map<std::string, std::string>;

constexpr std::uint64_t kSeeds = 8;
const std::string kColumns = "standardize_columns";

const Factor kStabilizer = {
    "stabilizer",
    {"identity", "unit_sphere", "root_sphere", "rms", "centre", "standardize", kColumns}};
const Factor kAffine = {"affine", {"none", "scalar_gain", "gain", "gain+bias"}};
const Factor kPlacement = {"placement", {"post", "pre"}};
const Factor kTask = {"task", {"copy", "lookup"}};

/// Calls use for every combination of levels, the last factor fastest, with the sum of the levels'
/// places.
void for_each_combination(const std::vector<Factor>& factors,
                          const std::function<void(const Levels&, std::size_t places)>& use) {
  Levels at;
  const std::function<void(std::size_t, std::size_t)> from = [&](std::size_t f,
                                                                 std::size_t places) {
    if (f == factors.size()) return use(at, places);
    for (std::size_t i = 0; i < factors[f].levels.size(); ++i) {
      at[factors[f].name] = factors[f].levels[i];
      from(f + 1, places + i);
    }
  };
  from(0, 0);
}

/// Whether the reduced design has a mechanism of rows.
bool is_in_reduced(const std::string& stabilizer, const std::string& affine) {
  if (stabilizer == kColumns || affine == "gain") return false;
  if (affine == "scalar_gain") return stabilizer == "unit_sphere";
  // What rms adds to root_sphere is its epsilon: an A/A pair.
  return affine == "none" || stabilizer != "rms";
}

/// A cell of the reduced design: size and task follow from placement and seed.
Cell reduced_cell(const Design& design, const Levels& mechanism, const std::string& rate,
                  std::size_t placement, std::uint64_t seed) {
  const auto level = [&](const char* factor, std::uint64_t place) {
    return design.factor(factor).levels.at(std::size_t(place));
  };
  Cell cell{mechanism, seed};
  cell.at["rate"] = rate;
  cell.at["placement"] = level("placement", placement);
  cell.at["size"] = level("size", (placement + seed % 2) % 2);
  cell.at["task"] = level("task", (placement + seed / 2 % 2) % 2);
  cell.at["keys"] = level("keys", 0);
  // The small size makes more steps, for the control; both are judged at the same one.
  cell.at["steps"] = level("steps", cell.at["size"] == level("size", 0) ? 1 : 0);
  return cell;
}

void add_reduced_rows(Design& design, std::uint64_t seeds) {
  for_each_combination(
      {design.factor("stabilizer"), design.factor("affine")},
      [&](const Levels& mechanism, std::size_t) {
        if (!is_in_reduced(mechanism.at("stabilizer"), mechanism.at("affine"))) return;
        for (const std::string& rate : design.factor("rate").levels) {
          for (std::size_t placement = 0; placement < 2; ++placement) {
            for (std::uint64_t seed = 0; seed < seeds; ++seed) {
              design.cells.push_back(reduced_cell(design, mechanism, rate, placement, seed));
            }
          }
        }
      });
}

/// The half of a full design whose seeds have a parity.
std::vector<Cell> half(const std::vector<Factor>& factors,
                       const std::function<bool(const Levels&)>& has, std::uint64_t parity) {
  std::vector<Cell> cells;
  for_each_combination(factors, [&](const Levels& at, std::size_t places) {
    if (!has(at)) return;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      if ((seed + places) % 2 == parity) cells.push_back({at, seed});
    }
  });
  return cells;
}

std::vector<Factor> full_recall_factors() {
  return {kStabilizer,
          kAffine,
          {"rate", {"1e-4", "3e-4", "1e-3", "3e-3", "1e-2"}},
          kPlacement,
          {"size", {"1x128", "2x64", "2x128", "4x128"}},
          kTask,
          {"keys", {"20x20", "10x10", "40x40"}},
          {"steps", {"4000"}}};
}

std::vector<Factor> full_encoder_factors() {
  return {kStabilizer,
          kAffine,
          {"rate", {"1e-4", "3e-4", "1e-3"}},
          kPlacement,
          {"size", {"2x128", "6x128"}},
          {"rows", {"4096", "16384", "47598"}},
          {"steps", {"2790"}}};
}

bool is_any(const Levels&) { return true; }

/// Statistics of columns take all positions, so their runs are dense: few of them.
bool is_encoder_cell(const Levels& at) {
  if (at.at("stabilizer") != kColumns) return true;
  const std::string& affine = at.at("affine");
  return at.at("placement") == "post" && (affine == "none" || affine == "gain+bias");
}

bool is_encoder(const Cell& cell) { return cell.at.contains("rows"); }

const std::string& level_of(const Cell& cell, const char* factor) {
  const auto found = cell.at.find(factor);
  if (found != cell.at.end()) return found->second;
  throw libnorm::ValueError(
      fmt::format("cell: no level of {}; need one of each factor of its design", factor));
}

/// The two numbers of a level such as `2x128`.
std::pair<std::string, std::string> both_of(const Cell& cell, const char* factor) {
  const std::string& level = level_of(cell, factor);
  const std::size_t x = level.find('x');
  const auto is_number = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  };
  if (x != level.npos && is_number(level.substr(0, x)) && is_number(level.substr(x + 1))) {
    return {level.substr(0, x), level.substr(x + 1)};
  }
  throw libnorm::ValueError(
      fmt::format("cell: {} is no pair of numbers ({}); need one such as 2x128", factor, level));
}

}  // namespace

const Factor& Design::factor(std::string_view factor_name) const {
  for (const Factor& f : factors) {
    if (f.name == factor_name) return f;
  }
  throw libnorm::ValueError(fmt::format("design {}: no such factor ({})", name, factor_name));
}

Design reduced_recall() {
  Design design{"factorial_reduced",
                {kStabilizer,
                 kAffine,
                 {"rate", {"1e-4", "3e-4", "1e-3", "3e-3"}},
                 kPlacement,
                 {"size", {"1x128", "2x128"}},
                 kTask,
                 {"keys", {"20x20"}},
                 {"steps", {"1500", "4000"}}},
                {}};
  add_reduced_rows(design, kSeeds);
  for (const char* affine : {"none", "gain+bias"}) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      Cell cell =
          reduced_cell(design, {{"stabilizer", kColumns}, {"affine", affine}}, "1e-3", 0, seed);
      cell.at["size"] = "1x128";
      cell.at["steps"] = "1500";
      design.cells.push_back(std::move(cell));
    }
  }
  return design;
}

Design smoke_recall() {
  Design design{"factorial_smoke",
                {{"stabilizer", {"identity", "unit_sphere"}},
                 {"affine", {"none"}},
                 {"rate", {"1e-3"}},
                 kPlacement,
                 {"size", {"1x32", "2x32"}},
                 kTask,
                 {"keys", {"6x6"}},
                 {"steps", {"20", "40"}}},
                {}};
  add_reduced_rows(design, 2);
  return design;
}

Design full_recall() {
  const auto factors = full_recall_factors();
  return {"factorial", factors, half(factors, is_any, 0)};
}

Design full_encoder() {
  const auto factors = full_encoder_factors();
  return {"factorial_encoder", factors, half(factors, is_encoder_cell, 0)};
}

Design other_half(const Design& full) {
  const bool encoder = full.name == "factorial_encoder";
  return {full.name, full.factors, half(full.factors, encoder ? is_encoder_cell : is_any, 1)};
}

Cell canonical(Cell cell) {
  if (level_of(cell, "stabilizer") == "identity" && level_of(cell, "affine") == "none") {
    cell.at["placement"] = "post";
  }
  return cell;
}

std::string arm_text(const Cell& cell) {
  const std::string& affine = level_of(cell, "affine");
  const std::string& placement = level_of(cell, "placement");
  return level_of(cell, "stabilizer") + (affine == "none" ? "" : "+" + affine) +
         (placement == "post" ? "" : "@" + placement);
}

Levels mechanism_of(const Cell& cell) {
  Levels levels;
  for (const std::string& factor : kMechanism) levels[factor] = level_of(cell, factor.c_str());
  return levels;
}

Levels environment_of(const Cell& cell) {
  Levels levels = cell.at;
  for (const std::string& factor : kMechanism) levels.erase(factor);
  return levels;
}

std::vector<std::string> run_words(const Cell& cell) {
  const auto [blocks, channels] = both_of(cell, "size");
  std::vector<std::string> words = {
      is_encoder(cell) ? "e4" : "e1",
      "--arms=" + arm_text(cell),
      "--seeds=" + fmt::format("{0}..{0}", cell.seed),
      "--learning-rate=" + level_of(cell, "rate"),
      "--blocks=" + blocks,
      "--channels=" + channels,
      "--hidden=" + std::to_string(4 * std::stoll(channels)),
  };
  if (is_encoder(cell)) {
    // In batches of 256 texts; as many whole epochs as come nearest to the steps.
    const long long rows = std::stoll(level_of(cell, "rows"));
    const long long steps = std::stoll(level_of(cell, "steps")), each = (rows + 255) / 256;
    words.push_back("--profile=subset");
    words.push_back("--rows=" + std::to_string(rows));
    words.push_back("--epochs=" + std::to_string((steps + each / 2) / each));
    return words;
  }
  const auto [entities, attributes] = both_of(cell, "keys");
  words.push_back("--entities=" + entities);
  words.push_back("--attributes=" + attributes);
  words.push_back("--steps=" + level_of(cell, "steps"));
  if (level_of(cell, "task") == "lookup") {
    words.push_back("--task=lookup");
    words.push_back("--rank=" + std::to_string(std::min(20LL, std::stoll(entities))));
  }
  return words;
}

}  // namespace harness
