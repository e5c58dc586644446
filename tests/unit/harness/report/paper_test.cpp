#include "harness/report/paper.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "harness/report/chart_script.hpp"
#include "tests/unit/harness/report/report_samples.hpp"

namespace harness {
namespace {

harness::Chart make_chart() {
  harness::Chart chart;
  chart.name = "figure1";
  chart.key = {{"layernorm", "#0072b2", "1"}, {"a \"b\"\n", "#d55e00", "2"}};
  harness::Panel panel;
  panel.title = "(a) Loss";
  panel.x_label = "step";
  panel.y_label = "loss (nats, log)";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  panel.curves = {{{{0, 2, 1, 3}, {1, nan, nan, nan}}}, {{{1, 0.5, 0.25, 0.75}}}};
  chart.panels = {panel, panel};
  return chart;
}

TEST(ChartCsv, HasEachPointThatIsDrawnAndNoTextThatBreaksALine) {
  harness::Chart chart = make_chart();
  chart.panels.resize(1);
  EXPECT_EQ(harness::chart_csv(chart),
            "panel,x_label,y_label,curve,x,median,smallest,largest\n"
            "\"(a) Loss\",\"step\",\"loss (nats, log)\",\"layernorm\",0,2,1,3\n"
            "\"(a) Loss\",\"step\",\"loss (nats, log)\",\"a \"\"b\"\"\uFFFD\",1,0.5,0.25,0.75\n");
}

TEST(PaperScript, DrawsOnePdfAsWideAsItsColumns) {
  const std::string wide = harness::paper_script(make_chart(), harness::PaperWidth::two_columns);
  EXPECT_EQ(count(wide, "set terminal pdfcairo size 7in,"), 1);
  EXPECT_EQ(count(wide, "set output 'figure1.pdf'"), 1);
  EXPECT_EQ(count(wide, "set lmargin at screen"), 3);  // two panels and the key
  EXPECT_FALSE(has(wide, "svg"));
  const std::string narrow = harness::paper_script(make_chart(), harness::PaperWidth::one_column);
  EXPECT_EQ(count(narrow, "set terminal pdfcairo size 3.5in,"), 1);
  // Panels stand below each other, each with margins of its own.
  EXPECT_EQ(count(wide, "; set tmargin at screen"), 2);
  EXPECT_EQ(count(narrow, "; set tmargin at screen"), 4);
}

TEST(Paper, TextsAreNoCommandsOfLatex) {
  EXPECT_EQ(harness::latex("50% of a_b & \\input{x} $^~#\"<>|"),
            "50\\% of a\\_b \\& \\textbackslash{}input\\{x\\} "
            "\\$\\textasciicircum{}\\textasciitilde{}\\#''\\textless{}\\textgreater{}\\textbar{}");
  EXPECT_EQ(harness::latex("caf\u00e9\n"), "caf??");
}

TEST(Paper, TheTableHasALineForEachClaim) {
  ReportData data = make_data();
  data.claims.push_back(data.claims[0]);
  data.claims[1].definitions[0].verdict.parts.clear();
  const std::string table = harness::latex_table(data.claims);
  EXPECT_TRUE(has(table,
                  "e1.flatness: layernorm ends in a flat minimum & FRAGILE & none - layernorm: "
                  "$-1.59$ $[-1.69, -1.49]$ decades & fails 1, holds 1 \\\\\n"));
  EXPECT_TRUE(has(table, "& FRAGILE & -- & fails 1, holds 1"));
}

TEST(Paper, TheDocumentHasEachFigureInBothWidths) {
  const std::string document = harness::latex_document(
      "A & B", {{.experiment = "e1",
                 .heading = "Figure 1",
                 .caption = "100%",
                 .alt = "",
                 .notes = {},
                 .files = {"p/figure1-one_column.pdf", "p/figure1-two_columns.pdf"}}});
  for (const char* part :
       {"\\title{A \\& B}",
        "\\begin{figure}\n\\centering\n\\includegraphics[width=\\columnwidth]{figure1-one_column}",
        "\\begin{figure*}\n\\centering\n\\includegraphics[width=\\textwidth]{figure1-two_"
        "columns}"}) {
    EXPECT_EQ(count(document, part), 1) << part;
  }
  EXPECT_EQ(count(document, "\\caption{Figure 1. 100\\%}"), 2);
}

}  // namespace
}  // namespace harness
