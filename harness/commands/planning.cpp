#include "harness/commands/planning.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "harness/commands/usage.hpp"
#include "libnorm/models/normalization.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// Words for what each study says itself: the profile that claims are judged at, and the seeds that
/// golden has of it.
constexpr const char* kJudgedProfile = "judged";
constexpr const char* kGoldenSeeds = "golden";

std::vector<ChosenStudy> chosen_experiments(const std::string& text) {
  std::vector<ChosenStudy> chosen;
  for (const Study* study : studies()) chosen.push_back({study, {}});
  const auto add = [&](const FoundExperiment& found) {
    for (ChosenStudy& c : chosen) {
      if (c.study == found.study) c.experiments.push_back(found.experiment);
    }
  };
  if (text == "all") {
    for (ChosenStudy& c : chosen) {
      for (const Experiment& e : c.study->experiments()) c.experiments.push_back(&e);
    }
  } else {
    for (const std::string& id : split_list(text, "experiment")) add(find_experiment(id));
  }
  std::erase_if(chosen, [](const ChosenStudy& c) { return c.experiments.empty(); });
  return chosen;
}

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// In the order of the study's catalogue.
std::vector<std::string> default_arms(const ChosenStudy& chosen, const std::string& protocol) {
  std::vector<std::string> arms;
  for (const ArmInfo& arm : chosen.study->arms()) {
    const bool wanted =
        std::any_of(chosen.experiments.begin(), chosen.experiments.end(), [&](const Experiment* e) {
          const auto own = e->trainings.find(protocol);
          if (own != e->trainings.end()) return has(own->second, arm.name);
          return has(e->arms, arm.name) || has(e->controls, arm.name);
        });
    if (wanted) arms.emplace_back(arm.name);
  }
  return arms;
}

/// The arms of --arms; aliases are replaced by names.
std::vector<std::string> named_arms(const Arguments& arguments) {
  std::vector<std::string> arms;
  for (const std::string& text : split_list(arguments.text("arms"), "arms")) {
    arms.push_back(libnorm::canonical_normalization(text));
    if (std::count(arms.begin(), arms.end(), arms.back()) > 1) {
      throw UsageError(
          fmt::format("--arms: duplicate arm ({} is {}); need each once", text, arms.back()));
    }
  }
  return arms;
}

/// A study's arms that are named with --arms, or else those of its experiments.
std::vector<std::string> arms_of(const ChosenStudy& chosen, const Arguments& arguments) {
  if (!arguments.has("arms")) return default_arms(chosen, protocol_of(*chosen.study, arguments));
  std::vector<std::string> arms;
  for (const std::string& name : named_arms(arguments)) {
    if (chosen.study->has_arm(name) || is_normalization(name)) arms.push_back(name);
  }
  return arms;
}

/// Refuses names that no chosen study knows.
void check_names(const std::vector<ChosenStudy>& chosen, const Arguments& arguments) {
  const auto fits = [&](const auto& list_of, std::string_view name) {
    return std::any_of(chosen.begin(), chosen.end(), [&](const ChosenStudy& c) {
      const auto& list = list_of(*c.study);
      return std::any_of(list.begin(), list.end(), [&](const auto& x) { return x.name == name; });
    });
  };
  if (arguments.has("arms")) {
    for (const std::string& name : named_arms(arguments)) {
      if (is_normalization(name)) continue;
      if (fits(
              [](const Study& s) -> const auto& { return s.arms(); }, name))
        continue;
      throw libnorm::ValueError(
          fmt::format("arm: unknown name ({}); use one of {}, or a mechanism such as rms+gain@pre",
                      name, names_of(chosen.front().study->arms())));
    }
  }
  const std::string protocol = protocol_of(*chosen.front().study, arguments);
  if (!fits(
          [](const Study& s) -> const auto& { return s.protocols(); }, protocol)) {
    find_named(chosen.front().study->protocols(), &Protocol::name, protocol, "protocol");
  }
  for (const Study* study : studies()) {
    for (const NumberInfo& number : study->numbers()) {
      const std::string name(number.name);
      if (arguments.has(name) &&
          !fits(
              [](const Study& s) -> const auto& { return s.numbers(); }, name)) {
        throw UsageError(fmt::format("--{}: {} has no such number; `norm-harness list` tells of {}",
                                     name, arguments.text("experiment"), study->name()));
      }
    }
  }
}

