// `bench --against`: turns with another build.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <string>

#include "harness/commands/bench_ratios.hpp"
#include "libnorm/core/error.hpp"
#include "tests/cli/process.hpp"

namespace {

using cli::run;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kSmall = "bench --experiment e1 --arms layernorm --threads 1 ";

/// A program that stands in for the other build's norm-harness.
class OtherBuild {
 public:
  explicit OtherBuild(const std::string& script) {
    cli::write(scratch_ / "other", "#!/bin/sh\n" + script);
    fs::permissions(scratch_ / "other", fs::perms::owner_all);
  }
  /// `sight`: what the other build leaves in this folder.
  fs::path sight(const std::string& name) const { return scratch_ / name; }
  cli::Outcome against(const std::string& more) const {
    return run(scratch_.path(), kSmall + ("--against ./other " + more));
  }
  const fs::path& folder() const { return scratch_.path(); }

 private:
  const cli::Scratch scratch_{};
};

/// What the stand-in prints as the other build's times.
constexpr const char* kLines = R"(cat <<'END'
[{"experiment": "e1", "arm": "layernorm", "ms_per_step": 1e6},
 {"experiment": "product", "arm": "of another version", "ms_per_step": 2.0},
 {"experiment": "curvature", "arm": "layernorm", "ms_per_product": 2.0}]
END
)";

TEST(BenchAgainst, ItselfGivesARatioForEachArmAndProduct) {
  const cli::Scratch scratch;
  const auto outcome =
      run(scratch.path(), kSmall + std::string("--rounds 2 --json --against '" NORM_HARNESS "'"));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto rows = nlohmann::json::parse(outcome.out);
  ASSERT_GT(rows.size(), 1u);
  EXPECT_EQ(rows[0]["experiment"], "e1");
  EXPECT_EQ(rows[0]["arm"], "layernorm");
  for (const auto& row : rows) {
    for (const char* name : {"ratio", "old_ms", "new_ms"}) {
      EXPECT_TRUE(std::isfinite(row[name].get<double>()) && row[name].get<double>() > 0) << row;
    }
    EXPECT_EQ(row["pairs"], 2);
    EXPECT_EQ(row["ratios"].size(), 2u);
    EXPECT_TRUE(row["low"].is_null()) << "2 pairs have no interval of 95%";
  }
  EXPECT_THAT(outcome.err, HasSubstr("round 2 of 2, "));
}

TEST(BenchAgainst, TakesTurnsInAlternatingOrder) {
  const OtherBuild other("echo \"$@\" >>asked; date +%s%N >>turns\n" + std::string(kLines));
  const auto outcome = other.against("--rounds 3 --dense");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("0.000"));
  EXPECT_THAT(outcome.err, HasSubstr("only one of the builds has product of another version"));
  EXPECT_THAT(cli::read(other.sight("asked")),
              HasSubstr("bench --json --experiment e1 --arms layernorm --threads 1 --dense\n"));
  std::istringstream times(cli::read(other.sight("turns")));
  std::vector<double> at;
  for (double t = 0; times >> t;) at.push_back(t);
  ASSERT_EQ(at.size(), 3u);
  // Other, this build; this build, other; other, this build.
  EXPECT_LT(at[2] - at[1], (at[1] - at[0]) / 2);
}

TEST(BenchAgainst, RefusesWhatIsNoBuild) {
  const cli::Scratch scratch;
  const auto missing = run(scratch.path(), kSmall + std::string("--against ./none"));
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("bench: ./none cannot be started (No such file"));
  const auto folder = run(scratch.path(), kSmall + std::string("--against ."));
  EXPECT_EQ(folder.code, 3);
  EXPECT_THAT(folder.err, HasSubstr("bench: . cannot be started (Permission denied); need"));
}

