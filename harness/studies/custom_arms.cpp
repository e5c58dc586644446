#include <algorithm>

#include "harness/studies/study.hpp"
#include "libnorm/models/normalization.hpp"
#include "libnorm/norms/catalogue.hpp"

namespace harness {

bool is_normalization(std::string_view name) {
  if (name.find_first_of("+@") != std::string_view::npos) return true;
  const std::string canonical = libnorm::canonical_normalization(name);
  const auto has = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& x) { return x.name == canonical; });
  };
  return has(libnorm::named_norms()) || has(libnorm::named_stabilizers());
}

bool Study::has_arm(std::string_view name) const {
  const auto& list = arms();
  if (std::any_of(list.begin(), list.end(), [&](const auto& a) { return a.name == name; })) {
    return true;
  }
  if (!is_normalization(name)) return false;
  try {
    libnorm::parse_normalization(name);
    return true;
  } catch (const libnorm::ValueError&) {
    return false;
  }
}

}  // namespace harness
