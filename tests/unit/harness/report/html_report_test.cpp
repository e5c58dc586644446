#include "harness/report/html_report.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "libnorm/core/error.hpp"

namespace {

using harness::Agreement;
using harness::ReportData;
using harness::ReportFigure;
using harness::ReportVerdict;
using harness::RunResult;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++times;
  }
  return times;
}

ReportData make_data() {
  RunResult result;
  result.profile = "paper";
  result.arm = "layernorm";
  result.seed = 3;
  result.steps = 4000;
  result.final_loss = 6.85e-3;
  result.metrics["effective_rank"] = 115.234;
  result.weights_sha256 = "0123456789abcdef0123456789abcdef";
  result.environment = {"1.0", "n1", "gcc 12", "-O2", "some cpu", "avx2", 2};
  ReportVerdict verdict{"e1.isotropy",
                        "published",
                        "layernorm's spectrum decays slowly",
                        "SUPPORTED",
                        "SUPPORTED",
                        Agreement::matches,
                        "holds in 2 of 3 definitions",
                        10,
                        "",
                        {}};
  verdict.parts = {{"layernorm - none", "holds", "47.2 dimensions", "[46, 48]", 0.0078125, 1.0,
                    "none_matched for none: same sign"},
                   {"second", "open", "0", "", {}, {}, ""}};
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<svg width=\"1\" height=\"1\"><path id='a' d='M0,0'/>"
      "<g id=\"b\" fill=\"url(#c)\"><use xlink:href='#a'/></g></svg>\n";
  return {"libnorm <report>",
          {verdict},
          {{"Figure 1", "A caption.", "Three panels.", svg}, {"Figure 2", "", "Same.", svg}},
          {result},
          {"libnorm run e1 && libnorm report"}};
}

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

TEST(HtmlReport, IsOnePageThatAsksForNothingElse) {
  const std::string html = harness::html_report(make_data());
  EXPECT_EQ(html.rfind("<!DOCTYPE html>\n<html lang=\"en\">", 0), 0u);
  EXPECT_TRUE(html.ends_with("</html>\n"));
  for (const char* request :
       {"<link", "<script", "<img", "<iframe", "src=", "@import", "url(http"}) {
    EXPECT_FALSE(has(html, request)) << request;
  }
}

TEST(HtmlReport, SaysVerdictInAWordAndInColour) {
  const std::string html = harness::html_report(make_data());
  EXPECT_TRUE(has(html,
                  "<span class=\"word supported\">SUPPORTED</span><br>"
                  "<span class=\"soft\">holds in 2 of 3 definitions</span><br>"
                  "<span class=\"soft\">as in golden</span>"));
  EXPECT_TRUE(has(html, "1 of 1 verdicts are as in golden."));
  EXPECT_TRUE(has(html, "scope=\"rowgroup\" rowspan=\"2\""));
  EXPECT_TRUE(has(html,
                  "<td>47.2 dimensions<br><span class=\"interval\">[46, 48]</span></td><td "
                  "class=\"number\">1.00</td>"
                  "<td class=\"number\">0.007812</td>"));
  // What is undefined is a dash, not a zero.
  EXPECT_TRUE(
      has(html, "<td>0<br><span class=\"interval\"></span></td><td class=\"number\">&ndash;</td>"));
}

TEST(HtmlReport, AVerdictNotAsInGoldenCannotBeTakenForOne) {
  ReportData data = make_data();
  data.verdicts[0].agreement = Agreement::differs;
  data.verdicts[0].expected = "FRAGILE";
  data.verdicts.push_back(data.verdicts[0]);
  data.verdicts[1].agreement = Agreement::no_golden;
  const std::string html = harness::html_report(data);
  EXPECT_TRUE(has(html, "<span class=\"alarm\">differs from golden: FRAGILE</span>"));
  EXPECT_TRUE(has(html, "not checked: no golden"));
  EXPECT_TRUE(
      has(html, "0 of 2 verdicts are as in golden; <span class=\"alarm\">1 differ from it"));
  EXPECT_TRUE(has(html, "1 could not be compared"));
  EXPECT_FALSE(has(html, ">as in golden<"));
}

TEST(HtmlReport, AnUnknownWordIsShownWithoutAColourOfItsOwn) {
  ReportData data = make_data();
  data.verdicts[0].verdict = "A NEW WORD";
  EXPECT_TRUE(has(harness::html_report(data), "<span class=\"word\">A NEW WORD</span>"));
}

