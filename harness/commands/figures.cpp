#include "harness/figures.hpp"

#include <fmt/format.h>

#include "harness/commands/command.hpp"
#include "harness/experiments/recall.hpp"

namespace harness {

namespace po = boost::program_options;

Exit figures_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "figures [e1|e2|e3|all] [options]",
      "Draws the paper's figures from stored rows, each as SVG, PNG and the gnuplot "
      "script\nwith its data. Nothing is trained.");
  arguments.positional("experiment");
  add_row_options(arguments);
  arguments.options()("experiment", po::value<std::string>()->default_value("all"),
                      "e1, e2, e3, or all")("protocol",
                                            po::value<std::string>()->default_value("all"),
                                            "published, accumulated, filter_normalized, or all")(
      "arms", po::value<std::string>(), "these arms instead of the figure's, as a,b")(
      "output", po::value<std::string>()->default_value("out/figures"), "folder to draw in");
  if (!arguments.parse(words)) return Exit::ok;
  const std::string& wanted = arguments.text("experiment");
  const std::string& protocol = arguments.text("protocol");
  if (wanted != "all") find_recall_experiment(wanted);
  if (protocol != "all") find_protocol(protocol);
  const auto rows = read_rows(arguments);
  for (const RecallExperiment& e : recall_experiments()) {
    if (wanted != "all" && wanted != e.id) continue;
    for (const std::string& p : e.protocols) {
      if (protocol != "all" && protocol != p) continue;
      const FigureSpec spec{
          e.figure, std::string(e.id),
          arguments.has("arms") ? split_list(arguments.text("arms"), "arms") : e.arms, p};
      for (const auto& path : draw_figure(rows, spec, arguments.text("output"))) {
        fmt::print("{}\n", path.string());
      }
    }
  }
  return Exit::ok;
}

}  // namespace harness
