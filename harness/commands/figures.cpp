#include <fmt/format.h>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/report/draw_figures.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {

namespace po = boost::program_options;

Exit figures_command(const std::vector<std::string>& words) {
  const std::string more =
      by_study([](const Study& study) { return std::string(study.texts().figures); });
  const std::string protocols =
      by_study([](const Study& study) { return names_of(study.protocols()); });
  Arguments arguments(
      "figures [" + experiment_choice() + "] [options]",
      "Draws the paper's figures from stored results, each as SVG, PNG and the gnuplot script\n"
      "with its data, and the verdicts at points of training and under each definition" +
          (more.empty() ? "" : "; beside them, for " + more) +
          ". Nothing is trained.\n"
          "An experiment that has no results is an error if it is named; of `all`, it is named "
          "and\n"
          "left out. Rows of a study that are of several profiles or of a generated corpus are "
          "drawn\n"
          "apart, those that no claim is judged from in a folder TASK-PROFILE within the output.");
  arguments.positional("experiment");
  add_result_options(arguments);
  arguments.options()("experiment", po::value<std::string>()->default_value("all"),
                      experiment_words().c_str())(
      "protocol", po::value<std::string>()->default_value("all"),
      (protocols + "; or all: a protocol with runs of its own is then drawn only if they exist")
          .c_str())("arms", po::value<std::string>(), "these arms instead of the figure's, as a,b")(
      "output", po::value<std::string>()->default_value("out/figures"), "folder to draw in");
  if (!arguments.parse(words)) return Exit::ok;
  DrawRequest request{arguments.text("experiment"), arguments.text("protocol")};
  if (arguments.has("arms")) request.arms = split_list(arguments.text("arms"), "arms");
  const auto results = read_results(arguments);
  const Drawing drawing = draw_figures(results, request, arguments.text("output"));
  for (const DrawnFigure& figure : drawing.figures) {
    for (const auto& path : figure.files) {
      print_out("{}\n", libnorm::printable(path.string()));
    }
  }
  if (request.experiment == "all" && request.protocol == "all" && request.arms.empty()) {
    for (const auto& path : draw_verdicts(judge_claims(results), arguments.text("output"))) {
      print_out("{}\n", libnorm::printable(path.string()));
    }
  }
  for (const std::string& line : drawing.missing) complain("figures: {}", line);
  return Exit::ok;
}

}  // namespace harness
