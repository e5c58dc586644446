#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/studies/study.hpp"

// Texts of --help about experiments, profiles and protocols, from the catalogue of studies.

namespace harness {

/// `e1|e2|e3|e4|all`, of a usage line.
std::string experiment_choice();

/// `e1, e2, e3, e4 or all`.
std::string experiment_words();

/// `e1, e2, e3, e4`.
std::string experiment_ids();

/// The experiments of a study: `e1 to e3`, or `e4`.
std::string experiments_of(const Study& study);

/// `a`, `a or b`, `a, b or c`.
std::string or_list(const std::vector<std::string_view>& words);

/// The names of a list of a study, as its profiles.
template <class T>
std::string names_of(const std::vector<T>& list) {
  std::vector<std::string_view> names;
  for (const T& item : list) names.push_back(item.name);
  return or_list(names);
}

/// What `text` says about each study, after its experiments: `e1 to e3: smoke or paper; e4: ...`. A
/// study with an empty text is left out.
std::string by_study(const std::function<std::string(const Study&)>& text,
                     std::string_view separator = "; ");

/// The command that trains all experiments of a study.
std::string training_command(const Study& study, std::string_view profile, std::size_t seeds,
                             std::string_view protocol);

}  // namespace harness
