#include "harness/commands/usage.hpp"

#include <fmt/format.h>

namespace harness {
namespace {

std::vector<std::string_view> ids_of(const Study& study) {
  std::vector<std::string_view> ids;
  for (const Experiment& e : study.experiments()) ids.push_back(e.id);
  return ids;
}

std::vector<std::string_view> all_ids() {
  std::vector<std::string_view> ids;
  for (const Study* study : studies()) {
    for (const std::string_view id : ids_of(*study)) ids.push_back(id);
  }
  return ids;
}

}  // namespace

std::string experiment_choice() { return fmt::format("{}|all", fmt::join(all_ids(), "|")); }

std::string experiment_words() { return experiment_ids() + " or all"; }

std::string experiment_ids() { return fmt::format("{}", fmt::join(all_ids(), ", ")); }

std::string experiments_of(const Study& study) {
  const auto ids = ids_of(study);
  if (ids.size() == 1) return std::string(ids.front());
  return fmt::format("{} to {}", ids.front(), ids.back());
}

std::string or_list(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 < words.size() ? ", " : " or ";
    text += words[i];
  }
  return text;
}

std::string by_study(const std::function<std::string(const Study&)>& text,
                     std::string_view separator) {
  std::string all;
  for (const Study* study : studies()) {
    const std::string of_study = text(*study);
    if (of_study.empty()) continue;
    all += fmt::format("{}{}: {}", all.empty() ? "" : separator, experiments_of(*study), of_study);
  }
  return all;
}

std::string training_command(const Study& study, std::string_view profile, std::size_t seeds,
                             std::string_view protocol) {
  const bool is_first = protocol == study.protocols().front().name;
  return fmt::format("norm-harness run {} --profile {} --seeds {}{}{}",
                     fmt::join(ids_of(study), ","), profile, seeds, is_first ? "" : " --protocol ",
                     is_first ? "" : protocol);
}

}  // namespace harness