TEST(BenchAgainst, RefusesWhatDoesNotAnswerAsABuildDoes) {
  struct Answer {
    const char* script;
    const char* sentence;
  };
  for (const Answer& answer : {
           Answer{"echo garbage", "printed no usable list (not such JSON: garbage"},
           Answer{"true", "printed no usable list (not such JSON: nothing)"},
           Answer{"echo '{}'", "printed no usable list (not a list: {}"},
           Answer{"echo '[{\"experiment\": \"e1\"}]'", "printed no usable list (not such JSON"},
           Answer{"echo '[{\"experiment\": \"e1\", \"arm\": \"none\", \"ms_per_step\": 0}]'",
                  "printed no usable list (a bad time"},
           Answer{"echo '[]'", "time nothing that both have"},
           Answer{"echo no such arm >&2; exit 2", "failed with exit code 2 (it said: no such arm)"},
           Answer{"kill -KILL $$", "was ended by signal 9"},
       }) {
    const OtherBuild other(answer.script);
    const auto outcome = other.against("--rounds 1");
    EXPECT_EQ(outcome.code, 3) << answer.script;
    EXPECT_THAT(outcome.err, HasSubstr(answer.sentence));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(BenchAgainst, StoppedPrintsWhatItHas) {
  // In the second round the other build never ends.
  const OtherBuild other("[ -e turn ] && touch waits && exec sleep 100\ntouch turn\n" +
                         std::string(kLines));
  const pid_t pid = cli::start(other.folder(), kSmall + std::string("--against ./other --json"), "",
                               other.sight("told"));
  const fs::path waits = other.sight("waits");
  ASSERT_TRUE(cli::appears(waits) || cli::appears(waits)) << "after seconds of this build's";
  kill(pid, SIGINT);
  EXPECT_EQ(cli::wait_for(pid), 130);
  const std::string told = cli::read(other.sight("told"));
  EXPECT_THAT(told, HasSubstr("\"pairs\": 1"));
  EXPECT_THAT(told, HasSubstr("norm-harness: stopped after 1 of 10 rounds\n"));
}

TEST(MedianInterval, HasTheTabledEnds) {
  // The k of a sign test at 95%, two-sided: 1 of 6, 2 of 9 to 11, 6 of 20.
  const auto counted_to = [](int n) {
    std::vector<double> values;
    for (int i = n; i > 0; --i) values.push_back(i);
    return values;
  };
  using Ends = std::pair<double, double>;
  EXPECT_FALSE(harness::median_interval({}));
  EXPECT_FALSE(harness::median_interval(counted_to(5)));
  EXPECT_EQ(harness::median_interval(counted_to(6)), Ends(1, 6));
  EXPECT_EQ(harness::median_interval(counted_to(8)), Ends(1, 8));
  EXPECT_EQ(harness::median_interval(counted_to(9)), Ends(2, 8));
  EXPECT_EQ(harness::median_interval(counted_to(10)), Ends(2, 9));
  EXPECT_EQ(harness::median_interval(counted_to(20)), Ends(6, 15));
  EXPECT_EQ(harness::median({4, 1, 2}), 2);
  EXPECT_EQ(harness::median({4, 1, 2, 8}), 3);
  EXPECT_THROW(harness::median({}), libnorm::ValueError);
}

TEST(MedianInterval, GivesTheVerdict) {
  EXPECT_EQ(harness::verdict_of(std::pair(0.9, 0.99)), "faster");
  EXPECT_EQ(harness::verdict_of(std::pair(1.01, 1.2)), "slower");
  EXPECT_EQ(harness::verdict_of(std::pair(0.9, 1.2)), "-");
  EXPECT_EQ(harness::verdict_of({}), "-");
}

TEST(Bench, ProfileSaysWhereAStepsTimeGoes) {
  const cli::Scratch scratch;
  const auto outcome =
      run(scratch.path(), "bench --experiment e1 --arms layernorm --profile --threads 2 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto list = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["arm"], "layernorm");
  double sum = 0;
  for (const auto& [kind, share] : list[0]["shares"].items()) {
    EXPECT_GE(share.get<double>(), 0) << kind;
    sum += share.get<double>();
  }
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_GT(list[0]["shares"]["products"].get<double>(), 0.1);
  EXPECT_GT(list[0]["peak_fraction"].get<double>(), 0);
  ASSERT_EQ(list[0]["busy"].size(), 2u);
  for (const auto& share : list[0]["busy"]) EXPECT_LE(share.get<double>(), 1);
  EXPECT_NEAR(list[0]["busy"][0].get<double>() + list[0]["busy"][1].get<double>(),
              2 * (1 - list[0]["shares"]["waiting"].get<double>()), 1e-9);
  const auto table = run(scratch.path(), "bench --experiment e1 --arms layernorm --profile");
  EXPECT_THAT(table.out, testing::HasSubstr("e1, layernorm: "));
  EXPECT_THAT(table.out, testing::HasSubstr("  products "));
}

}  // namespace
