#include "harness/commands/command.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/base/threads.hpp"
#include "harness/commands/usage.hpp"
#include "harness/results/golden.hpp"
#include "harness/studies/study.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

std::uint64_t parse_count(const std::string& text, const std::string& what) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end || text.empty()) {
    throw UsageError(fmt::format("{}: not a whole number ({}); need 0 or more", what, text));
  }
  return value;
}

/// Throws: UsageError for a file that cannot be read to its end.
std::string read_config(const std::string& path) {
  constexpr std::uintmax_t kMost = std::uintmax_t{1} << 20;
  try {
    return read_file(path, kMost);
  } catch (const libnorm::DataError& error) {
    throw UsageError(fmt::format("--config: cannot read the file ({}): {}", path, error.what()));
  }
}

}  // namespace

bool is_current(const RunResult& result) { return study_of(result).is_current(result); }

bool is_evidence(const RunResult& result, std::vector<std::string>& stale) {
  const Study& study = study_of(result);
  if (!study.is_current(result)) return false;
  const std::vector<std::string> others = other_versions(result, study.measures());
  for (const std::string& name : others) {
    const std::string sentence = fmt::format(
        "{} of {} runs at the profile {} was measured by version {}, this is {}: these "
        "results are passed over; run `norm-harness remeasure`",
        name, result.task, result.profile, result.measures.at(name),
        find_measure(study.measures(), name).version);
    if (std::ranges::find(stale, sentence) == stale.end()) stale.push_back(sentence);
  }
  return others.empty();
}

Arguments::Arguments(std::string usage, std::string about)
    : usage_(std::move(usage)), about_(std::move(about)), options_("Options", 100, 40) {
  options_.add_options()("help,h", "this text")(
      "config", po::value<std::string>()->value_name("FILE"),
      "a file of key=value lines with these options; the command line wins");
}

bool Arguments::parse(const std::vector<std::string>& arguments) {
  try {
    std::vector<std::string> words = arguments;
    for (std::string& word : words) {
      const std::string option = word.substr(0, word.find('='));
      const auto now = option.starts_with("--") ? renamed_.find(option.substr(2)) : renamed_.end();
      if (now != renamed_.end()) word = "--" + now->second + word.substr(option.size());
    }
    po::command_line_parser parser(words);
    // Options must not be abbreviated: what an abbreviation means may change with a new option.
    const int style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(parser.options(options_).positional(positional_).style(style).run(), values_);
    if (has("help")) {
      std::ostringstream options;
      options << options_;
      print_out("Usage: norm-harness {}\n\n{}\n\n{}", usage_, about_, options.str());
      return false;
    }
    if (has("config")) {
      const std::string& path = get<std::string>("config");
      std::istringstream file(read_config(path));
      po::store(po::parse_config_file(file, options_), values_);
    }
    po::notify(values_);
  } catch (const po::too_many_positional_options_error&) {
    const std::string command = usage_.substr(0, usage_.find(' '));
    throw UsageError(
        fmt::format("{0}: more arguments than it has; `norm-harness {0} --help` lists "
                    "what there is",
                    command));
  } catch (const po::error& error) {
    throw UsageError(fmt::format("{}; `norm-harness {} --help` lists what there is", error.what(),
                                 usage_.substr(0, usage_.find(' '))));
  }
  return true;
}

std::string known_profile(const std::string& name) {
  std::vector<ProfileInfo> all;
  for (const Study* study : studies()) {
    for (const ProfileInfo& p : study->profiles()) {
      if (std::none_of(all.begin(), all.end(), [&](auto& q) { return q.name == p.name; })) {
        all.push_back(p);
      }
    }
  }
  return std::string(find_named(all, &ProfileInfo::name, name, "profile").name);
}

std::optional<Store> store_to_read(const Arguments& arguments) {
  const std::string& directory = arguments.text("store");
  // Only the default folder may be missing, before a first run. A missing folder that was given is
  // a mistake.
  if (!arguments.given("store") && !is_there(directory)) return std::nullopt;
  return Store(directory, Access::reading);
}

void add_result_options(Arguments& arguments) {
  const std::string profiles = by_study([](const Study& s) { return names_of(s.profiles()); });
  const std::string judged =
      by_study([](const Study& s) { return std::string(s.claim_profile()); }, ", ");
  arguments.options()("store", po::value<std::string>()->default_value("out/store"),
                      "folder of the runs made here")(
      "golden", po::value<std::string>()->default_value(default_golden()),
      "folder of the committed results")(
      "profile", po::value<std::string>(),
      ("whose results: " + profiles +
       "; the default is the one that claims are judged at: " + judged)
          .c_str())(
      "results", po::value<std::string>()->default_value("both"),
      "where results come from: golden, store, or both (the store's where both have one)");
  arguments.renamed("rows", "results");
}

std::vector<RunResult> judged_results(const Arguments& arguments,
                                      const std::vector<std::vector<RunResult>>& sources,
                                      std::size_t* of_last) {
  std::optional<std::string> profile;
  if (arguments.has("profile")) profile = known_profile(arguments.text("profile"));
  std::vector<RunResult> results;
  const auto key = [](const RunResult& result) {
    return std::tie(result.task, result.arm, result.seed);
  };
  std::vector<std::string> stale;
  std::size_t taken = 0;
  for (const std::vector<RunResult>& source : sources) {
    taken = 0;
    for (const RunResult& result : source) {
      const Study& study = study_of(result);
      if (result.profile != profile.value_or(std::string(study.claim_profile()))) continue;
      if (!is_evidence(result, stale)) continue;
      ++taken;
      const auto same = std::find_if(results.begin(), results.end(),
                                     [&](const RunResult& r) { return key(r) == key(result); });
      if (same == results.end()) {
        results.push_back(result);
      } else {
        *same = result;
      }
    }
  }
  if (of_last != nullptr) *of_last = taken;
  for (const std::string& sentence : stale) complain("norm-harness: {}", sentence);
  std::stable_sort(results.begin(), results.end(),
                   [&](const RunResult& a, const RunResult& b) { return key(a) < key(b); });
  return results;
}