/// The value of a number that was given.
double number_of(const NumberInfo& number, const Arguments& arguments) {
  const std::string name(number.name);
  switch (number.kind) {
    case NumberKind::count: return double(arguments.get<Index>(name));
    case NumberKind::real: return arguments.get<double>(name);
    case NumberKind::choice: break;
  }
  const auto found = std::ranges::find(number.words, arguments.text(name));
  if (found != number.words.end()) return double(found - number.words.begin());
  throw UsageError(fmt::format("--{}: unknown word ({}); need {}", name, arguments.text(name),
                               or_list(number.words)));
}

/// The same as a word of a command line.
std::string text_of(const NumberInfo& number, const Arguments& arguments) {
  const std::string name(number.name);
  switch (number.kind) {
    case NumberKind::count: return std::to_string(arguments.get<Index>(name));
    case NumberKind::real: return format_number(arguments.get<double>(name));
    case NumberKind::choice: break;
  }
  return arguments.text(name);
}

Request request_for(const ChosenStudy& chosen, const Arguments& arguments, libnorm::Gemm gemm,
                    const std::string& store) {
  Request request;
  const std::string &profile = arguments.text("profile"), &seeds = arguments.text("seeds");
  request.profile = profile == kJudgedProfile ? chosen.study->claim_profile() : profile;
  request.arms = arms_of(chosen, arguments);
  request.seeds =
      parse_seeds(seeds == kGoldenSeeds ? std::to_string(chosen.study->claim_seeds()) : seeds);
  if (arguments.has("dense")) request.path = libnorm::Path::dense;
  request.gemm = gemm;
  for (const NumberInfo& number : chosen.study->numbers()) {
    const std::string name(number.name);
    if (!arguments.has(name)) continue;
    request.numbers[name] = number_of(number, arguments);
  }
  if (arguments.has("data")) request.data = arguments.text("data");
  if (arguments.has("any-data")) request.trust = Trust::any;
  request.cache = std::filesystem::path(store) / "cache";
  return request;
}

/// Adds every number of every study once, with its meaning in each study.
void add_numbers(Arguments& arguments) {
  std::vector<std::string_view> added;
  for (const Study* study : studies()) {
    for (const NumberInfo& number : study->numbers()) {
      if (std::find(added.begin(), added.end(), number.name) != added.end()) continue;
      added.push_back(number.name);
      const std::string name(number.name), help(number.help);
      if (number.kind == NumberKind::count) {
        arguments.options()(name.c_str(), po::value<Index>(), help.c_str());
      } else if (number.kind == NumberKind::real) {
        arguments.options()(name.c_str(), po::value<double>(), help.c_str());
      } else {
        arguments.options()(name.c_str(), po::value<std::string>(), help.c_str());
      }
    }
  }
}

/// Options of a plan without a value.
constexpr const char* kFlags[] = {"dense", "any-data"};
/// Options of a plan with a text; numbers come from the studies.
constexpr const char* kTexts[] = {"experiment", "profile", "arms", "seeds", "protocol", "gemm"};

}  // namespace

