#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

/// What is varied, and its levels in their order.
struct Factor {
  std::string name;
  std::vector<std::string> levels;
};

/// One run of a factorial study: a level of each factor, and the seed, which is the block.
struct Cell {
  std::map<std::string, std::string> at;
  std::uint64_t seed = 0;

  auto operator<=>(const Cell&) const = default;
};

/// The factors that make a mechanism; the others make an environment.
inline const std::vector<std::string> kMechanism = {"stabilizer", "affine"};

/// A study's factors and the runs that it is made of.
struct Design {
  std::string name;
  std::vector<Factor> factors;
  std::vector<Cell> cells;

  /// Throws: ValueError for an unknown name.
  const Factor& factor(std::string_view factor_name) const;
};

/// Every mechanism of rows at every rate and placement from eight seeds, of which each takes a
/// size and a task at a placement by its bits k0 and k1: size (p + k0) mod 2, task (p + k1) mod 2,
/// p the placement's place. So a block has rate x placement whole and all sizes and tasks; each of
/// the 32 environments has two seeds; and two mechanisms have the same seeds in each. Placement x
/// size and placement x task change sign with the seed: within a block they are not seen apart.
/// Beside them BatchNorm's stabilizer in one environment of each seed.
///
/// Source: the specification of the factorial study; 12 x 4 x 2 x 8 + 2 x 8 cells.
Design reduced_recall();

/// Two mechanisms at both placements from two seeds, by the same rule, of a few steps.
Design smoke_recall();

/// All levels crossed, each mechanism and environment from four of eight seeds: those with seed +
/// the sum of the levels' places even.
/// @{
Design full_recall();
Design full_encoder();
/// @}

/// The other half of a full design: the cells from the other four seeds.
Design other_half(const Design& full);

/// Cells that are one function, as identity without affine part before and behind a branch: the
/// first of them.
Cell canonical(Cell cell);

/// The arm of a cell: `standardize+gain+bias@pre`.
std::string arm_text(const Cell& cell);

/// The mechanism and the environment of a cell: its levels with and without those of kMechanism.
/// @{
std::map<std::string, std::string> mechanism_of(const Cell& cell);
std::map<std::string, std::string> environment_of(const Cell& cell);
/// @}

/// The words of a command line that makes a cell's run: `run e1 --arms ...`, without `run`. What
/// they leave out is the paper profile's (the encoder's: the subset's). Throws: ValueError for a
/// level that means nothing.
std::vector<std::string> run_words(const Cell& cell);

}  // namespace harness