std::vector<RunResult> read_results(const Arguments& arguments, Golden* golden,
                                    std::size_t* made_here) {
  const std::string& from = arguments.text("results");
  if (from != "golden" && from != "store" && from != "both") {
    throw UsageError(
        fmt::format("--results: unknown source ({}); use golden, store or both", from));
  }
  if (arguments.has("profile")) known_profile(arguments.text("profile"));
  std::optional<Store> store;
  if (from == "store") store.emplace(arguments.text("store"), Access::reading);
  if (from == "both") store = store_to_read(arguments);
  std::vector<std::vector<RunResult>> sources;
  if (from != "store" || golden != nullptr) {
    Golden read = load_golden(arguments.text("golden"));
    if (from != "store") sources.push_back(read.results);
    if (golden != nullptr) *golden = std::move(read);
  }
  sources.push_back(store ? store->results() : std::vector<RunResult>());
  return judged_results(arguments, sources, made_here);
}

std::vector<std::string> split_list(const std::string& text, const std::string& option) {
  std::vector<std::string> items;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    items.push_back(text.substr(at, end - at));
    if (items.back().empty()) {
      throw UsageError(fmt::format("--{}: an empty item ({}); need a,b,c", option, text));
    }
    if (std::count(items.begin(), items.end(), items.back()) > 1) {
      throw UsageError(
          fmt::format("--{}: duplicate item ({}); need each once", option, items.back()));
    }
    at = end + 1;
  }
  return items;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  constexpr std::uint64_t kMost = 100000;
  std::uint64_t first = 0, end = 0;
  const std::size_t dots = text.find("..");
  if (text.find(',') != std::string::npos) {
    std::vector<std::uint64_t> seeds;
    for (const std::string& item : split_list(text, "seeds")) {
      const std::uint64_t seed = parse_count(item, "--seeds");
      if (std::count(seeds.begin(), seeds.end(), seed) > 0) {
        throw UsageError(fmt::format("--seeds: a seed is given twice ({}); need each once", seed));
      }
      seeds.push_back(seed);
    }
    return seeds;
  }
  if (dots != std::string::npos) {
    first = parse_count(text.substr(0, dots), "--seeds");
    end = parse_count(text.substr(dots + 2), "--seeds") + 1;
  } else {
    end = parse_count(text, "--seeds");
  }
  if (first >= end || end - first > kMost) {
    throw UsageError(
        fmt::format("--seeds: no such seeds ({}); need a number of seeds from 1 to {}, "
                    "a list 0,2,5 or a range 3..7",
                    text, kMost));
  }
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t s = first; s < end; ++s) seeds.push_back(s);
  return seeds;
}

int default_threads() { return std::max(1, int(std::thread::hardware_concurrency())); }

int checked_threads(const Arguments& arguments) {
  const int threads = arguments.get<int>("threads");
  if (threads < 1 || threads > 1024) {
    throw UsageError(fmt::format("--threads: impossible number ({}); need 1 .. 1024", threads));
  }
  if (threads == 1) return 1;
  // One more, since the thread that waits for the others counts too.
  const int there = std::max(1, obtainable_threads(threads + 1) - 1);
  if (there < threads) {
    complain("norm-harness: the system allows only {} of {} threads; continuing with them", there,
             threads);
  }
  return there;
}

void add_device(Arguments& arguments) {
  arguments.options()("device", po::value<std::string>()->default_value("cpu"),
                      "cpu, cuda, or auto: a GPU where there is one; results do not depend on it");
}

libnorm::Device chosen_device(const Arguments& arguments) {
  const std::string& name = arguments.text("device");
  if (name == "cpu") return libnorm::Device::cpu;
  if (name != "cuda" && name != "auto") {
    throw UsageError(fmt::format("--device: unknown device ({}); need cpu, cuda or auto", name));
  }
  try {
    libnorm::require_device(libnorm::Device::cuda);
    return libnorm::Device::cuda;
  } catch (const libnorm::BackendError&) {
    if (name == "cuda") throw;
    return libnorm::Device::cpu;
  }
}

void add_gemm(Arguments& arguments) {
  arguments.options()(
      "gemm", po::value<std::string>()->default_value("exact"),
      "whose matrix products a GPU runs: exact (the library's, with the processor's\n"
      "bits) or cublas (NVIDIA's, with bits of their own)");
}

libnorm::Gemm chosen_gemm(const Arguments& arguments, libnorm::Device device) {
  const std::string& name = arguments.text("gemm");
  if (name == "exact") return libnorm::Gemm::exact;
  if (name != "cublas") {
    throw UsageError(fmt::format("--gemm: unknown products ({}); need exact or cublas", name));
  }
  if (device != libnorm::Device::cuda) {
    throw UsageError("--gemm: cublas needs a GPU (the device is cpu); give --device cuda too");
  }
  return libnorm::Gemm::cublas;
}

Progress::Style progress_style(const Arguments& arguments) {
  const bool as_json = arguments.has("json"), is_quiet = arguments.has("quiet");
  if (as_json && is_quiet) {
    throw UsageError("--json: is all progress, and --quiet none; use one of them");
  }
  if (as_json) return Progress::Style::json;
  return is_quiet ? Progress::Style::quiet : Progress::style_of(STDOUT_FILENO);
}

std::string default_golden() {
  if (std::filesystem::exists("golden/manifest.json")) return "golden";
  return LIBNORM_GOLDEN_DIR;
}

}  // namespace harness
