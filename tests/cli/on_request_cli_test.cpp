#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "harness/results/golden.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/run_store.hpp"
#include "tests/cli/process.hpp"

namespace {

using harness::RunResult;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class OnRequest : public testing::Test {
 protected:
  RunResult result(const char* store = "s") const {
    return harness::Store(scratch_ / store, harness::Access::reading).results().at(0);
  }
  cli::Outcome command(const std::string& arguments) const {
    return cli::run(scratch_.path(), arguments);
  }
  void make(const std::string& arguments) const {
    const auto made = command(arguments);
    ASSERT_EQ(made.code, 0) << made.err;
  }

  const cli::Scratch scratch_{};
};

/// A result without what is measured on request alone.
std::string without_requests(RunResult result) {
  const auto is_on_request = [](const auto& item) {
    const std::string part = item.first.substr(0, item.first.find('.'));
    return part == "rows" || part == "curvature" || part == "landmarks";
  };
  std::erase_if(result.measures, is_on_request);
  std::erase_if(result.metrics, is_on_request);
  std::erase_if(result.spectra, is_on_request);
  std::erase_if(result.slices, is_on_request);
  return harness::to_line(result);
}

TEST_F(OnRequest, AddsToARowAndChangesNothingInIt) {
  make(cli::kOneRun + " --keep weights");
  make("bless e1 --because x --golden g --store s");
  const std::string before = harness::to_line(result());
  EXPECT_THAT(command("remeasure --metrics rows --store s --quiet").out,
              HasSubstr("rows measured again, from the weights that it has kept"));
  EXPECT_THAT(command("remeasure --metrics curvature --store s --quiet").out,
              HasSubstr("since it has kept no moments of Adam's; curvature measured"));
  EXPECT_THAT(command("remeasure --metrics landmarks --store s --quiet").out,
              HasSubstr("since what is measured is of the course of training; landmarks measured"));
  const RunResult now = result();
  EXPECT_EQ(now.metrics.count("rows.read.normalized_centred.iso_score"), 1u);
  EXPECT_EQ(now.metrics.count("curvature.adam_edge"), 1u);
  EXPECT_EQ(now.slices.count("landmarks.step_30.filter_normalized"), 1u);
  EXPECT_EQ(without_requests(now), before);
  EXPECT_THAT(command("remeasure --store s").out, HasSubstr("There is nothing to measure again"));
  EXPECT_THAT(command("show --csv --store s").out,
              AllOf(HasSubstr("rows.read.centred.effective_rank"),
                    HasSubstr("landmarks.step_30.slice_range.published")));
  EXPECT_EQ(command(cli::kOneRunChecked).code, 0) << "golden lacks them";
  make("bless e1 --because x --golden g --store s");
  EXPECT_EQ(command(cli::kOneRunChecked).code, 0);
  fs::remove_all(scratch_ / "s");
  EXPECT_EQ(command(cli::kOneRunChecked).code, 0) << "a new run lacks them";
}

TEST_F(OnRequest, TakesGoldensRows) {
  make(cli::kOneRun);
  make("bless e1 --because x --golden g --store s");
  const auto taken = command("remeasure --golden g --metrics rows --store t --quiet");
  EXPECT_EQ(taken.code, 0) << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("smoke none seed 0: trained again, to the same weights and "
                                   "losses, since it has kept no weights; rows measured"));
  RunResult golden = harness::load_golden(scratch_ / "g").results.at(0);
  const RunResult now = harness::Store(scratch_ / "t", harness::Access::reading).results().at(0);
  golden.spec = now.spec;
  EXPECT_EQ(without_requests(now), harness::to_line(golden));
  EXPECT_EQ(command("remeasure --golden nowhere --store t").code, 3);
}

}  // namespace
