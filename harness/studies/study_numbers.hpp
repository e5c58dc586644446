#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "harness/base/memory.hpp"
#include "harness/studies/study.hpp"
#include "harness/studies/training_options.hpp"
#include "libnorm/models/normalization.hpp"
#include "libnorm/optim/adam.hpp"

namespace harness {

/// The place of a choice's word. Throws: ValueError with the words.
inline Index place_of(const NumberInfo& choice, std::string_view word, const std::string& where) {
  const auto found = std::ranges::find(choice.words, word);
  if (found != choice.words.end()) return found - choice.words.begin();
  throw libnorm::ValueError(fmt::format("{}: unknown word ({}); need one of {}", where, word,
                                        fmt::join(choice.words, ", ")));
}

/// A number of a study's options: its name on the command line, and the member that holds it.
template <class Options>
struct Number {
  NumberInfo info;
  Index Options::*count = nullptr;
  double Options::*real = nullptr;

  Number(std::string_view name, std::string_view help, std::type_identity_t<Index> Options::*member,
         std::optional<double> unless = {})
      : info{name, help, NumberKind::count, unless}, count(member) {}
  Number(std::string_view name, std::string_view help,
         std::type_identity_t<double> Options::*member, std::optional<double> unless = {})
      : info{name, help, NumberKind::real, unless}, real(member) {}
  /// A choice among words; the member is the place of one.
  Number(std::string_view name, std::string_view help, std::type_identity_t<Index> Options::*member,
         std::vector<std::string_view> words)
      : info{name, help, NumberKind::choice, {}, std::move(words)}, count(member) {}

