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
};
/// All of them.
const std::vector<NamedStabilizer>& named_stabilizers();

/// A norm from a text: a published name (`layernorm`), or a stabilizer and what is learned on top
/// of it (`rms+gain`, `unit_sphere+scalar_gain`, `standardize+gain+bias`); `groups=8` among the
/// words takes the channels in 8 groups. Throws: ValueError for a word that is unknown or has no
/// place there.
Norm parse_norm(std::string_view text);

}  // namespace libnorm
