#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "harness/results/result.hpp"
#include "harness/runs/progress.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/device.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {

struct Golden;

/// The process's exit codes.
enum class Exit {
  ok = 0,
  differs = 1,
  usage = 2,
  no_data = 3,
  /// Runs are left: another process holds them, or a sweep was stopped or ran out of time.
  runs_left = 4,
  interrupted = 130,
};

/// A command: `norm-harness <name> ...`.
struct Command {
  const char* name;
  const char* summary;
  /// `arguments` come after the name.
  Exit (*run)(const std::vector<std::string>& arguments);
};

Exit plan_command(const std::vector<std::string>& arguments);
Exit status_command(const std::vector<std::string>& arguments);
Exit merge_command(const std::vector<std::string>& arguments);
Exit run_command(const std::vector<std::string>& arguments);
Exit verify_command(const std::vector<std::string>& arguments);
Exit judge_command(const std::vector<std::string>& arguments);
Exit figures_command(const std::vector<std::string>& arguments);
Exit report_command(const std::vector<std::string>& arguments);
Exit show_command(const std::vector<std::string>& arguments);
Exit remeasure_command(const std::vector<std::string>& arguments);
Exit bless_command(const std::vector<std::string>& arguments);
Exit gc_command(const std::vector<std::string>& arguments);
Exit bench_command(const std::vector<std::string>& arguments);
Exit list_command(const std::vector<std::string>& arguments);
Exit measure_command(const std::vector<std::string>& arguments);
Exit tokenize_command(const std::vector<std::string>& arguments);

/// A mistake on the command line or in a config file.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The options of a command, read from its arguments and from `--config FILE` with the same keys.
class Arguments {
 public:
  /// usage: the first line of --help. about: what the command does.
  Arguments(std::string usage, std::string about);

  boost::program_options::options_description_easy_init options() { return options_.add_options(); }
  void add(const boost::program_options::options_description& more) { options_.add(more); }
  /// Declares one positional argument, as in `run e1`.
  void positional(const char* name) { positional_.add(name, 1); }
  /// Declares that all positional arguments are values of one option.
  void several(const char* name) { positional_.add(name, -1); }
  /// Declares that an option had another name once, under which it is still taken.
  void renamed(const char* old, const char* name) { renamed_[old] = name; }

  /// Returns: false after printing --help. Throws: UsageError.
  bool parse(const std::vector<std::string>& arguments);

  bool has(const std::string& name) const { return values_.count(name) > 0; }
  /// Whether it was given on the command line or in the config file, not defaulted.
  bool given(const std::string& name) const { return has(name) && !values_[name].defaulted(); }
  template <class T>
  const T& get(const std::string& name) const {
    return values_[name].as<T>();
  }
  const std::string& text(const std::string& name) const { return get<std::string>(name); }

 private:
  std::string usage_, about_;
  boost::program_options::options_description options_;
  boost::program_options::positional_options_description positional_;
  std::map<std::string, std::string> renamed_;
  boost::program_options::variables_map values_;
};

/// Whether a result is of its profile's current definition. It is false for a custom run, and for
/// one made before the numerics changed.
bool is_current(const RunResult& result);

/// Whether a result is to be judged: it is current, and each of its measures has today's version.
/// If one has another version, a sentence is added to `stale` unless it is there already.
bool is_evidence(const RunResult& result, std::vector<std::string>& stale);

/// The name of a profile that a study has. Throws: ValueError with the known ones.
std::string known_profile(const std::string& name);

/// The store of --store, opened for reading; or nothing if none was named and the default does not
/// exist yet. Throws: DataError if a named one does not exist.
std::optional<Store> store_to_read(const Arguments& arguments);

/// Declares --store, --golden, --profile and --results, which select the results.
void add_result_options(Arguments& arguments);

/// Of the results of several sources, those that are to be judged: of --profile (by default each
/// study's claim profile), in its current definition, and with measures of today's versions; those
/// that lack only the last are named in a complaint. If several sources have one run, the last of
/// them counts. of_last: set to how many the last source has.
std::vector<RunResult> judged_results(const Arguments& arguments,
                                      const std::vector<std::vector<RunResult>>& sources,
                                      std::size_t* of_last = nullptr);

/// Results of one profile (by default each study's claim profile), from the store, from golden, or
/// from both (the store's result if both have one). Results of another definition of the profile
/// are skipped; those measured by another version are skipped with a complaint. `golden` is set if
/// golden was read, and `made_here` to how many of them are the store's.
/// Throws: DataError if golden or a named store is needed and missing.
std::vector<RunResult> read_results(const Arguments& arguments, Golden* golden = nullptr,
                                    std::size_t* made_here = nullptr);

/// `a,b,c` as a list. Throws: UsageError for an empty item.
std::vector<std::string> split_list(const std::string& text, const std::string& option);

/// Seeds as `N` (0 .. N-1), `0,2,5`, or `3..7`, each once. Throws: UsageError.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

/// The machine's hardware threads.
int default_threads();
/// The value of --threads; fewer, with a message, if the system allows no more.
/// Throws: UsageError unless 1 .. 1024.
int checked_threads(const Arguments& arguments);

/// Declares --device.
void add_device(Arguments& arguments);
/// The device of --device; `auto` is a GPU if there is one. Throws: UsageError for an unknown name,
/// BackendError for a GPU that cannot be used.
libnorm::Device chosen_device(const Arguments& arguments);

/// Declares --gemm.
void add_gemm(Arguments& arguments);
/// The implementation of products of --gemm on `device`. Throws: UsageError for an unknown name, or
/// for cuBLAS without a GPU.
libnorm::Gemm chosen_gemm(const Arguments& arguments, libnorm::Device device);

/// How `run` and `remeasure` show progress on standard output, by --json and --quiet.
/// Throws: UsageError if both are given.
Progress::Style progress_style(const Arguments& arguments);

/// The default of --golden: the source tree's.
std::string default_golden();

}  // namespace harness
