#include "harness/runs/sweep_plan.hpp"

#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using nlohmann::json;

constexpr int kPlanFormat = 1;

json to_json(const SweepRun& run) {
  return {{"task", run.task},     {"profile", run.profile}, {"arm", run.arm},
          {"seed", run.seed},     {"steps", run.steps},     {"spec_sha256", run.spec_sha256},
          {"folder", run.folder}, {"seconds", run.seconds}, {"bytes", run.bytes}};
}

/// A name of a folder in a store, which becomes part of a path.
std::string folder_from(const std::string& text, const std::string& where) {
  const bool is_hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex && text.size() == kFolderDigits) return text;
  throw DataError(where + ": folder has a wrong value (" + text +
                  "); need 16 lower-case hexadecimal digits");
}

std::string name_from(const std::string& text, const std::string& where) {
  if (is_name(text)) return text;
  throw DataError(where + ": invalid name (" + text + "); need " + kNameWanted);
}

SweepRun run_from_json(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  SweepRun run;
  run.task = name_from(members.text("task"), where);
  run.profile = name_from(members.text("profile"), where);
  run.arm = name_from(members.text("arm"), where);
  run.seed = members.take("seed").get<std::uint64_t>();
  run.steps = members.take("steps").get<Index>();
  run.spec_sha256 = members.text("spec_sha256");
  run.folder = folder_from(members.text("folder"), where);
  run.seconds = members.take("seconds").get<double>();
  run.bytes = members.take("bytes").get<double>();
  members.require_none_left();
  return run;
}

}  // namespace

void write_plan(const std::filesystem::path& file, const SweepPlan& plan) {
  json runs = json::array();
  for (const SweepRun& run : plan.runs) runs.push_back(to_json(run));
  const json value = {{"format", kPlanFormat},
                      {"words", plan.words},
                      {"store", plan.store},
                      {"profile", plan.profile},
                      {"runs", std::move(runs)}};
  write_atomically(file, seal("plan", value.dump()));
}

SweepPlan read_plan(const std::filesystem::path& file) {
  const std::string where = "plan: " + file.string();
  const std::string sealed = read_file(file);
  const auto text = unseal("plan", sealed);
  if (!text) {
    throw DataError(where + " is damaged, edited or not a plan (checksum differs); make it " +
                    "with `norm-harness plan`");
  }
  try {
    const json value = parse_json(*text, where);
    JsonObjectReader members(value, where);
    const int format = members.take("format").get<int>();
    if (format != kPlanFormat) {
      throw DataError(where + " is of another format (" + std::to_string(format) + "); need " +
                      std::to_string(kPlanFormat) + ": make it anew with `norm-harness plan`");
    }
    SweepPlan plan;
    plan.words = members.take("words").get<std::vector<std::string>>();
    plan.store = members.text("store");
    plan.profile = name_from(members.text("profile"), where);
    for (const json& run : members.take("runs")) plan.runs.push_back(run_from_json(run, where));
    members.require_none_left();
    return plan;
  } catch (const json::exception& error) {
    throw DataError(where + " has a wrong value (" + error.what() +
                    "); make it anew with `norm-harness plan`");
  }
}

std::vector<PlannedRun> in_order_of(const SweepPlan& plan, std::vector<PlannedRun> runs) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < runs.size(); ++i) places.emplace(runs[i].spec.sha256(), i);
  std::vector<PlannedRun> ordered;
  ordered.reserve(plan.runs.size());
  for (const SweepRun& run : plan.runs) {
    const auto place = places.find(run.spec_sha256);
    if (place == places.end() || plan.runs.size() != runs.size()) {
      throw DataError("plan: it is of other runs than these options name here (" + run.arm +
                      " seed " + std::to_string(run.seed) + " of spec " +
                      run.spec_sha256.substr(0, kFolderDigits) +
                      "): made with other data or by another version; make it anew with "
                      "`norm-harness plan`");
    }
    ordered.push_back(std::move(runs[place->second]));
    places.erase(place);
  }
  return ordered;
}

}  // namespace harness
