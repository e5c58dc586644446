#pragma once

#include <string>
#include <vector>

#include "harness/commands/command.hpp"
#include "harness/runs/training_run.hpp"
#include "harness/studies/study.hpp"

namespace harness {

/// A study, and its experiments that were asked for.
struct ChosenStudy {
  const Study* study;
  std::vector<const Experiment*> experiments;
};

/// Declares the options that decide what is trained, with every number of every study.
void add_plan_options(Arguments& arguments);

/// Those of these options that were given, as words of a command line: `--profile=smoke`. Paths are
/// absolute, and what `--config` named is among them.
std::vector<std::string> plan_words(const Arguments& arguments);

/// Throws: UsageError if one of these options was given beside a plan, which decides them.
void refuse_plan_options(const Arguments& arguments);

/// The studies and experiments of the option `experiment`.
/// Throws: UsageError for names that none of them knows.
std::vector<ChosenStudy> chosen_studies(const Arguments& arguments);

/// The protocol asked for, or else the study's first.
std::string protocol_of(const Study& study, const Arguments& arguments);

/// The runs that the options ask for. store: a folder where tokenized data may be kept.
/// Throws: UsageError, ValueError, DataError.
std::vector<PlannedRun> plan_of(const std::vector<ChosenStudy>& chosen, const Arguments& arguments,
                                libnorm::Gemm gemm, const std::string& store);

/// Part i of n of a list, by the text `i/n`: every n-th item, from the i-th.
/// Throws: UsageError, also if nothing is left for it.
std::vector<PlannedRun> shard_of(std::vector<PlannedRun> plan, const std::string& text);

}  // namespace harness
