#pragma once

#include <string>

namespace harness {

/// The lines of a curve's data in a gnuplot script; panels and curves count from 1.
inline std::string curve_data(const std::string& script, int panel, int curve) {
  const std::string head =
      "\n$panel" + std::to_string(panel) + "_curve" + std::to_string(curve) + " << END\n";
  const std::size_t begin = script.find(head);
  if (begin == std::string::npos) return "no such block";
  const std::size_t from = begin + head.size();
  return script.substr(from, script.find("END\n", from) - from);
}

}  // namespace harness
