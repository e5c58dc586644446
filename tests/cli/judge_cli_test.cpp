#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/cli/process.hpp"

/// `norm-harness judge`: anybody's paired results, and what it says of files that are wrong.
namespace {

using cli::Outcome;
using cli::run;
using testing::ContainsRegex;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kClaims = R"(id = "mine.speed"
sentence = "new is faster than old"
source = "my notes"
definitions = [
  { name = "published", metric = "log10 seconds", margin = "half", source = "a clock" },
  { name = "steps", metric = "steps", margin = "ten", axis = "what is counted", source = "a counter" },
]

[[part]]
larger = "old"
than = "new"

[[control]]
arm = "new"
stand_in = "new_cold"
why = "a warm cache"

[margin.half]
size = 0.1
unit = "decades"
why = "less is noise"

[margin.ten]
size = 10
unit = "steps"
why = "less is noise"
)";

/// Eight seeds of three arms: old takes twice as long and as many steps.
std::string results() {
  std::string text = "arm,seed,seconds,steps,\"a \"\"note\"\", ignored\"\n";
  for (int seed = 0; seed < 8; ++seed) {
    const std::string s = std::to_string(seed);
    text += "old," + s + ",20." + s + ",10" + s + ",x\n";
    text += "new," + s + ",10." + s + "5,5" + s + ",\n";
    text += "new_cold," + s + ",11." + s + "1,5" + s + ",\"two\nlines\"\n";
  }
  return text;
}

Outcome judge(const std::string& csv, const std::string& claims = kClaims,
              const std::string& options = "") {
  const cli::Scratch scratch;
  cli::write(scratch / "r.csv", csv);
  cli::write(scratch / "c.toml", claims);
  return run(scratch.path(), "judge r.csv --claims c.toml " + options);
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

void expect_refusal(const Outcome& outcome, const std::string& sentence) {
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_EQ(outcome.err, "norm-harness: " + sentence + "\n");
  EXPECT_EQ(outcome.out, "");
}

TEST(JudgeCli, SaysTheVerdictWithItsScope) {
  const Outcome outcome = judge(results());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\nr.csv, 8 seeds\n"));
  EXPECT_THAT(outcome.out, ContainsRegex("mine.speed \\[published\\] +SUPPORTED"));
  EXPECT_THAT(outcome.out, HasSubstr("  holds in 2 of 2 definitions; the same with new_cold for "
                                     "new; at the end of training only\n"));
  EXPECT_THAT(outcome.out, ContainsRegex("\n    steps +holds +\\+50"));
}

TEST(JudgeCli, AnotherDefinitionMakesItFragile) {
  std::string csv = results();
  for (char seed = '0'; seed < '8'; ++seed) {
    csv = with(csv, std::string(",10") + seed + ",x", std::string(",3") + seed + ",x");
  }
  const Outcome outcome = judge(csv);
  EXPECT_THAT(outcome.out, ContainsRegex("mine.speed \\[published\\] +FRAGILE"));
  EXPECT_THAT(outcome.out, HasSubstr("holds in 1 of 2 definitions, fails in 1; turns with what is "
                                     "counted;"));
}

TEST(JudgeCli, PrintsJsonAndDraws) {
  const auto json = nlohmann::json::parse(judge(results(), kClaims, "--json").out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["outcome"], "SUPPORTED");
  EXPECT_EQ(json[0]["claim_sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(
      json[1]["scope"],
      "holds in this definition; the same with new_cold for new; at the end of training only");
  const cli::Scratch scratch;
  cli::write(scratch / "r.csv", results());
  cli::write(scratch / "c.toml", kClaims);
  const Outcome drawn = run(scratch.path(), "judge r.csv --claims c.toml --figures f");
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_TRUE(fs::exists(scratch / "f/verdict-definitions-mine_speed.svg"));
  EXPECT_THAT(cli::read(scratch / "f/verdict-definitions-mine_speed.gp"),
              HasSubstr("1 published, 2 steps"));
}

TEST(JudgeCli, PlansSeeds) {
  // A spread of about 0.011 decades, and a margin of 0.1: what the exact test needs at least.
  const Outcome outcome = judge(results(), kClaims, "--plan");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ContainsRegex("mine.speed \\[published\\] old - new +0.00[0-9]+ +0.1 +5 "
                                         "+6\n"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("SUPPORTED")));
  EXPECT_EQ(judge(results(), kClaims, "--plan --json").code, 2);
}

TEST(JudgeCli, DrawsAFigureOfEachClaimWhateverItsName) {
  const std::string lengthy(70, 'a');
  std::string claims;
  for (const std::string& id :
       {std::string("a.b"), std::string("a_b"), lengthy + "1", lengthy + "2"}) {
    std::string claim = "[[claim]]\n" + with(kClaims, "mine.speed", id);
    for (const std::string table : {"[[part", "[[control", "[margin.half", "[margin.ten"}) {
      const std::size_t name = table.find_last_of('[') + 1;
      claim = with(claim, table, table.substr(0, name) + "claim." + table.substr(name));
    }
    claims += claim;
  }
  const cli::Scratch scratch;
  cli::write(scratch / "r.csv", results());
  cli::write(scratch / "c.toml", claims);
  const Outcome drawn = run(scratch.path(), "judge r.csv --claims c.toml --figures f");
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  std::set<std::string> pictures;
  for (const auto& entry : fs::directory_iterator(scratch / "f")) {
    if (entry.path().extension() == ".svg") pictures.insert(entry.path().filename());
  }
  EXPECT_EQ(pictures.size(), 4u) << testing::PrintToString(pictures);
}

TEST(JudgeCli, NamesThePlaceOfAMistakeInTheResults) {
  expect_refusal(judge(with(results(), "old,1,20.1,", "old,1,,")),
                 "r.csv, line 6, column 3 (seconds): missing cell; need a finite number");
  expect_refusal(judge(with(results(), "old,1,20.1,", "old,1,fast,")),
                 "r.csv, line 6, column 3 (seconds): not a number (fast); need a finite number");
  expect_refusal(judge(with(results(), "old,1,20.1,", "old,1,nan,")),
                 "r.csv, line 6, column 3 (seconds): not a number (nan); need a finite number");
  expect_refusal(judge(with(results(), "old,1,", "old,one,")),
                 "r.csv, line 6, column 2 (seed): not a number (one); need a whole number");
  expect_refusal(judge(with(results(), "old,1,", "old,9,")),
                 "r.csv, line 6, column 2 (seed): seed 9 of arm old is not paired; need one of arm "
                 "new");
  expect_refusal(judge(with(results(), "old,1,", "old,0,")),
                 "r.csv, line 6, column 2 (seed): seed 0 of arm old occurs twice; need each once");
  expect_refusal(judge(with(results(), "old,1,20.1,101,x", "old,1,20.1,101")),
                 "r.csv, line 6, column 5 (a \"note\", ignored): 4 cells where the heading has 5");
  expect_refusal(judge(with(results(), "seconds", "minutes")),
                 "r.csv, line 1, column 6: no column 'seconds', which claim mine.speed is about");
  expect_refusal(
      judge(with(results(), "\"two", "\"\"two")),
      "r.csv, line 4, column 5 (a \"note\", ignored): text after a closing quote; need a "
      "comma");
  expect_refusal(judge(""), "r.csv, line 1, column 1: no heading; need arm,seed,...");
  expect_refusal(
      judge("\xff\xfe" + std::string("a\0r\0m\0", 6)),
      "r.csv, line 1, column 1: no text in UTF-8 (UTF-16, or a binary file); need UTF-8");
  // As old spreadsheets end their lines.
  std::string returns = results();
  std::ranges::replace(returns, '\n', '\r');
  EXPECT_EQ(judge(returns).out, judge(results()).out);
  // An arm that nobody ran is no mistake of the file.
  const Outcome outcome = judge(results(), with(kClaims, "larger = \"old\"", "larger = \"older\""));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.out, HasSubstr("COULD NOT CHECK"));
  EXPECT_THAT(outcome.out, HasSubstr("older: no results"));
}

