#include "harness/report/html_report.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "harness/report/effect_bars.hpp"
#include "harness/report/html.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/report/report_samples.hpp"

namespace harness {
namespace {

TEST(FourDigits, RoundsAndSaysWhatIsNotFinite) {
  EXPECT_EQ(harness::four_digits(6.85e-3), "0.006850");
  EXPECT_EQ(harness::four_digits(4.2e-5), "4.200e-5");
  EXPECT_EQ(harness::four_digits(115.234), "115.2");
  EXPECT_EQ(harness::four_digits(-1234.4), "-1234");
  EXPECT_EQ(harness::four_digits(1.5e12), "1.500e12");
  EXPECT_EQ(harness::four_digits(999.4), "999.4");
  EXPECT_EQ(harness::four_digits(999.96), "1000");
  EXPECT_EQ(harness::four_digits(0), "0.000");
  EXPECT_EQ(harness::four_digits(std::numeric_limits<double>::quiet_NaN()), "not finite");
  EXPECT_EQ(harness::four_digits(-std::numeric_limits<double>::infinity()), "not finite");
}

TEST(SignedDigits, HaveASignAndAWideMinus) {
  EXPECT_EQ(harness::signed_digits(0.36234), "+0.362");
  EXPECT_EQ(harness::signed_digits(-1.586), "\u22121.59");
  EXPECT_EQ(harness::signed_digits(-2e-5), "\u22122e\u221205");
  EXPECT_EQ(harness::signed_digits(std::numeric_limits<double>::infinity()), "not finite");
  EXPECT_EQ(harness::effect_text(make_comparison(1, 0.5, 1.5), "nats"), "+1 [+0.5, +1.5] nats");
  EXPECT_EQ(harness::effect_text({}, "nats"), "+0 nats");
}

TEST(EffectBars, DrawToOneScale) {
  const EffectBar bar{"a - b", 1, harness::Interval{0, 2}, 1, Outcome::supported, "holds", "+1"};
  EffectBar far = bar;
  far.effect = 100;
  far.interval = {90, 110};
  far.is_control = true;
  const std::string html = harness::effect_bars({bar, far}, "caption", "Comparison", "nats", 3);
  // From -1 (the margin) to 3 (the most), with 6% of room at both sides: 4.48 wide.
  EXPECT_TRUE(has(html, "<rect class=\"margin\" x=\"5.36%\" width=\"44.64%\""));
  EXPECT_TRUE(has(html, "<line class=\"zero\" x1=\"27.68%\" x2=\"27.68%\""));
  EXPECT_TRUE(has(html, "<line class=\"interval\" x1=\"27.68%\" x2=\"72.32%\""));
  EXPECT_TRUE(has(html, "<circle cx=\"50.00%\""));
  // What is beyond is at the edge.
  EXPECT_TRUE(has(html, "<circle cx=\"100.00%\""));
  EXPECT_EQ(count(html, "class=\"bar supported control\""), 1);
  EXPECT_EQ(harness::effect_bars({}, "caption", "Comparison", "nats", 3), "");
}

TEST(EffectBars, DrawWhatIsNotANumberInTheMiddle) {
  EffectBar bar{"a", std::numeric_limits<double>::quiet_NaN(), {}, 0, Outcome::inconclusive, "",
                ""};
  const std::string html = harness::effect_bars({bar}, "", "", "", 3);
  EXPECT_TRUE(has(html, "<circle cx=\"50.00%\""));
  EXPECT_FALSE(has(html, "nan"));
}

TEST(HtmlReport, IsOnePageThatAsksForNothingElse) {
  const std::string html = harness::html_report(make_data());
  EXPECT_EQ(html.rfind("<!DOCTYPE html>\n<html lang=\"en\">", 0), 0u);
  EXPECT_TRUE(html.ends_with("</html>\n"));
  for (const char* request :
       {"<link", "<script", "<img", "<iframe", "src=", "@import", "url(http"}) {
    EXPECT_FALSE(has(html, request)) << request;
  }
}

TEST(HtmlReport, SaysFirstWhatCameOutAndWhereItDoesNotHold) {
  ReportData data = make_data();
  std::string html = harness::html_report(data);
  EXPECT_TRUE(
      has(html,
          "Of 1 claim, 1 is <span class=\"word fragile\">FRAGILE</span>. Measured as "
          "published, 1 fails. This reverses under another definition for 1 of them, with a "
          "control for none, and at another point in the second half of training for none."));
  EXPECT_TRUE(has(html, "holds 1 &middot; fails 1"));
  EXPECT_TRUE(has(html, "<span class=\"axes\">turns with unit of loss</span>"));
  EXPECT_TRUE(has(html, "none_matched: open"));
  EXPECT_TRUE(has(html, "<td class=\"more\">end only</td>"));
  EXPECT_TRUE(has(html, "e1: profile paper of associative_recall, 4000 steps, 3 seeds"));

  Verdict& verdict = data.claims[0].definitions[0].verdict;
  verdict.parts[0].controls[0].effect = Effect::flips;
  verdict.landmarks = {{2000, Outcome::supported, {verdict.parts[0].reading}, false},
                       {3000, Outcome::contradicted, {verdict.parts[0].reading}, true}};
  ReportClaim supported = data.claims[0];
  supported.definitions.resize(1);
  supported.definitions[0].verdict.outcome = Outcome::supported;
  supported.definitions[0].verdict.as_defined = Outcome::supported;
  supported.definitions[0].verdict.landmarks.clear();
  supported.definitions[0].verdict.parts[0].controls.clear();
  supported.definitions[0].verdict.parts[0].finding = Finding::holds;
  data.claims.push_back(supported);
  html = harness::html_report(data);
  EXPECT_TRUE(
      has(html,
          "Of 2 claims, 1 is <span class=\"word supported\">SUPPORTED</span> and 1 is <span "
          "class=\"word fragile\">FRAGILE</span>. Measured as published, 1 holds and 1 "
          "fails. This reverses under another definition for 1 of them, with a control for "
          "1, and at another point in the second half of training for 1. Nothing tested "
          "reverses <a href=\"#claim-e1.flatness\">e1.flatness</a> (none - layernorm: "
          "\u22121.59 [\u22121.69, \u22121.49] decades)."));
  EXPECT_TRUE(has(html, "turns at step 3000"));
  EXPECT_TRUE(has(html, "none_matched: flips"));
}

TEST(HtmlReport, SaysWhatWasTrainedHereAndWhatDiffers) {
  ReportData data = make_data();
  std::string html = harness::html_report(data);
  EXPECT_TRUE(
      has(html,
          "Trained here: 0 of 1 run; the other 1 come from golden. 2 of 2 verdicts, counting "
          "each definition, are as in golden.</p>"));
  EXPECT_FALSE(has(html, "class=\"alarm\""));
  data.made_here = 1;
  data.other_bits = {"layernorm seed 3: weights differ", "more"};
  CheckedVerdict& published = data.claims[0].definitions[0];
  published.expected->outcome = Outcome::supported;
  published.differences = {"outcome: FRAGILE, not SUPPORTED"};
  data.claims[0].definitions[1].expected.reset();
  html = harness::html_report(data);
  EXPECT_TRUE(has(html,
                  "Trained here: 1 of 1 run; none come from golden. 0 of 2 verdicts, counting each "
                  "definition, are as in golden; <strong class=\"alarm\">1 differs from "
                  "golden</strong>; <strong class=\"alarm\">1 could not be compared</strong>."));
  EXPECT_TRUE(has(html, "2 results made here with other bits than golden's: layernorm seed 3"));
  EXPECT_TRUE(has(html, "<strong class=\"alarm\">golden: SUPPORTED</strong>"));
  EXPECT_TRUE(has(html, "published: differs from golden: outcome: FRAGILE, not SUPPORTED"));
  EXPECT_TRUE(has(html, "per_loss: golden has no verdict"));
}

TEST(HtmlReport, AClaimHasASectionWithItsEvidence) {
  ReportData data = make_data();
  data.claims[0].definitions[0].verdict.landmarks = {
      {2000, Outcome::negligible, {data.claims[0].verdict().parts[0].reading}, false}};
  const std::string html = harness::html_report(data);
  for (const char* part :
       {"<section class=\"claim\" id=\"claim-e1.flatness\">",
        "<q>layernorm ends in a flat minimum</q> (the paper, Figure 1)",
        "fails in 1 of 2 definitions, holds in 1.</p>",
        "<code>log10 slice_range.published_e1</code> (the notebook). Higher means sharper. The "
        "claim needs none - layernorm at least +0.301 decades (a factor of two).",
        "Controls: none_matched in place of none, because it learns faster.",
        "<a href=\"#figure-1\">Figure 1, published</a> shows what it is about.",
        "<th scope=\"row\">with none_<wbr>matched for none</th>",
        "If training had ended earlier: none - layernorm, in margins",
        "<td class=\"finding negligible\">NEGLIGIBLE</td>",
        "<summary>All numbers of e1.flatness</summary>"}) {
    EXPECT_EQ(count(html, part), 1) << part;
  }
}

TEST(HtmlReport, SaysWhatAPartNeeds) {
  ReportData data = make_data();
  data.claims[0].claim.parts[0].relation = harness::Relation::equivalent;
  EXPECT_TRUE(has(harness::html_report(data), "needs none - layernorm to within 0.301 dec"));
  data.claims[0].claim.parts[0].relation = harness::Relation::not_less;
  EXPECT_TRUE(has(harness::html_report(data), "needs none - layernorm by 0.301 or more dec"));
  for (const auto& [metric, words] :
       {std::pair{"layer1.published.effective_rank / C", "Higher means more isotropic."},
        std::pair{"100 held_out_accuracy", "Higher means more accurate."},
        std::pair{"log10 final_loss", "Higher means that it has learned less."},
        std::pair{"something", "(the notebook).  The"}}) {
    data.claims[0].definitions[0].verdict.metric = metric;
    EXPECT_TRUE(has(harness::html_report(data), words)) << metric;
  }
}

TEST(HtmlReport, AClaimThatCouldNotBeCheckedSaysWhy) {
  ReportData data = make_data();
  for (CheckedVerdict& each : data.claims[0].definitions) {
    each.verdict.parts.clear();
    each.verdict.scope = each.verdict.regime = "";
    each.verdict.outcome = each.verdict.as_defined = Outcome::could_not_check;
    each.verdict.notes = {"no seeds"};
  }
  const std::string html = harness::html_report(data);
  EXPECT_TRUE(has(html, "1 is <span class=\"word unchecked\">COULD NOT CHECK</span>"));
  EXPECT_TRUE(has(html, "Measured as published, 1 is not checked."));
  EXPECT_TRUE(has(html, "<li>published: no seeds</li>"));
  EXPECT_FALSE(has(html, "class=\"bars\""));
}

TEST(HtmlReport, EveryTextIsEscaped) {
  // A control character, one of C1, one that turns the direction of writing, and no UTF-8.
  const std::string bad = "<b>\"x\"&'y'\x01\u0085\u202e\xff";
  ReportData data = make_data();
  data.title = bad;
  ReportClaim& claim = data.claims[0];
  claim.claim.source = claim.claim.task = bad;
  claim.claim.controls = {{bad, bad, bad}};
  for (CheckedVerdict& each : claim.definitions) {
    Verdict& v = each.verdict;
    for (std::string* text : {&v.id, &v.definition, &v.experiment, &v.sentence, &v.metric, &v.axis,
                              &v.source, &v.regime, &v.scope}) {
      *text = bad;
    }
    v.notes = each.differences = {bad};
    for (std::string* text : {&v.parts[0].label, &v.parts[0].unit, &v.parts[0].why}) *text = bad;
  }
  Verdict& published = claim.definitions[0].verdict;
  published.parts[0].controls[0].name = bad;
  published.landmarks = {{2000, Outcome::supported, {published.parts[0].reading}, true}};
  ReportFigure& figure = data.figures[0];
  figure.heading = figure.caption = figure.alt = figure.experiment = bad;
  figure.notes = figure.files = {bad};
  RunResult& result = data.results[0];
  result.arm = result.task = result.profile = result.weights_sha256 = bad;
  result.metrics[bad] = 1;
  result.environment = {bad, bad, bad, bad, bad, bad, 1};
  data.commands = data.other_bits = {bad};
  const std::string html = harness::html_report(data);
  EXPECT_FALSE(has(html, "<b>"));
  for (const char* part : {"\x01", "\u0085", "\u202e", "\xff", "\"x\"", "'y'"}) {
    EXPECT_FALSE(has(html, part)) << part;
  }
  EXPECT_FALSE(has(html, "x&quot;&'"));
  EXPECT_GT(count(html, "&lt;b&gt;&quot;x&quot;&amp;&#39;y&#39;\uFFFD\uFFFD\uFFFD\uFFFD"), 40);
}

TEST(HtmlReport, EveryLinkOfThePageLeadsSomewhere) {
  ReportData data = make_data();
  data.claims[0].definitions[0].verdict.id = "e1. <odd> id";
  const std::string html = harness::html_report(data);
  int links = 0;
  for (std::size_t at = html.find("href=\"#"); at != std::string::npos;
       at = html.find("href=\"#", at + 1)) {
    const std::string id = html.substr(at + 7, html.find('"', at + 7) - at - 7);
    EXPECT_TRUE(has(html, " id=\"" + id + "\"") || has(html, " id='" + id + "'")) << id;
    ++links;
  }
  EXPECT_GE(links, 11);
}

TEST(HtmlReport, PicturesShareNoIdsAndAreShorter) {
  const std::string html = harness::html_report(make_data());
  EXPECT_FALSE(has(html, "<?xml"));
  EXPECT_FALSE(has(html, "<g fill=\"none\">"));
  for (const char* part :
       {"<path id='figure-1-a' d='M0.1,0'", "<path id='figure-2-a'", "xlink:href='#figure-1-a'",
        "<g id=\"figure-2-b\" fill=\"url(#figure-2-c)\">", "<svg id=\"figure-1-svg\"",
        "<use href=\"#figure-1-svg\"", "role=\"img\" aria-label=\"Three panels.\"",
        "<a href=\"r_files/figure1.csv\">data (CSV)</a>", "<p>A note.</p>"}) {
    EXPECT_EQ(count(html, part), 1) << part;
  }
  EXPECT_FALSE(has(html, "<use href=\"#figure-2-svg\""));
  ReportData data = make_data();
  data.figures[0].files = {"a #1_files/50%.svg"};
  EXPECT_TRUE(has(harness::html_report(data), "href=\"a%20%231_files/50%25.svg\">svg</a>"));
}

TEST(HtmlReport, RefusesWhatIsNoStillPicture) {
  for (const char* svg : {"", "no picture", "<svg><g>", "<svg><script>x()</script></svg>"}) {
    ReportData data = make_data();
    data.figures[1].svg = svg;
    EXPECT_THROW(harness::html_report(data), libnorm::DataError) << svg;
  }
}

TEST(HtmlReport, ListsEveryRunAndWhereItWasMade) {
  ReportData data = make_data();
  data.results.push_back(data.results[0]);
  data.results[1].seed = 4;
  data.results[1].diverged_at = 812;
  data.results[1].metrics = {{"slice_range.published", 2e-5}};
  const std::string html = harness::html_report(data);
  EXPECT_TRUE(has(html,
                  "<li>associative_recall, profile paper: 2 runs: 2 seeds of the arms layernorm. "
                  "Made on some cpu (avx2).</li>"));
  EXPECT_TRUE(has(html, "<code title=\"0123456789abcdef0123456789abcdef\">0123456789ab</code>"));
  EXPECT_TRUE(has(html,
                  "<td class=\"number\">0.006850</td><td class=\"number\">115.2</td>"
                  "<td class=\"number\">&ndash;</td>"));
  EXPECT_TRUE(has(html,
                  "diverged at step 812</td><td class=\"number\">&ndash;</td>"
                  "<td class=\"number\">2.000e-5</td>"));
  EXPECT_EQ(count(html, "<td>some cpu</td>"), 1);  // one environment, two runs
  data.results[1].environment.cpu = "other cpu";
  EXPECT_TRUE(has(harness::html_report(data), "<td>other cpu</td>"));
}

TEST(HtmlReport, ResultsOfSeveralTasksAndProfilesAreKeptApart) {
  ReportData data = make_data();
  for (const char* profile : {"quick", "subset"}) {
    RunResult result;
    result.task = "ag_news";
    result.profile = profile;
    result.arm = "sphere";
    result.metrics = {{"held_out_accuracy", 0.875},
                      {"layer3.published.effective_rank", 61.5},
                      {"layer3.published.decay_exponent", 1.25}};
    result.spectra["layer3.published"] = {2, 1};
    data.results.push_back(result);
  }
  const std::string html = harness::html_report(data);
  for (const char* part : {"<summary>associative_recall, profile paper: 1 result</summary>",
                           "<summary>ag_news, profile quick: 1 result</summary>",
                           "<summary>ag_news, profile subset: 1 result</summary>"}) {
    EXPECT_EQ(count(html, part), 1) << part;
  }
  EXPECT_EQ(count(html, "layer3.<wbr>published.<wbr>effective_<wbr>rank"), 2);
  EXPECT_EQ(count(html, "<td class=\"number\">61.50</td>"), 2);
  EXPECT_FALSE(has(html, "decay_<wbr>exponent"));
}

TEST(HtmlReport, DescribesDataAndCaveatsOnce) {
  ReportData data = make_data();
  data.claims.push_back(data.claims[0]);
  data.claims[1].definitions[0].verdict.id = "e1.isotropy";
  data.caveats = {"<li>of one study</li>\n", "<li>of <em>another</em></li>\n"};
  const std::string html = harness::html_report(data);
  EXPECT_EQ(count(html, "profile paper: associative_recall, 4000 steps, 10 seeds"), 1);
  EXPECT_TRUE(has(html, "<strong>e1.flatness, e1.isotropy:</strong> profile paper"));
  EXPECT_TRUE(has(html, "</li>\n<li>of one study</li>\n<li>of <em>another</em></li>\n</ul>"));
}

TEST(HtmlReport, IsAFunctionOfItsArgument) {
  EXPECT_EQ(harness::html_report(make_data()), harness::html_report(make_data()));
}

TEST(HtmlReport, ShowsTheCommands) {
  EXPECT_TRUE(has(harness::html_report(make_data()),
                  "<code>libnorm run e1 &amp;&amp; libnorm report\n</code></pre>"));
}

}  // namespace
}  // namespace harness
