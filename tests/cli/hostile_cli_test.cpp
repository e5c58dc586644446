#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/run_store.hpp"
#include "tests/cli/process.hpp"

/// Files that somebody else made: what is in them is shown, and never done.
namespace {

using cli::run;
using harness::RunResult;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

/// Would make a file, draw on the terminal, or be markup, if anything took it for more than text.
const std::string kEscapes = "\x1b]0;title\x07\x1b[2J\r\x7f\u009b2J\u0085\u202e\u2066\u200f";
const std::vector<std::string> kTexts = {
    "\nsystem('touch stray')\n",
    "'\n!touch stray\n#",
    "`touch stray`",
    "\"`touch stray`\" \"$(touch stray)\"",
    "'.system('touch stray').'",
    "'';system('touch stray');#",
    "@x %s%n {/Symbol b} } {",
    "\\",
    kEscapes,
    "<script>alert(1)</script><img src=x onerror=alert(1)> &lt;b&gt;",
    std::string("\0", 1),
    "END\nEOD\n",
    std::string(100000, 'x'),
};

void expect_harmless(const std::string& text, const std::string& from) {
  for (const char c : text) {
    ASSERT_TRUE(c == '\n' || (c >= 0 ? c >= ' ' && c != 0x7f : true)) << from << ": " << int(c);
  }
  for (const char* part : {"\u009b", "\u0085", "\u202e", "\u2066", "\u200f"}) {
    EXPECT_THAT(text, Not(HasSubstr(part))) << from;
  }
}

/// A store with smoke runs.
class HostileStore : public testing::Test {
 protected:
  HostileStore() {
    const auto made = run(scratch_.path(), "run e1,e2,e3 --profile smoke --quiet --store s");
    EXPECT_EQ(made.code, 0) << made.err;
  }

  /// Changes every result, and seals it again.
  void plant(const std::function<void(RunResult&)>& change) const {
    const harness::Store store(scratch_ / "s", harness::Access::writing);
    for (RunResult result : store.results()) {
      change(result);
      const fs::path folder = scratch_ / "s/runs" / result.spec_sha256.substr(0, 16);
      cli::write(folder / "row.json", harness::seal("row", harness::to_line(result)));
    }
  }
  void plant_text(const std::string& text) const {
    plant([&](RunResult& result) {
      result.data = text;
      result.environment.version = result.environment.numerics = result.environment.compiler = text;
      result.environment.flags = result.environment.cpu = result.environment.isa = text;
      result.environment.device = text;
    });
  }
  fs::path first_result() const {
    return fs::directory_iterator(scratch_ / "s/runs")->path() / "row.json";
  }

