#include "harness/report/comparison_page.hpp"

#include <gtest/gtest.h>

#include <string>

#include "libnorm/core/error.hpp"
#include "tests/unit/harness/report/report_samples.hpp"

namespace harness {
namespace {

ComparedStudy make_study(const std::string& name) {
  const ReportData data = make_data();
  return {name, data.claims, data.figures, {}, data.results};
}

/// The same study, with another verdict and other numbers.
ComparedStudy make_other() {
  ComparedStudy other = make_study("there/<b>");
  Verdict& verdict = other.claims[0].definitions[0].verdict;
  verdict.outcome = Outcome::supported;
  verdict.as_defined = Outcome::supported;
  verdict.parts = {make_part("none - layernorm", Finding::holds, 0.656)};
  other.results[0].weights_sha256[0] = 'f';
  return other;
}

TEST(ComparisonPage, SaysWhichClaimsAndRunsAgree) {
  const ComparedStudy study = make_study("here");
  const std::string html = harness::comparison_page(study, study);
  EXPECT_TRUE(has(html,
                  "Of 1 claim, 1 has the same verdict in both. Of 1 run that both have, 1 "
                  "has the same numbers"));
  EXPECT_FALSE(has(html, "class=\"alarm\""));
  for (const char* request : {"<link", "<script", "<img", "src="}) {
    EXPECT_FALSE(has(html, request)) << request;
  }
}

TEST(ComparisonPage, ShowsEachVerdictAndEffectOfBoth) {
  const std::string html = harness::comparison_page(make_study("here"), make_other());
  EXPECT_TRUE(has(html,
                  "Of 1 claim, 0 have the same verdict in both; another: <a "
                  "href=\"#claim-e1.flatness\">e1.flatness</a> (<span class=\"word "
                  "fragile\">FRAGILE</span> in A, <span class=\"word "
                  "supported\">SUPPORTED</span> in B)."));
  EXPECT_TRUE(has(html, ">A: none - layernorm<"));
  EXPECT_TRUE(has(html, ">B: none - layernorm<"));
  EXPECT_TRUE(has(html, "+0.656 [+0.556, +0.756]"));
  // The definition `per_loss` is the same in both.
  EXPECT_TRUE(has(html,
                  "per_<wbr>loss</th><td class=\"finding supported\">holds</td>"
                  "<td class=\"finding supported\">holds</td>"));
  EXPECT_TRUE(has(html,
                  "published</th><td class=\"finding contradicted\">fails</td>"
                  "<td class=\"finding supported\">holds</td>"));
  EXPECT_TRUE(has(html, "<code>there/&lt;b&gt;</code>, 1 result"));
}

TEST(ComparisonPage, SaysInWhatARunDiffersAndWhoLacksOne) {
  ComparedStudy a = make_study("here"), b = make_other();
  a.results.push_back(a.results[0]);
  a.results[1].seed = 4;
  const std::string html = harness::comparison_page(a, b);
  EXPECT_TRUE(has(html, "Of 1 run that both have, 0 have the same numbers"));
  EXPECT_TRUE(has(html,
                  "layernorm</th><td class=\"number\">2</td><td class=\"number\">1</td><td "
                  "class=\"number\">1</td><td class=\"number\">0</td><td><span "
                  "class=\"alarm\">seed 3: weights_sha256</span></td>"));
}

TEST(ComparisonPage, PutsFiguresOfOneHeadingBesideEachOther) {
  ComparedStudy a = make_study("here"), b = make_study("there");
  b.figures.erase(b.figures.begin());
  b.figures.push_back(b.figures[0]);
  b.figures[1].heading = "Figure 9";
  const std::string html = harness::comparison_page(a, b);
  EXPECT_EQ(count(html, "<div class=\"beside\">"), 3);
  EXPECT_TRUE(has(html, "<figure id=\"A-figure-2\">\n<h3>A: Figure 2</h3>"));
  EXPECT_TRUE(has(html, "<figure id=\"B-figure-1\">\n<h3>B: Figure 2</h3>"));
  EXPECT_TRUE(has(html, "<figure id=\"B-figure-2\">\n<h3>B: Figure 9</h3>"));
  EXPECT_EQ(count(html, "id=\"A-figure-1-svg\""), 1) << "ids are unique";
}

TEST(ComparisonPage, NamesClaimsThatNeitherCanCheckOnce) {
  ComparedStudy a = make_study("here");
  for (CheckedVerdict& each : a.claims[0].definitions) {
    each.verdict.outcome = each.verdict.as_defined = Outcome::could_not_check;
    each.verdict.parts.clear();
  }
  std::string html = harness::comparison_page(a, a);
  EXPECT_TRUE(has(html, "Neither study has the runs for any claim."));
  EXPECT_FALSE(has(html, "id=\"claim-e1.flatness\""));
  // Where one has them, the claim is shown.
  html = harness::comparison_page(a, make_study("there"));
  EXPECT_TRUE(has(html, "COULD NOT CHECK</span> in A"));
  EXPECT_TRUE(has(html, "id=\"claim-e1.flatness\""));
}

TEST(ComparisonPage, NeedsTheSameClaims) {
  ComparedStudy other = make_study("there");
  other.claims[0].definitions[0].verdict.id = "e9.other";
  EXPECT_THROW(harness::comparison_page(make_study("here"), other), libnorm::ValueError);
}

}  // namespace
}  // namespace harness