  /// The name as a spec's key.
  std::string key() const { return spec_key(info); }
  void tell(Spec& spec, const Options& options) const {
    const double value = count != nullptr ? double(options.*count) : options.*real;
    if (info.unless == value) return;
    if (info.kind == NumberKind::choice) {
      spec.set(key(), info.words.at(std::size_t(options.*count)));
    } else {
      count != nullptr ? spec.set(key(), options.*count) : spec.set(key(), options.*real);
    }
  }
  /// Takes the number from a specification. Throws: ValueError if it lacks it.
  void take(const Spec& spec, Options& options) const {
    if (info.unless && !spec.has(key())) {
      count != nullptr ? options.*count = Index(*info.unless) : options.*real = *info.unless;
    } else if (info.kind == NumberKind::choice) {
      options.*count = place_of(info, spec.text(key()), "spec: " + key());
    } else if (count != nullptr) {
      options.*count = spec.integer(key());
    } else {
      options.*real = spec.number(key());
    }
  }
};

template <class Options>
std::vector<NumberInfo> summaries_of(const std::vector<Number<Options>>& numbers) {
  std::vector<NumberInfo> infos;
  for (const auto& number : numbers) infos.push_back(number.info);
  return infos;
}

/// A study's own numbers, and those that every study has.
template <class Options>
std::vector<Number<Options>> with_shared_numbers(std::vector<Number<Options>> numbers) {
  using O = TrainingOptions;
  const std::vector<Number<Options>> shared = {
      {"batch", "sequences in a batch", &O::batch},
      {"channels", "width of the model", &O::channels},
      {"hidden", "width of the ffn", &O::hidden},
      {"heads", "attention heads; they divide the channels", &O::heads},
      {"blocks", "transformer blocks", &O::blocks},
      {"learning-rate", "Adam's learning rate", &O::learning_rate},
      {"beta1", "Adam's decay of the first moment", &O::beta1},
      {"beta2", "Adam's decay of the second moment", &O::beta2},
      {"epsilon", "Adam's epsilon", &O::epsilon},
      {"initial-std",
       "standard deviation of the first values of all matrices, biases being 0; 0: PyTorch's",
       &O::initial_std, 0},
      {"head-multiplier", "what the rows that the head reads are multiplied by (1)",
       &O::head_multiplier, 1},
      {"weight-decay", "AdamW's decoupled weight decay, of matrices alone (0)", &O::weight_decay,
       0},
      {"clip-norm", "gradients of a larger norm over all weights are scaled to it; 0: none",
       &O::clip_norm, 0},
      {"warmup-steps", "steps in which the learning rate rises linearly (0)", &O::warmup_steps, 0},
      {"cosine-to",
       "share of the learning rate that a cosine falls to at the run's end; 1: constant",
       &O::cosine_to, 1},
  };
  numbers.insert(numbers.end(), shared.begin(), shared.end());
  return numbers;
}

/// A profile's options, with a request's numbers.
template <class Options>
Options with_numbers(Options options, const std::vector<Number<Options>>& numbers,
                     const Request& request) {
  for (const auto& number : numbers) {
    const auto given = request.numbers.find(number.info.name);
    if (given == request.numbers.end()) continue;
    if (number.count != nullptr) {
      // Doubles hold no larger ones exactly, and Index none beyond 2^63.
      if (std::abs(given->second) > 0x1p53) {
        throw libnorm::ValueError(
            fmt::format("--{}: larger than can be counted ({}); need at most 2^53",
                        number.info.name, given->second));
      }
      options.*number.count = Index(given->second);
    } else {
      options.*number.real = given->second;
    }
  }
  options.path = request.path;
  options.gemm = request.gemm;
  return options;
}

/// Options with a specification's numbers and ways of computing.
/// Throws: ValueError if it lacks any.
template <class Options>
Options with_numbers(Options options, const std::vector<Number<Options>>& numbers,
                     const Spec& spec) {
  for (const auto& number : numbers) number.take(spec, options);
  const bool dense = spec.text("path") == "dense", cublas = spec.has("gemm");
  options.path = dense ? libnorm::Path::dense : libnorm::Path::shortcut;
  options.gemm = cublas ? libnorm::Gemm::cublas : libnorm::Gemm::exact;
  return options;
}

/// Throws: DataError unless a stored run's specification is the one that this version makes for it.
inline void require_spec(const Spec& made, const RunResult& result) {
  if (made.sha256() == result.spec_sha256) return;
  const Spec stored = Spec::parse(result.spec, "result: spec");
  const std::string numerics = stored.has("numerics") ? stored.text("numerics") : "none";
  throw libnorm::DataError(fmt::format(
      "run {:.16} ({} seed {}): this version does not make it (numerics {}, it has {}); "
      "need the version and the data that made it",
      result.spec_sha256, result.arm, result.seed, numerics, made.text("numerics")));
}

/// Plans each result by `plan`, which throws if it cannot.
inline PlannedAgain plan_each(const std::vector<RunResult>& results,
                              const std::function<PlannedRun(const RunResult&)>& plan) {
  PlannedAgain again;
  for (const RunResult& result : results) {
    try {
      PlannedRun run = plan(result);
      require_spec(run.spec, result);
      again.runs.push_back(std::move(run));
    } catch (const libnorm::Error& error) {
      again.faults.emplace_back(error.what());
    }
  }
  return again;
}

/// Compares the memory that a run needs with what is free, before anything is made. bytes: computes
/// the need of options.
/// Returns: the need.
/// Throws: ValueError that names the number to lower: the one that adds most to the need.
template <class Options, class Bytes>
double checked_bytes(const Options& profile, const std::vector<Number<Options>>& numbers,
                     const Request& request, const Bytes& bytes) {
  const double needed = bytes(with_numbers(profile, numbers, request)), there = free_memory();
  if (needed <= there) return needed;
  std::string what = "--profile: too large (" + request.profile;
  double least = needed;
  for (const auto& [name, value] : request.numbers) {
    Request without = request;
    without.numbers.erase(name);
    const double rest = bytes(with_numbers(profile, numbers, without));
    if (rest >= least) continue;
    least = rest;
    what = fmt::format("--{}: too large ({:.0f}", name, value);
  }
  throw libnorm::ValueError(
      fmt::format("{}; a run takes {} of memory or more); need one that takes "
                  "less than the {} that are free",
                  what, bytes_text(needed), bytes_text(there)));
}

/// The options that set Adam's numbers, for messages. The learning rate's differs from arm to arm.
inline libnorm::AdamNames adam_names(const std::string& learning_rate) {
  return {"--" + learning_rate, "--beta1",     "--beta2",        "--epsilon",
          "--weight-decay",     "--clip-norm", "--warmup-steps", "--cosine-to"};
}

/// Adds the ways of computing that decide the bits. Products have a key only if they are not the
/// library's own, so that specs from before there was a choice stay the same.
inline void add_execution_keys(Spec& spec, const TrainingOptions& options) {
  spec.set("path", std::string_view(options.path == libnorm::Path::dense ? "dense" : "shortcut"));
  if (options.gemm == libnorm::Gemm::cublas) spec.set("gemm", std::string_view("cublas"));
}

/// The arm of this name in a list, or an arm for a normalization's text such as `rms+gain@pre`. The
/// latter is made when it is first asked for, and kept. Aliases stand for names.
/// Throws: ValueError for any other name.
template <class Arm>
const Arm& find_or_make_arm(const std::vector<Arm>& list, std::string_view text,
                            const std::function<Arm(std::string_view)>& make) {
  const std::string name = libnorm::canonical_normalization(text);
  const bool listed =
      std::any_of(list.begin(), list.end(), [&](const Arm& arm) { return arm.name == name; });
  if (listed || !is_normalization(name)) return find_named(list, &Arm::name, name, "arm");
  libnorm::parse_normalization(name);
  static std::map<std::string, Arm, std::less<>> made;
  auto found = made.find(name);
  if (found == made.end()) {
    found = made.emplace(name, Arm{}).first;
    found->second = make(found->first);
  }
  return found->second;
}

/// A scale at which a study is run.
template <class Options>
struct Profile {
  std::string_view name;
  std::string_view description;
  Options options;
};

/// Name and description of each item, with the norm of those that have one.
template <class Info, class Item>
std::vector<Info> summaries_of(const std::vector<Item>& items) {
  std::vector<Info> infos;
  for (const Item& item : items) {
    if constexpr (std::is_same_v<Info, ArmInfo>) {
      infos.push_back({item.name, item.norm, item.description});
    } else {
      infos.push_back({item.name, item.description});
    }
  }
  return infos;
}

}  // namespace harness
