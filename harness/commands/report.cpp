#include "harness/report/html_report.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/charts/verdict_chart.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/report/draw_figures.hpp"
#include "harness/results/golden.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// The standardized effect, the difference these seeds could have found, and what controls did.
std::string notes_text(const PartResult& part) {
  std::string text;
  const Comparison& numbers = part.reading.whole;
  if (numbers.standardized) {
    text = "standardized effect " + four_digits(*numbers.standardized);
  }
  if (numbers.detectable) {
    text +=
        (text.empty() ? "" : "; ") + std::string("detectable ") + four_digits(*numbers.detectable);
  }
  for (const ControlResult& control : part.controls) {
    text += fmt::format("{}with {}: {}, {}", text.empty() ? "" : "; ", control.name,
                        four_digits(control.reading.whole.effect), word(control.effect));
  }
  return text;
}

ReportPart report_part(const PartResult& part) {
  ReportPart out;
  const Comparison& numbers = part.reading.whole;
  out.label = part.label;
  out.finding = word(part.finding);
  out.effect = four_digits(numbers.effect) + " " + part.unit;
  if (numbers.interval) {
    out.interval = fmt::format("[{}, {}]", four_digits(numbers.interval->low),
                               four_digits(numbers.interval->high));
  }
  out.p_holm = part.p_holm;
  out.superiority = numbers.superiority.probability;
  out.controls = notes_text(part);
  return out;
}

ReportVerdict report_verdict(const CheckedVerdict& checked) {
  const Verdict& v = checked.verdict;
  ReportVerdict out;
  out.id = v.id;
  out.definition = v.definition + ": " + v.metric;
  out.sentence = v.sentence;
  out.verdict = word(v.outcome);
  out.scope = v.scope;
  if (checked.expected) {
    out.expected = word(checked.expected->outcome);
    out.agreement = checked.differences.empty() ? Agreement::matches : Agreement::differs;
  }
  out.seeds = int(v.seeds.size());
  out.regime = v.regime;
  for (const std::string& note : v.notes) out.note += (out.note.empty() ? "" : "; ") + note;
  for (const PartResult& part : v.parts) out.parts.push_back(report_part(part));
  return out;
}

std::vector<ReportFigure> report_figures(const std::vector<RunResult>& results,
                                         const std::vector<Verdict>& verdicts,
                                         const std::filesystem::path& directory) {
  std::vector<ReportFigure> figures;
  for (const DrawnFigure& drawn : draw_figures(results, {}, directory).figures) {
    figures.push_back({drawn.heading, drawn.caption, drawn.alt, read_file(drawn.files.front())});
  }
  const Chart steps = steps_chart(verdicts);
  if (!steps.panels.empty()) {
    figures.push_back({"Verdicts at points of training", "",
                       "Effects against the step of training.",
                       read_file(draw_chart(steps, directory).front())});
  }
  return figures;
}

}  // namespace

Exit report_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "report [options]",
      "Writes one HTML page: verdicts beside golden's, the figures, the environment,\n"
      "and every number behind a verdict. Nothing is trained.");
  add_result_options(arguments);
  arguments.options()("output", po::value<std::string>()->default_value("out/report.html"),
                      "the page; its figures are drawn into `figures` beside it, if it is a file");
  if (!arguments.parse(words)) return Exit::ok;
  Golden golden;
  const auto results = read_results(arguments, &golden);
  const std::filesystem::path output = arguments.text("output");
  ReportData data;
  data.title = "Stabilizer and expressive engine: experiments " + experiment_ids();
  std::vector<Verdict> verdicts;
  for (const CheckedVerdict& checked : check_verdicts(results, golden)) {
    data.verdicts.push_back(report_verdict(checked));
    verdicts.push_back(checked.verdict);
  }
  // A pipe or a terminal has no folder for figures beside it.
  const bool is_stream = is_written_through(output);
  const TemporaryFolder temporary;
  data.figures = report_figures(results, verdicts,
                                is_stream ? temporary.path() : output.parent_path() / "figures");
  data.results = results;
  data.commands = {"scripts/reproduce"};
  for (const Study* study : studies()) {
    data.caveats.emplace_back(study->texts().caveats);
    data.commands.push_back(training_command(*study, study->claim_profile(), study->claim_seeds(),
                                             study->protocols().front().name));
  }
  data.commands.insert(data.commands.end(), {"norm-harness verify", "norm-harness report"});
  write_atomically(output, html_report(data));
  if (!is_stream) print_out("{}\n", libnorm::printable(output.string()));
  return Exit::ok;
}

}  // namespace harness
