#include "libnorm/models/normalization.hpp"

#include <string>

#include "libnorm/norms/catalogue.hpp"

namespace libnorm {
namespace {

std::optional<Placement> placement_named(std::string_view word) {
  if (word == "post") return Placement::post;
  if (word == "pre") return Placement::pre;
  if (word == "sandwich") return Placement::sandwich;
  if (word == "deep") return Placement::deep;
  return std::nullopt;
}

std::optional<ResidualScale> scale_named(std::string_view word) {
  if (word == "residual_scalar") return ResidualScale::scalar;
  if (word == "residual_channels") return ResidualScale::channels;
  return std::nullopt;
}

constexpr std::string_view kQueryKey = "qk:";

}  // namespace

void Normalization::check(Index channels, Index heads) const {
  norm.checked_groups(channels);
  if (!query_key_norm) return;
  if (query_key_norm->family() != Family::row || query_key_norm->groups != 1) {
    throw ValueError(
        "Normalization: a norm of queries and keys looks at more than a head's row; "
        "need a stabilizer of rows, without groups");
  }
  Norm by_head = *query_key_norm;
  by_head.groups = heads;
  by_head.checked_groups(channels);
}

Norm Normalization::scale_norm() const {
  const bool scalar = residual_scale == ResidualScale::scalar;
  return {Identity{}, scalar ? Affine::scalar_gain : Affine::gain, 1, scalar ? 0 : 0.1};
}

Normalization parse_normalization(std::string_view text) {
  Normalization n;
  bool placed = false;
  std::size_t end = text.find('@');
  n.norm = parse_norm(text.substr(0, end));
  while (end != std::string_view::npos) {
    const std::size_t begin = end + 1;
    end = text.find('@', begin);
    const std::string_view word = text.substr(begin, end == text.npos ? end : end - begin);
    if (const auto placement = placement_named(word); placement && !placed) {
      n.placement = *placement;
      placed = true;
    } else if (const auto scale = scale_named(word);
               scale && n.residual_scale == ResidualScale::none) {
      n.residual_scale = *scale;
    } else if (word.starts_with(kQueryKey) && !n.query_key_norm) {
      n.query_key_norm = parse_norm(word.substr(kQueryKey.size()));
    } else {
      throw ValueError("Normalization: unexpected token '@" + std::string(word) + "' (in `" +
                       std::string(text) +
                       "`); need one of @post, @pre, @sandwich, @deep, one of @residual_scalar, "
                       "@residual_channels, and @qk:NORM, each at most once");
    }
  }
  return n;
}

std::string canonical_normalization(std::string_view text) {
  std::size_t end = text.find('@');
  std::string canonical = canonical_norm(text.substr(0, end));
  while (end != std::string_view::npos) {
    const std::size_t begin = end + 1;
    end = text.find('@', begin);
    const std::string_view word = text.substr(begin, end == text.npos ? end : end - begin);
    const std::size_t prefix = word.starts_with(kQueryKey) ? kQueryKey.size() : word.size();
    canonical.append("@").append(word.substr(0, prefix));
    canonical += canonical_norm(word.substr(prefix));
  }
  return canonical;
}

}  // namespace libnorm