TEST(HtmlReport, EveryTextIsEscaped) {
  // A control character, one of C1, one that turns the direction of writing, and no UTF-8.
  const std::string bad = "<b>\"x\"&'y'\x01\u0085\u202e\xff";
  const std::string good = "&lt;b&gt;&quot;x&quot;&amp;&#39;y&#39;\uFFFD\uFFFD\uFFFD\uFFFD";
  ReportData data = make_data();
  data.title = bad;
  ReportVerdict& verdict = data.verdicts[0];
  for (std::string* text :
       {&verdict.id, &verdict.definition, &verdict.sentence, &verdict.verdict, &verdict.expected,
        &verdict.note, &verdict.parts[0].label, &verdict.parts[0].finding, &verdict.parts[0].effect,
        &verdict.parts[0].interval, &verdict.parts[0].controls, &verdict.regime, &verdict.scope}) {
    *text = bad;
  }
  verdict.agreement = Agreement::differs;
  data.figures[0].heading = data.figures[0].caption = data.figures[0].alt = bad;
  RunResult& result = data.results[0];
  result.arm = result.profile = result.weights_sha256 = bad;
  result.metrics[bad] = 1;
  result.environment = {bad, bad, bad, bad, bad, bad, 1};
  data.commands = {bad};
  const std::string html = harness::html_report(data);
  EXPECT_FALSE(has(html, "<b>"));
  for (const char* part : {"\x01", "\u0085", "\u202e", "\xff"}) EXPECT_FALSE(has(html, part));
  // Title twice; 13 of the verdict; 3 of the figure; arm, profile, CPU
  // and instruction set in the summary, arm, the
  // metric, the hash (and 12 letters of it); 6 of the environment; command.
  EXPECT_EQ(count(html, good), 2 + 13 + 3 + 2 + 2 + 1 + 1 + 1 + 6 + 1);
}

TEST(HtmlReport, PicturesShareNoIds) {
  const std::string html = harness::html_report(make_data());
  EXPECT_FALSE(has(html, "<?xml"));
  for (const char* part :
       {"<path id='f1-a'", "<path id='f2-a'", "xlink:href='#f1-a'",
        "<g id=\"f2-b\" fill=\"url(#f2-c)\">", "role=\"img\" aria-label=\"Three panels.\""}) {
    EXPECT_EQ(count(html, part), 1) << part;
  }
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
  EXPECT_TRUE(
      has(html, "2 runs: 2 seeds of the arms layernorm (profile paper). Made on some cpu (avx2)."));
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
  EXPECT_FALSE(has(harness::html_report(data), "<h3>associative_recall"));
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
  for (const char* part :
       {"<p>associative_recall: 1 run: 1 seed of the arms layernorm (profile paper).",
        "<p>ag_news: 1 run: 1 seed of the arms sphere (profile quick).",
        "<p>ag_news: 1 run: 1 seed of the arms sphere (profile subset).",
        "<h3>associative_recall, profile paper</h3>", "<h3>ag_news, profile quick</h3>",
        "<h3>ag_news, profile subset</h3>"}) {
    EXPECT_EQ(count(html, part), 1) << part;
  }
  EXPECT_EQ(count(html, "layer3.<wbr>published.<wbr>effective_<wbr>rank"), 2);
  EXPECT_EQ(count(html, "<td class=\"number\">61.50</td>"), 2);
  EXPECT_FALSE(has(html, "decay_<wbr>exponent"));
}

TEST(HtmlReport, SaysWhatAVerdictIsOf) {
  ReportData data = make_data();
  EXPECT_FALSE(has(harness::html_report(data), "<span class=\"regime\">"));
  data.verdicts[0].regime = "profile quick: AG News, 8 seeds";
  EXPECT_TRUE(has(harness::html_report(data),
                  "</q><span class=\"regime\">profile quick: AG News, 8 seeds</span></th>"));
  data.caveats = {"<li>of one study</li>\n", "<li>of <em>another</em></li>\n"};
  EXPECT_TRUE(has(harness::html_report(data),
                  "</li>\n<li>of one study</li>\n<li>of <em>another</em></li>\n</ul>"));
}

TEST(HtmlReport, IsAFunctionOfItsArgument) {
  EXPECT_EQ(harness::html_report(make_data()), harness::html_report(make_data()));
}

TEST(HtmlReport, ShowsTheCommands) {
  EXPECT_TRUE(has(harness::html_report(make_data()),
                  "<pre><code>libnorm run e1 &amp;&amp; libnorm report\n</code></pre>"));
}

}  // namespace
