#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libnorm/norms/norm.hpp"

namespace libnorm {

/// Where the norms of a residual branch f stand.
enum class Placement {
  /// y = norm(x + f(x)): the paper, and Vaswani et al. 2017 (arXiv:1706.03762).
  post,
  /// y = x + f(norm(x)) (Xiong et al. 2020, arXiv:2002.04745).
  pre,
  /// y = x + norm_out(f(norm(x))): sandwich norm (Ding et al. 2021, arXiv:2105.13290), peri-LN
  /// (Kim et al. 2025, arXiv:2502.02732).
  sandwich,
  /// y = norm(alpha x + f(x)), alpha = (2 L)^(1/4) with L blocks: DeepNorm (Wang et al. 2022,
  /// arXiv:2203.00555) for an encoder. The first weights of values, of the projection behind
  /// attention and of the ffn are smaller by (8 L)^(-1/4).
  deep,
};

/// Whether f is given norm(x), not x. Such models have a further norm before their head.
constexpr bool enters(Placement placement) {
  return placement == Placement::pre || placement == Placement::sandwich;
}

/// What a branch is multiplied by before it joins its residual: nothing; one learned number
/// (SkipInit, De and Smith 2020, arXiv:2002.10444; ReZero, Bachlechner et al. 2020,
/// arXiv:2003.04887), at first 0; or one for each channel (LayerScale, Touvron et al. 2021,
/// arXiv:2103.17239), at first 0.1.
enum class ResidualScale { none, scalar, channels };

/// The norms of a model, and where they stand.
struct Normalization {
  /// That of every residual, and of the head's input where norms stand before branches.
  Norm norm;
  /// Where `norm` stands.
  Placement placement = Placement::post;
  /// Behind a sandwich's norm.
  ResidualScale residual_scale = ResidualScale::none;
  /// On the queries and keys of each head (QK-norm: Henry et al. 2020, arXiv:2010.04245): a norm of
  /// rows.
  std::optional<Norm> query_key_norm = std::nullopt;

  /// Throws: ValueError where a norm does not fit the channels and heads, or its place.
  void check(Index channels, Index heads) const;
  /// The residual scale as a norm: the identity with a gain.
  Norm scale_norm() const;
};

/// From a text: a norm as parse_norm reads it, then where it stands, each behind an `@`: post, pre,
/// sandwich or deep; residual_scalar or residual_channels; qk:NORM. `rms+gain@pre@qk:rms+gain`.
/// Throws: ValueError for a word that is unknown or stands there twice.
Normalization parse_normalization(std::string_view text);

/// The text with each norm in it as canonical_norm writes it, and all else as it is: texts that
/// differ only in aliases become one.
std::string canonical_normalization(std::string_view text);

}  // namespace libnorm
