#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libnorm/norms/norm.hpp"

namespace libnorm {

/// A norm under the name that it was published with.
struct NamedNorm {
  /// `layernorm`
  std::string_view name;
  /// As published, its numbers included.
  Norm norm;
  /// What it makes of x, for people.
  std::string_view equation;
};

/// All names: the catalogue of mechanisms.
const std::vector<NamedNorm>& named_norms();

/// Throws: ValueError for an unknown name, with the known ones.
const NamedNorm& find_norm(std::string_view name);

/// A stabilizer under its name in texts such as `rms+gain`.
struct NamedStabilizer {
  /// `rms`
  std::string_view name;
  /// Its numbers are the defaults.
  Stabilizer stabilizer;
  /// What it makes of x, for people.
  std::string_view formula;
  /// The name that others use, `l2` for `unit_sphere`, where there is one. Both give one norm.
  std::string_view alias = {};
};
/// All of them.
const std::vector<NamedStabilizer>& named_stabilizers();

/// A norm from a text: a published name (`layernorm`), or a stabilizer and what is learned on top
/// of it (`rms+gain`, `unit_sphere+scalar_gain`, `standardize+gain+bias`; a stabilizer's alias will
/// do); `groups=8` among the words takes the channels in 8 groups. Throws: ValueError for a word
/// that is unknown or has no place there.
Norm parse_norm(std::string_view text);

/// The text with its stabilizer under its name where it stands under its alias: `l2+gain` becomes
/// `unit_sphere+gain`. Any other text stays as it is.
std::string canonical_norm(std::string_view text);

}  // namespace libnorm
