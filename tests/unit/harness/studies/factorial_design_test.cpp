#include "harness/studies/factorial_design.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

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

TEST(FullDesigns, HalvesAreDisjointAndTogetherWhole) {
  for (const auto& [design, mechanisms, environments] :
       {std::tuple(harness::full_recall(), 28u, 5u * 2 * 4 * 2 * 3),
        {harness::full_encoder(), 28u, 3u * 2 * 2 * 3}}) {
    SCOPED_TRACE(design.name);
    const Design other = harness::other_half(design);
    std::set<Cell> all(design.cells.begin(), design.cells.end());
    all.insert(other.cells.begin(), other.cells.end());
    EXPECT_EQ(all.size(), design.cells.size() + other.cells.size());
    std::map<std::pair<Levels, Levels>, int> seeds;
    std::set<Levels> of_mechanism, of_environment;
    for (const Cell& cell : design.cells) {
      const auto mechanism = harness::mechanism_of(cell),
                 environment = harness::environment_of(cell);
      ++seeds[{mechanism, environment}];
      of_mechanism.insert(mechanism);
      of_environment.insert(environment);
    }
    EXPECT_EQ(of_environment.size(), environments);
    for (const auto& [which, n] : seeds) EXPECT_EQ(n, 4);
    EXPECT_EQ(all.size(), 8 * seeds.size());
    EXPECT_LE(of_mechanism.size(), mechanisms);
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
