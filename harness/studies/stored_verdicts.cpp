#include "harness/studies/stored_verdicts.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "harness/claims/judge.hpp"
#include "harness/results/golden.hpp"
#include "harness/studies/study.hpp"

namespace harness {

std::vector<Verdict> judge_claims(const std::vector<RunResult>& results) {
  std::vector<Verdict> verdicts;
  for (const Study* study : studies()) {
    std::vector<RunResult> planned;
    for (const RunResult& result : results) {
      if (result.profile == study->claim_profile() && result.seed < study->claim_seeds()) {
        planned.push_back(result);
      }
    }
    for (Verdict& verdict : judge_study(study->claims(), planned, study->claim_seeds())) {
      verdicts.push_back(std::move(verdict));
    }
  }
  return verdicts;
}

std::vector<CheckedVerdict> check_verdicts(const std::vector<RunResult>& results,
                                           const Golden& golden) {
  std::vector<Verdict> expected;
  if (!golden.verdicts.is_null()) {
    if (!golden.verdicts.is_array()) {
      throw libnorm::DataError("golden: verdicts.json is no list; restore it with git checkout");
    }
    expected = golden.verdicts.get<std::vector<Verdict>>();
  }
  std::vector<CheckedVerdict> checked;
  for (Verdict& verdict : judge_claims(results)) {
    CheckedVerdict c{std::move(verdict), {}, {}};
    for (const Verdict& e : expected) {
      if (e.id == c.verdict.id && e.definition == c.verdict.definition) c.expected = e;
    }
    if (c.expected) c.differences = differences(*c.expected, c.verdict);
    checked.push_back(std::move(c));
  }
  return checked;
}

}  // namespace harness
