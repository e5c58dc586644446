#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libnorm/norms/norm.hpp"

namespace libnorm {

/// The placement of norms around a residual branch f.
enum class Placement {
  /// y = norm(x + f(x)): the paper, and Vaswani et al. 2017 (arXiv:1706.03762).
  post,
  /// y = x + f(norm(x)) (Xiong et al. 2020, arXiv:2002.04745).
  pre,
  /// y = x + norm_out(f(norm(x))): sandwich norm (Ding et al. 2021, arXiv:2105.13290), peri-LN
  /// (Kim et al. 2025, arXiv:2502.02732).
  sandwich,
  /// y = norm(alpha x + f(x)), alpha = (2 L)^(1/4) with L blocks: DeepNorm (Wang et al. 2022,
  /// arXiv:2203.00555) for an encoder. The first weights of values, of attention's output
  /// projection and of the ffn are multiplied by (8 L)^(-1/4).
  deep,
};

/// Whether f's input is norm(x), not x. Such models have one more norm before their head.
constexpr bool enters(Placement placement) {
  return placement == Placement::pre || placement == Placement::sandwich;
}

/// The learned factor of a branch before it is added to its residual: none; one number, initially 0
/// (SkipInit, De and Smith 2020, arXiv:2002.10444; ReZero, Bachlechner et al. 2020,
/// arXiv:2003.04887); or one for each channel, initially 0.1 (LayerScale, Touvron et al. 2021,
/// arXiv:2103.17239).
enum class ResidualScale { none, scalar, channels };

/// The norms of a model, and their places.
struct Normalization {
  /// The norm of every residual, and of the head's input where norms stand before branches.
  Norm norm;
  /// The place of `norm`.
  Placement placement = Placement::post;
  /// Applied after a sandwich's second norm.
  ResidualScale residual_scale = ResidualScale::none;
  /// The norm of each head's queries and keys (QK-norm: Henry et al. 2020, arXiv:2010.04245): a
  /// norm of rows.
  std::optional<Norm> query_key_norm = std::nullopt;

  /// Throws: ValueError where a norm does not fit the channels and heads, or its place.
  void check(Index channels, Index heads) const;
  /// The residual scale as a norm: the identity with a gain.
  Norm scale_norm() const;
};

/// Parses a norm as parse_norm does, followed by tokens, each after an `@`: post, pre, sandwich or
/// deep; residual_scalar or residual_channels; qk:NORM. `rms+gain@pre@qk:rms+gain`.
/// Throws: ValueError for an unexpected token: unknown, or a second of its kind.
Normalization parse_normalization(std::string_view text);

/// The text with aliases of stabilizers replaced by their names, as canonical_norm does, also in
/// qk:NORM. Texts that differ only in aliases become equal.
std::string canonical_normalization(std::string_view text);

}  // namespace libnorm
