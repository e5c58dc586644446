#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libnorm/norms/norm.hpp"

namespace libnorm {

/// A norm and its published name.
struct NamedNorm {
  /// `layernorm`
  std::string_view name;
  /// As published, including its constants.
  Norm norm;
  /// The formula, for people.
  std::string_view equation;
};

/// All published norms: the catalogue of mechanisms.
const std::vector<NamedNorm>& named_norms();

/// Throws: ValueError for an unknown name, with the known ones.
const NamedNorm& find_norm(std::string_view name);

/// A stabilizer and its name in texts such as `rms+gain`.
struct NamedStabilizer {
  /// `rms`
  std::string_view name;
  /// With default constants.
  Stabilizer stabilizer;
  /// The formula, for people.
  std::string_view formula;
  /// Another name of the same stabilizer: `l2` for `unit_sphere`. Empty if there is none.
  std::string_view alias = {};
};
/// All stabilizers but CustomRows.
const std::vector<NamedStabilizer>& named_stabilizers();

/// Parses a norm: a published name (`layernorm`), or a stabilizer and its affine part
/// (`rms+gain`, `unit_sphere+scalar_gain`, `standardize+gain+bias`; a stabilizer's alias will
/// do); `groups=8` among the tokens makes 8 groups of channels. Throws: ValueError for an unknown
/// or unexpected token.
Norm parse_norm(std::string_view text);

/// The text with a stabilizer's alias replaced by its name: `l2+gain` becomes `unit_sphere+gain`.
/// Any other text stays unchanged.
std::string canonical_norm(std::string_view text);

}  // namespace libnorm
