#include "harness/studies/factorial_design.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <utility>

#include "libnorm/core/error.hpp"

namespace {

using harness::Cell;
using harness::Design;
using Levels = std::map<std::string, std::string>;

bool is_of_columns(const Cell& cell) { return cell.at.at("stabilizer") == "standardize_columns"; }

Cell cell_of(const std::string& stabilizer, const std::string& affine,
             const std::string& placement) {
  return {{{"stabilizer", stabilizer}, {"affine", affine}, {"placement", placement}}, 0};
}

TEST(ReducedDesign, HasEachCellOnceAndAsManyAsPlanned) {
  const Design design = harness::reduced_recall();
  EXPECT_EQ(design.cells.size(), 768u + 16u);
  EXPECT_EQ(std::set<Cell>(design.cells.begin(), design.cells.end()).size(), 784u);
  EXPECT_EQ(std::ranges::count_if(design.cells, is_of_columns), 16);
  std::set<Levels> mechanisms;
  for (const Cell& cell : design.cells) {
    for (const auto& [factor, level] : cell.at) {
      EXPECT_THAT(design.factor(factor).levels, testing::Contains(level)) << factor;
    }
    EXPECT_EQ(cell.at.size(), design.factors.size());
    mechanisms.insert(harness::mechanism_of(cell));
  }
  EXPECT_EQ(mechanisms.size(), 12u + 2u);
}

/// Two mechanisms are compared on the same seeds in every environment.
TEST(ReducedDesign, EachMechanismHasTwoSeedsInEachEnvironmentAndTheyAreTheSame) {
  std::map<Levels, std::map<Levels, std::set<std::uint64_t>>> seeds;
  for (const Cell& cell : harness::reduced_recall().cells) {
    if (is_of_columns(cell)) continue;
    seeds[harness::environment_of(cell)][harness::mechanism_of(cell)].insert(cell.seed);
  }
  EXPECT_EQ(seeds.size(), 32u);
  for (const auto& [environment, of_mechanism] : seeds) {
    EXPECT_EQ(of_mechanism.size(), 12u);
    for (const auto& [mechanism, of_this] : of_mechanism) {
      EXPECT_EQ(of_this.size(), 2u);
      EXPECT_EQ(of_this, of_mechanism.begin()->second);
    }
  }
}

/// A block, which is a seed, has rate x placement whole, and each size and task equally often.
TEST(ReducedDesign, BlocksAreBalanced) {
  std::map<std::pair<std::uint64_t, Levels>, std::map<std::string, int>> counts;
  for (const Cell& cell : harness::reduced_recall().cells) {
    if (is_of_columns(cell)) continue;
    auto& of_block = counts[{cell.seed, harness::mechanism_of(cell)}];
    ++of_block[cell.at.at("rate") + " " + cell.at.at("placement")];
    ++of_block["size " + cell.at.at("size")];
    ++of_block["task " + cell.at.at("task")];
  }
  EXPECT_EQ(counts.size(), 8u * 12u);
  for (const auto& [block, of_block] : counts) {
    EXPECT_EQ(of_block.size(), 8u + 2u + 2u);
    for (const auto& [what, n] : of_block) {
      const bool is_level = what.starts_with("size") || what.starts_with("task");
      EXPECT_EQ(n, is_level ? 4 : 1) << what;
    }
  }
}

TEST(ReducedDesign, TheSmallSizeMakesMoreSteps) {
  for (const Cell& cell : harness::reduced_recall().cells) {
    const bool is_long = cell.at.at("size") == "1x128" && !is_of_columns(cell);
    EXPECT_EQ(cell.at.at("steps"), is_long ? "4000" : "1500");
  }
}

/// Each mechanism and environment has four of eight seeds in one half, and the others in the other.
TEST(FullDesigns, HalvesAreDisjointAndTogetherWhole) {
  for (const Design& design : {harness::full_recall(), harness::full_encoder()}) {
    SCOPED_TRACE(design.name);
    std::map<Levels, std::pair<unsigned, unsigned>> seeds;  // as bits, in each half
    for (const Cell& cell : design.cells) seeds[cell.at].first |= 1u << cell.seed;
    const Design other = harness::other_half(design);
    for (const Cell& cell : other.cells) seeds[cell.at].second |= 1u << cell.seed;
    EXPECT_EQ(design.cells.size(), 4 * seeds.size());
    EXPECT_EQ(other.cells.size(), 4 * seeds.size());
    std::set<Levels> environments, mechanisms;
    for (const auto& [at, of_halves] : seeds) {
      EXPECT_EQ(of_halves.first & of_halves.second, 0u);
      EXPECT_EQ(of_halves.first | of_halves.second, 0xffu);
      EXPECT_EQ(std::popcount(of_halves.first), 4);
      environments.insert(harness::environment_of({at, 0}));
      mechanisms.insert(harness::mechanism_of({at, 0}));
    }
    EXPECT_EQ(mechanisms.size(), design.name == "factorial" ? 28u : 26u);
    EXPECT_EQ(environments.size(), design.name == "factorial" ? 240u : 36u);
  }
  EXPECT_EQ(harness::full_recall().cells.size(), 28u * 240 * 4);
  EXPECT_EQ(harness::full_encoder().cells.size(), 3456u + 144u);
}

TEST(Cells, ThatAreOneFunctionAreMerged) {
  EXPECT_EQ(canonical(cell_of("identity", "none", "pre")), cell_of("identity", "none", "post"));
  for (const Cell& other :
       {cell_of("identity", "gain+bias", "pre"), cell_of("rms", "none", "pre")}) {
    EXPECT_EQ(canonical(other), other);
  }
}

TEST(Cells, AreRunsOfTheCommandLine) {
  EXPECT_EQ(arm_text(cell_of("standardize", "gain+bias", "pre")), "standardize+gain+bias@pre");
  EXPECT_EQ(arm_text(cell_of("identity", "none", "post")), "identity");
  Cell cell = cell_of("unit_sphere", "scalar_gain", "pre");
  cell.seed = 5;
  for (const auto& [factor, level] : {std::pair("rate", "3e-4"),
                                      {"size", "2x128"},
                                      {"task", "lookup"},
                                      {"keys", "10x30"},
                                      {"steps", "1500"}}) {
    cell.at[factor] = level;
  }
  EXPECT_EQ(run_words(cell),
            (std::vector<std::string>{"e1", "--arms=unit_sphere+scalar_gain@pre", "--seeds=5..5",
                                      "--learning-rate=3e-4", "--blocks=2", "--channels=128",
                                      "--hidden=512", "--entities=10", "--attributes=30",
                                      "--steps=1500", "--task=lookup", "--rank=10"}));
  cell.at.erase("keys");
  cell.at["rows"] = "4096";
  cell.at["steps"] = "2790";
  EXPECT_THAT(run_words(cell), testing::IsSupersetOf({"e4", "--profile=subset", "--rows=4096",
                                                      "--epochs=174", "--blocks=2"}));
  cell.at["size"] = "128";
  EXPECT_THROW(run_words(cell), libnorm::ValueError);
  cell.at.erase("size");
  EXPECT_THROW(run_words(cell), libnorm::ValueError);
}

}  // namespace
