#include "harness/charts/figure.hpp"

#include <fmt/format.h>

namespace harness {

std::string figure_name(const FigureSpec& spec, std::string_view part) {
  std::string name = fmt::format("figure{}", spec.number);
  if (!part.empty()) name += fmt::format("-{}", part);
  if (spec.protocol != "published") name += "-" + spec.protocol;
  return name;
}

}  // namespace harness
