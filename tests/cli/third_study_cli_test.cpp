#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/process.hpp"

/// Every command on a study that is only in this test's catalogue (third_study.cpp).
namespace {

using cli::run;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class ThirdStudy : public testing::Test {
 protected:
  cli::Outcome ok(const std::string& arguments) {
    const auto outcome = run(scratch_.path(), arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.out << outcome.err;
    return outcome;
  }
  cli::Outcome train(const std::string& more = "") {
    return ok("run e5 --profile smoke --seeds 5 --quiet --store s " + more);
  }
  nlohmann::json shown() { return nlohmann::json::parse(ok("show --json --store s").out); }

  const cli::Scratch scratch_{};
};

TEST_F(ThirdStudy, IsListedBesideTheOthers) {
  const auto list = ok("list");
  for (const char* text : {"which token there is more of", "Arms of e1 to e3\n", "Arms of e4\n",
                           "Arms of e5\n", "a tiny model", "counted            as it is",
                           "e5.counts          layernorm counts better"}) {
    EXPECT_THAT(list.out, HasSubstr(text));
  }
}

TEST_F(ThirdStudy, IsInEveryUsageText) {
  // Where its lines break depends on the longest option, and so on where this checkout stands.
  EXPECT_THAT(
      std::regex_replace(ok("run --help").out, std::regex("\\s+"), " "),
      AllOf(HasSubstr("run e1|e2|e3|e4|e5|all"), HasSubstr("e5: smoke"), HasSubstr("e5: counted"),
            HasSubstr("e5: Counts tokens that it draws itself."), HasSubstr("e5: state, 16 kB")));
  EXPECT_THAT(ok("bless --help").out,
              AllOf(HasSubstr("bless e1|e2|e3|e4|e5|all"),
                    HasSubstr("norm-harness run e5 --profile smoke --seeds 5   # on majority")));
  EXPECT_THAT(ok("figures --help").out,
              AllOf(HasSubstr("figures [e1|e2|e3|e4|e5|all]"), HasSubstr("e5: counted")));
  EXPECT_THAT(ok("verify --help").out, HasSubstr("e5: smoke"));
  EXPECT_THAT(ok("bench --help").out, HasSubstr("e5"));
  const auto mistake = run(scratch_.path(), "run");
  EXPECT_THAT(mistake.err, HasSubstr("need e1, e2, e3, e4, e5 or all"));
}

TEST_F(ThirdStudy, IsTrainedOnceAndInShards) {
  for (const char* part : {"1/3", "2/3", "3/3"}) train(std::string("--shard ") + part);
  auto results = shown();
  ASSERT_EQ(results.size(), 10u);
  for (const auto& result : results) {
    EXPECT_EQ(result["task"], "majority");
    EXPECT_EQ(result["experiment"], nlohmann::json::array({"e5"}));
  }
  const auto again = train();
  EXPECT_THAT(again.out, HasSubstr("eff. rank"));
  EXPECT_EQ(shown(), results);
  // Numbers of its own, and a normalization's text for an arm.
  ok("run e5 --profile smoke --length 5 --arms rms+gain --quiet --store s");
  results = shown();
  ASSERT_EQ(results.size(), 11u);
  EXPECT_EQ(run(scratch_.path(), "run e1 --length 5 --store s").code, 2);
  EXPECT_EQ(run(scratch_.path(), "run e5 --profile paper --store s").code, 2);
}

TEST_F(ThirdStudy, StopsAndGoesOnToTheSameBits) {
  const std::string longer = "run e5 --profile smoke --arms none --quiet --steps 20000 --store ";
  ok(longer + "whole");
  const pid_t pid = cli::start(scratch_.path(), longer + "s --checkpoint-every 0");
  ASSERT_TRUE(cli::appears(scratch_ / "s/runs"));
  usleep(300000);
  kill(pid, SIGINT);
  EXPECT_EQ(cli::wait_for(pid), 130);
  ok(longer + "s");
  EXPECT_EQ(cli::weights(scratch_ / "s"), cli::weights(scratch_ / "whole"));
}

TEST_F(ThirdStudy, IsBenched) {
  const auto bench = nlohmann::json::parse(ok("bench --experiment e5 --json").out);
  std::vector<std::string> timed;
  for (const auto& row : bench) {
    timed.push_back(row["experiment"].get<std::string>() + " " + row["arm"].get<std::string>());
    EXPECT_GT(row["ms_per_step"].get<double>(), 0);
  }
  EXPECT_THAT(timed, testing::ElementsAre("e5 layernorm", "e5 none",
                                          "product majority ffn 1 [144 x 16 x 8]"));
}

TEST_F(ThirdStudy, HasFiguresAndAReport) {
  train();
  const auto drawn = ok("figures e5 --results store --store s --output f");
  EXPECT_THAT(drawn.out, HasSubstr("figure5-counted.svg"));
  for (const char* name : {"f/figure5-counted.svg", "f/figure5-counted.png"}) {
    EXPECT_GT(fs::file_size(scratch_ / name), 1000u) << name;
  }
  ok("bless e5 --because reasons --golden g --store s");
  ok("report --store s --golden g --output r.html");
  const std::string page = cli::read(scratch_ / "r.html");
  for (const char* text :
       {"e1, e2, e3, e4, e5</h1>", "layernorm counts better", "Figure 5, counted",
        "<li>Counting is no reasoning.</li>", "norm-harness run e5 --profile smoke --seeds 5\n",
        "profile smoke of majority, 40 steps, 5 seeds", "Trained here: 10 of "}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  // Each link to a file beside the page leads there.
  int links = 0;
  for (std::size_t at = page.find("href=\"r_files/"); at != std::string::npos;
       at = page.find("href=\"r_files/", at + 1)) {
    const std::string file = page.substr(at + 6, page.find('"', at + 6) - at - 6);
    EXPECT_TRUE(fs::exists(scratch_ / file)) << file;
    ++links;
  }
  EXPECT_GE(links, 5);
  EXPECT_THAT(cli::read(scratch_ / "r_files/figure5-counted.csv"),
              HasSubstr("panel,x_label,y_label,curve,x,median,smallest,largest\n"));
}

TEST_F(ThirdStudy, HasAGoldenAndAVerdict) {
  train();
  ok("bless e5 --because reasons --golden g --store s");
  const auto verified = ok("verify --check --golden g --store s --profile smoke");
  EXPECT_THAT(verified.out, HasSubstr("10 runs made here have golden's bits; 0 are not in golden"));
  const auto verdict = ok("verify --claim e5.counts --golden g --store s");
  EXPECT_THAT(verdict.out, AllOf(HasSubstr("profile smoke: majority, 40 steps, 5 seeds"),
                                 Not(HasSubstr("COULD NOT CHECK"))));
  const auto again = ok("run e5 --profile smoke --seeds 5 --quiet --check --golden g --store t");
  EXPECT_THAT(again.out, AllOf(HasSubstr("same bits"), Not(HasSubstr("DIFFERS"))));
}

}  // namespace
