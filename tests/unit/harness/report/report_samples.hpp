#pragma once

#include <string>

#include "harness/report/html_report.hpp"

/// What the tests of the page and of the paper's files share.
namespace harness {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++times;
  }
  return times;
}

inline Comparison make_comparison(double effect, double low, double high) {
  Comparison comparison;
  comparison.effect = effect;
  comparison.interval = {low, high};
  return comparison;
}

inline PartResult make_part(const std::string& label, Finding finding, double effect) {
  PartResult part;
  part.label = label;
  part.unit = "decades";
  part.margin = 0.301;
  part.why = "a factor of two";
  part.finding = finding;
  part.reading.whole = make_comparison(effect, effect - 0.1, effect + 0.1);
  return part;
}

/// A claim that fails as published, holds in another definition, and is left open by a control.
inline ReportClaim make_claim() {
  ReportClaim claim;
  claim.claim.id = "e1.flatness";
  claim.claim.source = "the paper, Figure 1";
  claim.claim.task = "associative_recall";
  claim.claim.parts = {{harness::Relation::larger, {{"none"}}, {{"layernorm"}}}};
  claim.claim.controls = {{"none", "none_matched", "it learns faster"}};
  Verdict published;
  published.id = "e1.flatness";
  published.experiment = "e1";
  published.definition = "published";
  published.published = true;
  published.sentence = "layernorm ends in a flat minimum";
  published.metric = "log10 slice_range.published_e1";
  published.source = "the notebook";
  published.regime = "profile paper: associative_recall, 4000 steps, 10 seeds";
  published.seeds = {0, 1, 2};
  published.outcome = Outcome::fragile;
  published.as_defined = Outcome::contradicted;
  published.scope = "fails in 1 of 2 definitions, holds in 1";
  published.parts = {make_part("none - layernorm", Finding::opposite, -1.59)};
  published.parts[0].controls = {
      {"none_matched for none", {make_comparison(-0.3, -0.5, -0.1), {}}, Effect::open}};
  Verdict other = published;
  other.definition = "per_loss";
  other.published = false;
  other.axis = "unit of loss";
  other.outcome = other.as_defined = Outcome::supported;
  other.parts = {make_part("none - layernorm", Finding::holds, 0.656)};
  claim.definitions = {{published, published, {}}, {other, other, {}}};
  return claim;
}

inline ReportData make_data() {
  RunResult result;
  result.profile = "paper";
  result.arm = "layernorm";
  result.seed = 3;
  result.steps = 4000;
  result.final_loss = 6.85e-3;
  result.metrics["effective_rank"] = 115.234;
  result.weights_sha256 = "0123456789abcdef0123456789abcdef";
  result.environment = {"1.0", "n1", "gcc 12", "-O2", "some cpu", "avx2", 2};
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<svg width=\"1\" height=\"1\"><path id='a' d='M0.123,0'/>"
      "<g fill=\"none\">\n</g><g id=\"b\" fill=\"url(#c)\"><use xlink:href='#a'/></g></svg>\n";
  ReportData data;
  data.title = "libnorm <report>";
  data.claims = {make_claim()};
  data.figures = {{"e1", "Figure 1, published", "A caption.", "Three panels.", svg},
                  {"e1", "Figure 2", "", "Same.", svg}};
  data.figures[0].is_headline = true;
  data.figures[0].files = {"r_files/figure1.svg", "r_files/figure1.csv"};
  data.figures[0].notes = {"A note."};
  data.results = {result};
  data.commands = {"libnorm run e1 && libnorm report"};
  return data;
}

}  // namespace harness
