#include "harness/claims/scope.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace harness {
namespace {

constexpr Outcome kPlain[] = {Outcome::supported, Outcome::contradicted, Outcome::negligible,
                              Outcome::inconclusive, Outcome::could_not_check};

std::size_t count_of(const std::vector<Verdict>& verdicts, Outcome as_defined) {
  return std::size_t(std::ranges::count(verdicts, as_defined, &Verdict::as_defined));
}

/// `holds in 5 of 11 definitions, fails in 4; turns with slice radius`.
std::string definitions_text(const std::vector<Verdict>& verdicts) {
  const Outcome published = verdicts.front().as_defined;
  if (verdicts.size() == 1) return plain_word(published) + " in its one definition";
  std::string text = fmt::format("{} in {} of {} definitions", plain_word(published),
                                 count_of(verdicts, published), verdicts.size());
  for (const Outcome other : kPlain) {
    const std::size_t count = count_of(verdicts, other);
    if (other != published && count > 0)
      text += fmt::format(", {} in {}", plain_word(other), count);
  }
  std::vector<std::string> axes;
  for (const Verdict& verdict : verdicts) {
    const bool is_decided = verdict.as_defined != Outcome::could_not_check;
    if (!is_decided || verdict.as_defined == published || verdict.axis.empty()) continue;
    if (std::ranges::find(axes, verdict.axis) == axes.end()) axes.push_back(verdict.axis);
  }
  if (!axes.empty()) text += fmt::format("; turns with {}", fmt::join(axes, ", "));
  return text;
}

/// `at the end of training; turns at step 96, -1.3 points`.
std::string training_text(const Verdict& verdict) {
  if (verdict.landmarks.empty()) return "at the end of training only";
  std::vector<std::string> turns;
  for (const LandmarkResult& landmark : verdict.landmarks) {
    if (landmark.turns) turns.push_back(std::to_string(landmark.step));
  }
  const bool is_sided =
      verdict.as_defined == Outcome::supported || verdict.as_defined == Outcome::contradicted;
  if (!is_sided) return "at the end of training";
  if (turns.empty()) return "throughout the second half of training";
  return fmt::format("turns at step {}", fmt::join(turns, ", "));
}

/// `flips with sphere for manual_l2`, for each control that does not keep a part; all of them for a
/// claim that has some.
std::string controls_text(const Claim& claim, const Verdict& verdict) {
  if (claim.controls.empty() || verdict.parts.empty()) return "";
  std::vector<std::string> flips, open, keeps;
  for (const PartResult& part : verdict.parts) {
    const bool counts =
        verdict.as_defined == Outcome::supported ||
        (verdict.as_defined == Outcome::contradicted && part.finding == Finding::opposite);
    if (!counts) continue;
    for (const ControlResult& control : part.controls) {
      auto& list = control.effect == Effect::flips  ? flips
                   : control.effect == Effect::open ? open
                                                    : keeps;
      if (std::ranges::find(list, control.name) == list.end()) list.push_back(control.name);
    }
  }
  std::string text;
  const auto add = [&](const char* verb, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text += fmt::format("{}{} with {}", text.empty() ? "" : ", ", verb, fmt::join(names, ", "));
  };
  add("flips", flips);
  add("open", open);
  if (text.empty()) add("the same", keeps);
  return text;
}

}  // namespace

std::string plain_word(Outcome as_defined) {
  switch (as_defined) {
    case Outcome::supported: return "holds";
    case Outcome::contradicted: return "fails";
    case Outcome::negligible: return "too small";
    case Outcome::could_not_check: return "not checked";
    default: return "open";
  }
}

void add_scopes(const Claim& claim, std::vector<Verdict>& verdicts) {
  for (Verdict& verdict : verdicts) {
    verdict.scope = verdict.published ? definitions_text(verdicts)
                                      : plain_word(verdict.as_defined) + " in this definition";
    if (verdict.as_defined == Outcome::could_not_check) continue;
    const std::string controls = controls_text(claim, verdict);
    verdict.conditions = controls.empty() ? "" : controls + "; ";
    verdict.conditions += training_text(verdict);
    verdict.scope += "; " + verdict.conditions;
  }
}

}  // namespace harness