void add_plan_options(Arguments& arguments) {
  const std::string profiles = by_study([](const Study& s) { return names_of(s.profiles()); });
  const std::string protocols = by_study([](const Study& s) { return names_of(s.protocols()); });
  arguments.options()("experiment", po::value<std::string>(), "one, a list as a,b, or all")(
      "profile", po::value<std::string>()->default_value("paper"),
      (profiles + "; or judged, the one that claims are judged at").c_str())(
      "arms", po::value<std::string>(),
      "only these arms, as a,b; the default is the experiment's, controls included. Any\n"
      "normalization is an arm too: a norm (dyt), or a stabilizer and what is learned, and where\n"
      "it stands (rms+gain@pre); `norm-harness list` has the words")(
      "seeds", po::value<std::string>()->default_value("1"),
      "how many seeds (0 .. N-1), or a list 0,2,5, or a range 3..7, or golden: those that golden\n"
      "has of the judged profile")(
      "data", po::value<std::string>(),
      "folder of data, as scripts/fetch_data makes it; else the one that LIBNORM_DATA names,\n"
      "else `data` in the checkout")(
      "any-data", "take files of other content than the published ones (a custom run)")(
      "dense", "compute as PyTorch does, without the exact shortcuts (a custom run)")(
      "protocol", po::value<std::string>(),
      ("whose numbers the table shows, and whose arms are trained where it has its own; every run "
       "measures all. The default is the first of each: " +
       protocols)
          .c_str());
  add_numbers(arguments);
}

std::vector<std::string> plan_words(const Arguments& arguments) {
  std::vector<std::string> words;
  for (const std::string name : kTexts) {
    if (arguments.has(name)) words.push_back("--" + name + "=" + arguments.text(name));
  }
  if (arguments.has("data")) {
    words.push_back("--data=" + std::filesystem::absolute(arguments.text("data")).string());
  }
  for (const std::string name : kFlags) {
    if (arguments.has(name)) words.push_back("--" + name);
  }
  std::set<std::string_view> told;
  for (const Study* study : studies()) {
    for (const NumberInfo& number : study->numbers()) {
      const std::string name(number.name);
      if (!arguments.has(name) || !told.insert(number.name).second) continue;
      words.push_back("--" + name + "=" + text_of(number, arguments));
    }
  }
  return words;
}

void refuse_plan_options(const Arguments& arguments) {
  std::vector<std::string> names(std::begin(kTexts), std::end(kTexts));
  names.insert(names.end(), std::begin(kFlags), std::end(kFlags));
  for (const Study* study : studies()) {
    for (const NumberInfo& number : study->numbers()) names.emplace_back(number.name);
  }
  for (const std::string& name : names) {
    if (!arguments.given(name)) continue;
    throw UsageError(
        fmt::format("--{}: the plan decides it; leave it out, or make another plan", name));
  }
}

std::vector<ChosenStudy> chosen_studies(const Arguments& arguments) {
  std::vector<ChosenStudy> chosen = chosen_experiments(arguments.text("experiment"));
  check_names(chosen, arguments);
  return chosen;
}

std::string protocol_of(const Study& study, const Arguments& arguments) {
  if (arguments.has("protocol")) return arguments.text("protocol");
  return std::string(study.protocols().front().name);
}

std::vector<PlannedRun> plan_of(const std::vector<ChosenStudy>& chosen, const Arguments& arguments,
                                libnorm::Gemm gemm, const std::string& store) {
  std::vector<PlannedRun> plan;
  for (const ChosenStudy& c : chosen) {
    for (PlannedRun& run : c.study->plan(request_for(c, arguments, gemm, store))) {
      plan.push_back(std::move(run));
    }
  }
  return plan;
}

std::vector<PlannedRun> shard_of(std::vector<PlannedRun> plan, const std::string& text) {
  const auto refuse = [&] {
    return UsageError(fmt::format("--shard: no such part ({}); need i/n with 1 <= i <= n", text));
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) throw refuse();
  const auto number = [&](std::size_t from, std::size_t to) {
    std::size_t value = 0;
    const auto r = std::from_chars(text.data() + from, text.data() + to, value);
    if (r.ec != std::errc() || r.ptr != text.data() + to) throw refuse();
    return value;
  };
  const std::size_t i = number(0, slash), n = number(slash + 1, text.size());
  if (i < 1 || i > n) throw refuse();
  std::vector<PlannedRun> part;
  for (std::size_t k = i - 1; k < plan.size(); k += n) part.push_back(std::move(plan[k]));
  if (part.empty()) {
    throw UsageError(
        fmt::format("--shard: nothing is left for it ({} of {} runs)", text, plan.size()));
  }
  return part;
}

}  // namespace harness