  cli::Scratch scratch_;
};

TEST_F(HostileStore, TextIsShownAndNeverDone) {
  std::string text;
  for (const std::string& one : kTexts) text += one + " ";
  plant_text(text);
  for (const std::string command :
       {"figures e1 --profile smoke --results store --store s --output f --protocol published",
        "report --profile smoke --results store --store s --output r/report.html",
        "verify --profile smoke --store s", "show --store s", "show --json --store s",
        "show --csv --store s", "run e1 --profile smoke --store s"}) {
    const auto outcome = run(scratch_.path(), command);
    // Data that golden has not are a difference; and claims are of another profile.
    const bool verifies = command.starts_with("verify");
    EXPECT_TRUE(outcome.code == 0 || outcome.code == 1 || (verifies && outcome.code == 3))
        << command << outcome.code << outcome.err;
    expect_harmless(outcome.out, command);
    expect_harmless(outcome.err, command);
    for (const char* folder : {"", "f", "r", "r/report_files"}) {
      EXPECT_FALSE(fs::exists(scratch_ / folder / "stray")) << command;
    }
  }
  std::string page = cli::read(scratch_ / "r/report.html");
  std::erase(page, '\t');  // gnuplot's own
  expect_harmless(page, "the page");
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
}

TEST_F(HostileStore, NamesThatAreNoneAreRefused) {
  const std::string good = cli::read(first_result());
  const std::string line(*harness::unseal("row", good));
  for (const char* key : {"task", "profile", "arm"}) {
    for (const std::string& name : {kTexts[0], kEscapes, std::string("../../../x")}) {
      nlohmann::json result = nlohmann::json::parse(line);
      result[key] = name;
      cli::write(first_result(), harness::seal("row", result.dump()));
      const auto outcome = run(scratch_.path(), "show --store s");
      EXPECT_EQ(outcome.code, 3) << outcome.err;
      EXPECT_THAT(outcome.err, HasSubstr("row.json"));
      expect_harmless(outcome.err, name);
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    }
  }
  // A name that could be one, and is not that of the spec.
  nlohmann::json result = nlohmann::json::parse(line);
  result["arm"] = "sphere";
  cli::write(first_result(), harness::seal("row", result.dump()));
  EXPECT_THAT(run(scratch_.path(), "show --store s").err,
              HasSubstr("has the arm sphere where the spec says"));
}

TEST_F(HostileStore, DeepOrStrangeFilesEndInASentence) {
  const auto expect_refused = [&](const std::string& text) {
    for (const char* command :
         {"show --store s", "run e1,e2,e3 --profile smoke --quiet --store s"}) {
      const auto outcome = run(scratch_.path(), command, "ulimit -v 8000000; ");
      EXPECT_EQ(outcome.code, 3) << command;
      EXPECT_THAT(outcome.err, HasSubstr("row.json"));
      EXPECT_THAT(outcome.err, HasSubstr(text));
    }
  };
  cli::write(first_result(), harness::seal("row", "{\"arm\":" + std::string(100000, '[') +
                                                      std::string(100000, ']') + "}"));
  expect_refused("nests too deep");
  cli::write(first_result(), harness::seal("row", "{\"arm\":\"a\",\"arm\":\"b\"}"));
  expect_refused("duplicate key arm");
  fs::resize_file(first_result(), std::uintmax_t{1} << 40);
  expect_refused("is too large");
  const fs::path path = first_result();
  fs::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  expect_refused("it is a pipe");
}

TEST(HostileGolden, ItsTextIsShownAndNeverDone) {
  const cli::Scratch scratch;
  const auto golden = harness::load_golden(GOLDEN);
  auto verdicts = golden.verdicts;
  verdicts[0]["sentence"] = verdicts[0]["regime"] = verdicts[0]["definition"] = kEscapes;
  verdicts[1]["sentence"] = kEscapes;
  harness::bless(scratch / "g", golden.results, verdicts, "all", "planted");
  const auto outcome = run(scratch.path(), "verify --golden g --results golden");
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("sentence differs"));
  expect_harmless(outcome.out, "out");
  expect_harmless(outcome.err, "err");
  for (const std::string text : {"{}", "7", "[7]", "[[]]"}) {
    const cli::Scratch other;
    harness::bless(other / "g", {}, nlohmann::json::parse(text), "all", "planted");
    const auto refused = run(other.path(), "verify --golden g --results golden");
    EXPECT_EQ(refused.code, 3) << text;
    EXPECT_THAT(refused.err, HasSubstr("verdict")) << text;
  }
}

TEST(HostileNames, OfFilesAreShownAndNeverDone) {
  const cli::Scratch scratch;
  for (const std::string& text : {kTexts[0], kTexts[3], kEscapes, std::string("\xff\x1b")}) {
    // The shell finds them by their first letter.
    fs::create_directory(scratch / ("n" + text));
    for (const char* command :
         {"show --store n*", "measure n*", "tokenize --vocab n*", "verify --golden n*",
          "bless all --because x --store n*", "run e1 --profile smoke --config n*",
          "run e1 --profile smoke --arms n* --store q", "figures n*", "n*"}) {
      const auto outcome = run(scratch.path(), command);
      EXPECT_TRUE(outcome.code == 2 || outcome.code == 3 || command[0] == 's') << command;
      expect_harmless(outcome.out, command);
      expect_harmless(outcome.err, command);
    }
    EXPECT_FALSE(fs::exists(scratch / "stray")) << text;
    fs::remove_all(scratch / ("n" + text));
  }
}