TEST(JudgeCli, NamesThePlaceOfAMistakeInTheClaims) {
  const auto refuse = [](const std::string& from, const std::string& to,
                         const std::string& sentence) {
    expect_refusal(judge(results(), with(kClaims, from, to)), "c.toml, " + sentence);
  };
  // What is wrong is said in the parser's words, which change with its version.
  const Outcome broken = judge(results(), with(kClaims, "unit = \"steps\"", "unit = steps"));
  EXPECT_EQ(broken.code, 3);
  EXPECT_THAT(broken.err,
              testing::StartsWith("norm-harness: c.toml, line 25, column 8: not TOML: "));
  refuse("sentence", "sentense", "line 1, column 1: a claim lacks 'sentence'");
  refuse("axis = ", "axes = ",
         "line 6, column 55: a definition has an unknown key (axes); need one of axis, beside, "
         "landmarks, margin, metric, name, source");
  refuse("larger = \"old\"", "bigger = \"old\"",
         "line 9, column 1: a part names 0 relations; need one of 'larger', 'equivalent', "
         "'not_less'");
  refuse("size = 0.1", "size = -1", "line 19, column 8: 'size' is no number above 0 (-1)");
  refuse("margin = \"ten\"", "margin = \"tens\"",
         "line 6, column 48: no margin of this name (tens); need a table [margin.tens]");
  refuse("log10 seconds", "log10 / seconds",
         "line 5, column 34: metric 'log10 / seconds': a name is missing before '/'; need a text "
         "such as `log10 final_loss` or `effective_rank / C`");
  refuse("metric = \"steps\"", "metric = \"{layer}.steps\"",
         "line 1, column 1: claim mine.speed: the metric of steps has a {layer}, and a part has "
         "none; need both or neither");
  refuse("name = \"steps\"", "name = \"published\"",
         "line 4, column 15: two definitions of one name (published); need each once");
  EXPECT_EQ(run(".", "judge r.csv").code, 2);
  std::string key = "a";
  for (int i = 0; i < 50000; ++i) key += ".a";
  for (const std::string& deep : {"[" + key + "]\nx = 1", key + " = 1"}) {
    expect_refusal(judge(results(), deep),
                   "c.toml, line 1: more dots than a key or a sentence has (50000); need at most "
                   "1000");
  }
}

}  // namespace
