#include "harness/report/html_report.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/report/comparison_page.hpp"
#include "harness/report/draw_figures.hpp"
#include "harness/report/paper.hpp"
#include "harness/results/compare.hpp"
#include "harness/results/golden.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// The claims of all studies with their verdicts, in the order of the verdicts.
std::vector<ReportClaim> report_claims(std::vector<CheckedVerdict> verdicts) {
  std::vector<Claim> known;
  for (const Study* study : studies()) {
    for (Claim& claim : study->claims()) known.push_back(std::move(claim));
  }
  std::vector<ReportClaim> claims;
  for (CheckedVerdict& checked : verdicts) {
    if (claims.empty() || claims.back().claim.id != checked.verdict.id) {
      claims.push_back({*std::ranges::find(known, checked.verdict.id, &Claim::id), {}});
    }
    claims.back().definitions.push_back(std::move(checked));
  }
  return claims;
}

/// How results made here differ from golden's of the same run; golden's own never do.
std::vector<std::string> other_bits(const std::vector<RunResult>& results, const Golden& golden) {
  std::vector<std::string> sentences;
  for (const RunResult& result : results) {
    const RunResult* expected = golden.find(result);
    if (expected == nullptr) continue;
    for (const Difference& difference : compare(result, *expected)) {
      if (difference.cause == Cause::kOtherMeasures) continue;
      sentences.push_back(difference.message);
      break;
    }
  }
  return sentences;
}

/// Draws the figures into the folder. Links to them are relative to the page's folder, `base`.
std::vector<ReportFigure> report_figures(const std::vector<RunResult>& results,
                                         const std::filesystem::path& folder,
                                         const std::filesystem::path& base,
                                         DrawRequest request = {}) {
  std::vector<ReportFigure> figures;
  request.drawn_for = DrawnFor::page;
  for (DrawnFigure& drawn : draw_figures(results, request, folder).figures) {
    ReportFigure figure{std::move(drawn.experiment), std::move(drawn.heading),
                        std::move(drawn.caption),    std::move(drawn.alt),
                        read_file(drawn.files[0]),   std::move(drawn.notes)};
    figure.is_headline = drawn.is_headline;
    for (const std::filesystem::path& file : drawn.files) {
      if (!base.empty()) figure.files.push_back(file.lexically_relative(base).generic_string());
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

/// Writes what a paper takes: figures, table, and a document that shows how to use them.
Exit write_paper(const ReportData& data, const std::filesystem::path& directory) {
  const auto figures =
      draw_figures(data.results, {.drawn_for = DrawnFor::paper}, directory).figures;
  write_atomically(directory / "verdicts.tex", latex_table(data.claims));
  write_atomically(directory / "example.tex", latex_document(data.title, figures));
  print_out("{}\n", libnorm::printable((directory / "example.tex").string()));
  return Exit::ok;
}

/// Results of a folder, which is a store, or a golden one.
std::vector<RunResult> results_in(const Arguments& arguments, const std::filesystem::path& folder) {
  std::vector<RunResult> all = is_there(folder / "manifest.json")
                                   ? load_golden(folder).results
                                   : Store(folder, Access::reading).results();
  return judged_results(arguments, {std::move(all)});
}

/// Draws each experiment's figures under its first protocol, as far as the study has its runs.
void draw(ComparedStudy& study) {
  for (const Study* of : studies()) {
    for (const Experiment& e : of->experiments()) {
      const TemporaryFolder folder;
      DrawRequest request;
      request.experiment = e.id;
      request.protocol = e.protocols.front();
      try {
        for (auto& figure : report_figures(study.results, folder.path(), "", request)) {
          study.figures.push_back(std::move(figure));
        }
      } catch (const libnorm::DataError& error) {
        study.not_drawn.push_back(fmt::format("{}: {}", e.id, error.what()));
      }
    }
  }
}

/// Writes the page of two studies.
Exit write_comparison(const Arguments& arguments) {
  const auto& folders = arguments.get<std::vector<std::string>>("compare");
  if (folders.size() != 2) {
    throw UsageError(fmt::format("--compare: {} folder{} given; need two stores", folders.size(),
                                 folders.size() == 1 ? "" : "s"));
  }
  const std::filesystem::path output = arguments.text("output");
  std::vector<ComparedStudy> compared;
  for (const std::string& folder : folders) {
    ComparedStudy& study = compared.emplace_back();
    study.name = folder;
    study.results = results_in(arguments, folder);
    if (study.results.empty()) {
      throw libnorm::DataError(fmt::format(
          "report: no result to judge in {}; need runs of the profile that is judged", folder));
    }
    std::vector<CheckedVerdict> verdicts;
    for (Verdict& verdict : judge_claims(study.results))
      verdicts.push_back({std::move(verdict), {}, {}});
    study.claims = report_claims(std::move(verdicts));
    draw(study);
  }
  write_atomically(output, comparison_page(compared[0], compared[1]));
  if (!is_written_through(output)) print_out("{}\n", libnorm::printable(output.string()));
  return Exit::ok;
}

/// `report_files` beside `report.html`.
std::filesystem::path files_folder(const std::filesystem::path& page) {
  std::filesystem::path folder = page;
  return folder.replace_filename(page.stem().string() + "_files");
}

}  // namespace

Exit report_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "report [options]",
      "Writes one HTML page: what came out and where it does not hold, each claim's evidence,\n"
      "the figures, and every number behind a verdict. Nothing is trained.");
  add_result_options(arguments);
  arguments.options()("output", po::value<std::string>()->default_value("out/report.html"),
                      "the page, which is whole by itself; if it is a file, its figures lie beside "
                      "it as SVG, PNG, PDF and CSV, in `report_files` for `report.html`");
  arguments.options()("paper", po::value<std::string>(),
                      "write no page, but what a paper takes into this folder: figures as PDF for "
                      "one column and for two, the verdicts as a LaTeX table, and a document with "
                      "them");
  arguments.options()("compare", po::value<std::vector<std::string>>()->multitoken(),
                      "A B: write a page that shows the studies of two stores (or golden folders) "
                      "beside each other: verdicts, effects, figures, and which runs differ");
  if (!arguments.parse(words)) return Exit::ok;
  if (arguments.has("paper") && arguments.given("output")) {
    throw UsageError("report: --output is of the page, and --paper writes none; use one of them");
  }
  if (arguments.has("compare")) {
    for (const char* other : {"paper", "store", "golden", "results"}) {
      if (!arguments.given(other)) continue;
      throw UsageError(fmt::format(
          "report: --compare names both studies itself; --{} cannot be combined with it", other));
    }
    return write_comparison(arguments);
  }
  Golden golden;
  ReportData data;
  data.results = read_results(arguments, &golden, &data.made_here);
  const std::filesystem::path output = arguments.text("output");
  data.title = "Stabilizer and expressive engine: experiments " + experiment_ids();
  data.claims = report_claims(check_verdicts(data.results, golden));
  data.other_bits = other_bits(data.results, golden);
  if (arguments.has("paper")) return write_paper(data, arguments.text("paper"));
  // A pipe or a terminal has no folder beside it.
  const bool is_stream = is_written_through(output);
  const TemporaryFolder temporary;
  const std::filesystem::path page = std::filesystem::absolute(output);
  data.figures = is_stream ? report_figures(data.results, temporary.path(), "")
                           : report_figures(data.results, files_folder(page), page.parent_path());
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