/// Reads that fail behind the first byte.
TEST(FaultyDisk, IsNoEndOfAFile) {
  const cli::Scratch scratch;
  const std::string before = "export LD_PRELOAD='" READ_FAULT "'; ";
  const auto expect_failure = [&](const std::string& arguments, int code) {
    const auto outcome = run(scratch.path(), arguments, before);
    EXPECT_EQ(outcome.code, code) << arguments << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("Input/output error")) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(code == 2 ? "--config" : "")) << arguments;
  };
  cli::write(scratch / "faulty.cfg", "profile=smoke\nsteps=1\n");
  expect_failure("run e1 --profile smoke --arms none --store s --config faulty.cfg", 2);
  EXPECT_FALSE(fs::exists(scratch / "s"));
  cli::write(scratch / "vocab", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  cli::write(scratch / "faulty.txt", "a\nb\n");
  fs::copy(scratch / "vocab", scratch / "faulty_vocab");
  expect_failure("tokenize --vocab vocab faulty.txt", 3);
  expect_failure("tokenize --vocab vocab <faulty.txt", 3);
  expect_failure("tokenize --vocab faulty_vocab <vocab", 3);
  cli::write(scratch / "faulty.npy", std::string(200, 'x'));
  expect_failure("measure faulty.npy", 3);
  fs::copy(GOLDEN, scratch / "faulty_golden", fs::copy_options::recursive);
  expect_failure("verify --golden faulty_golden --results golden", 3);
  fs::create_directories(scratch / "faulty_data/ag_news");
  fs::create_directories(scratch / "faulty_data/wordpiece");
  for (const char* name : {"ag_news/train.csv", "ag_news/test.csv"}) {
    cli::write(scratch / "faulty_data" / name, "\"1\",\"a\",\"b\"\n");
  }
  fs::copy(scratch / "vocab", scratch / "faulty_data/wordpiece/vocab.txt");
  expect_failure("run e4 --profile quick --any-data --data faulty_data --store s", 3);
}

TEST(Outputs, ThatAreNoFilesStayWhatTheyAre) {
  const cli::Scratch scratch;
  // A gnuplot that is quick; the real one draws in other tests.
  fs::create_directory(scratch / "bin");
  cli::write(scratch / "bin/gnuplot",
             "#!/bin/sh\nname=${2%.gp}\necho '<svg></svg>' > $name.svg\n"
             "printf 'IEND\\256\\102\\140\\202' > $name.png\necho '%%EOF' > $name.pdf\n"
             "echo $name drawn\n");
  fs::permissions(scratch / "bin/gnuplot", fs::perms::owner_all);
  const std::string before = "export PATH='" + (scratch / "bin").string() + "':/usr/bin:/bin; ";
  const std::string report = "report --profile smoke --results golden --output ";
  const auto through =
      run(scratch.path(), report + "/dev/stdout | cat", "set -o pipefail; " + before);
  EXPECT_EQ(through.code, 0) << through.err;
  EXPECT_TRUE(through.out.starts_with("<!DOCTYPE html>")) << through.out.substr(0, 100);
  EXPECT_TRUE(through.out.ends_with("</html>\n"));
  EXPECT_FALSE(fs::exists("/dev/stdout_files"));

  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  const auto unread = run(scratch.path(), report + "pipe", before);
  EXPECT_EQ(unread.code, 3);
  EXPECT_THAT(unread.err, HasSubstr("no process reads from it"));
  EXPECT_TRUE(fs::is_fifo(scratch / "pipe"));

  const auto folder = run(scratch.path(), report + "bin", before);
  EXPECT_EQ(folder.code, 3);
  EXPECT_THAT(folder.err, HasSubstr("it is a folder"));

  fs::create_directory(scratch / "far");
  fs::create_symlink("far/page.html", scratch / "page.html");
  EXPECT_EQ(run(scratch.path(), report + "page.html", before).code, 0);
  EXPECT_TRUE(fs::is_symlink(scratch / "page.html"));
  EXPECT_TRUE(cli::read(scratch / "far/page.html").ends_with("</html>\n"));

  const auto full = run(scratch.path(), report + "/dev/full", before);
  EXPECT_EQ(full.code, 3);
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  const auto small = run(scratch.path(), report + "new/page.html", before + "ulimit -f 20; ");
  EXPECT_EQ(small.code, 3);
  EXPECT_THAT(small.err, HasSubstr("File too large"));
  EXPECT_FALSE(fs::exists(scratch / "new/page.html"));
}

}  // namespace
