#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/cli/process.hpp"

namespace {

using cli::run;
using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Report, FiguresAndReportComeFromTheStoreWithoutTraining) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run all --profile smoke --seeds 2 --quiet --store s").code, 0);
  const auto figures =
      run(scratch.path(),
          "figures --profile smoke --results store --store s --output f --protocol published");
  EXPECT_EQ(figures.code, 0) << figures.err;
  for (const char* name : {"f/figure1.svg", "f/figure2.png", "f/figure3.gp"}) {
    EXPECT_GT(fs::file_size(scratch / name), 1000u) << name;
  }
  const auto report = run(scratch.path(), "report --store s --output r/report.html");
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_THAT(cli::read(scratch / "r/report.html"), HasSubstr("e3.stagnation"));
}

TEST(Report, TwoStoresAreShownBesideEachOther) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run e1 --profile smoke --seeds 2 --quiet --store a").code, 0);
  ASSERT_EQ(run(scratch.path(), "run e1,e2 --profile smoke --seeds 1 --quiet --store b").code, 0);
  const std::string command = "report --profile smoke --output c.html --compare ";
  const auto compared = run(scratch.path(), command + "a b");
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_EQ(compared.out, "c.html\n");
  const std::string page = cli::read(scratch / "c.html");
  EXPECT_THAT(page, HasSubstr("Neither study has the runs for any claim. Of 3 runs that both have, "
                              "3 have the same numbers"));
  EXPECT_THAT(page, HasSubstr("<h3>A: Figure 1"));
  EXPECT_THAT(page, HasSubstr("<p>A: e2: figure: no run of arm batchnorm"));
  const auto missing = run(scratch.path(), command + "a nowhere");
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("store: no such folder (nowhere)"));
  const auto none = run(scratch.path(), "report --output c.html --compare a b");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("report: no result to judge in a"));
  EXPECT_EQ(cli::read(scratch / "c.html"), page);
}

}  // namespace
