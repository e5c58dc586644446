#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/process.hpp"

namespace {

using cli::run;
using testing::HasSubstr;

/// The values of `event`, in order, without progress, of which there may be any number.
std::vector<std::string> events_of(const std::string& lines) {
  std::vector<std::string> events;
  std::istringstream input(lines);
  for (std::string line; std::getline(input, line);) {
    const std::string event = nlohmann::json::parse(line).at("event");
    if (event != "progress") events.push_back(event);
  }
  return events;
}

TEST(Progress, ProgramsReadProgressLineByLine) {
  const cli::Scratch scratch;
  const std::string command = "run e1 --profile smoke --arms none --store s --json";
  const auto trained = run(scratch.path(), command);
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(events_of(trained.out), testing::ElementsAre("begins", "finished", "result", "end"));
  EXPECT_THAT(trained.out, HasSubstr(R"("golden":"same bits")"));
  EXPECT_THAT(events_of(run(scratch.path(), command).out),
              testing::ElementsAre("stored", "result", "end"));
  const auto measured = run(scratch.path(), "remeasure --metrics effective_rank --store s --json");
  EXPECT_THAT(events_of(measured.out), testing::ElementsAre("begins", "measured", "note"));
  EXPECT_EQ(run(scratch.path(), command + " --quiet").code, 2);
  EXPECT_EQ(run(scratch.path(), "remeasure --store s --json --quiet").code, 2);
}

TEST(Progress, ProgressTellsTheShareDoneAndTheTimeLeft) {
  const cli::Scratch scratch;
  const auto stopped = cli::shell(
      scratch.path(),
      "timeout --preserve-status -s INT 4 $H "
      "run e1 --profile smoke --arms layernorm --threads 1 --steps 40000 --store s --json");
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  std::istringstream input(stopped.out);
  int times = 0;
  for (std::string line; std::getline(input, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event["event"] != "progress") continue;
    ++times;
    EXPECT_GT(event["share"], 0);
    EXPECT_LT(event["share"], 1);
    EXPECT_EQ(event["runs"][0]["run"], "layernorm seed 0");
    EXPECT_EQ(event["runs"][0]["steps"], 40000);
    EXPECT_GT(event["runs"][0]["loss"], 0);
  }
  EXPECT_GE(times, 2);
  EXPECT_LE(times, 5) << "once a second";
}

}  // namespace
