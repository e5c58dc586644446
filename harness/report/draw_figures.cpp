#include "harness/report/draw_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <utility>

#include "harness/base/files.hpp"
#include "harness/charts/verdict_chart.hpp"
#include "harness/report/chart_script.hpp"
#include "harness/report/gnuplot.hpp"
#include "harness/studies/study.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

/// Results of one study, one task and one profile.
struct Group {
  std::string task, profile;
  std::vector<RunResult> results;
  bool is_evidence = false;
  /// For a task that stands in for another.
  std::string stand_in;
};

/// Groups the results; those that claims are judged from come first.
std::vector<Group> group_results(const std::vector<RunResult>& results, const Study& study) {
  std::map<std::pair<std::string, std::string>, std::vector<RunResult>> apart;
  for (const RunResult& result : results) {
    if (&study_of(result) == &study) apart[{result.task, result.profile}].push_back(result);
  }
  std::vector<Group> groups;
  for (auto& [key, of_key] : apart) {
    const std::string stand_in(study.find_task(key.first)->stand_in);
    const bool is_evidence = key.second == study.claim_profile() && stand_in.empty();
    groups.push_back({key.first, key.second, std::move(of_key), is_evidence, stand_in});
  }
  std::ranges::stable_sort(groups, std::greater<>{}, &Group::is_evidence);
  return groups;
}

/// A protocol of an experiment's figure, and the arms it draws.
struct FigureProtocol {
  std::string name, description;
  std::vector<std::string> arms;
  bool has_own_arms = false;
};

std::vector<FigureProtocol> figure_protocols(const Study& study, const Experiment& e) {
  const auto describe = [&](const std::string& name) {
    return std::string(
        find_named(study.protocols(), &Protocol::name, name, "protocol").description);
  };
  std::vector<FigureProtocol> list;
  for (const std::string& name : e.protocols) list.push_back({name, describe(name), e.arms, false});
  for (const auto& [name, arms] : e.trainings) {
    // The arms that replace the figure's own: `none_masked` for `none`.
    FigureProtocol own{name, describe(name), {}, true};
    const std::string ending = "_" + name;
    for (const std::string& arm : arms) {
      const bool shown = std::ranges::any_of(
          e.arms, [&](const std::string& of_figure) { return arm == of_figure + ending; });
      if (shown) own.arms.push_back(arm);
    }
    list.push_back(std::move(own));
  }
  return list;
}

std::string joined(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ", "));
}

bool has_results_of(const Group& group, const std::vector<std::string>& arms) {
  return std::ranges::any_of(group.results, [&](const RunResult& result) {
    return std::ranges::find(arms, result.arm) != arms.end();
  });
}

/// A text as a sentence of its own.
std::string sentence(std::string text) {
  if (text.empty()) return text;
  text[0] = char(std::toupper(static_cast<unsigned char>(text[0])));
  return text + ". ";
}

/// The figures of one experiment under one protocol, from one group of results.
void draw(const Study& study, const Experiment& e, const FigureProtocol& protocol,
          const Group& group, const std::filesystem::path& directory, DrawnFor drawn_for,
          std::vector<DrawnFigure>& figures) {
  const FigureSpec spec{e.figure, std::string(e.id), protocol.arms, protocol.name};
  std::string heading = fmt::format("Figure {}, {} protocol", e.figure, protocol.name);
  if (!group.is_evidence) heading += fmt::format(", profile {}", group.profile);
  if (!group.stand_in.empty()) heading += fmt::format(" ({})", group.stand_in);
  bool is_headline = group.is_evidence && protocol.name == e.protocols.front();
  for (Figure& figure : study.figures(group.results, spec)) {
    std::vector<std::string> notes = figure.chart.notes;
    if (drawn_for != DrawnFor::folder && group.stand_in.empty()) figure.chart.notes.clear();
    figures.push_back(
        {.experiment = std::string(e.id),
         .heading = heading + (figure.aspect.empty() ? "" : ", " + figure.aspect),
         .caption = fmt::format("{}{}: {}; {}. Lines are medians over seeds, bands their range.",
                                sentence(group.stand_in), e.description, figure.caption,
                                protocol.description),
         .alt = figure.alt,
         .notes = std::move(notes),
         .files = draw_chart(figure.chart, directory, drawn_for),
         .is_headline = std::exchange(is_headline, false)});
  }
}

void check(const DrawRequest& request) {
  if (request.experiment != "all") find_experiment(request.experiment);
  if (request.protocol == "all") return;
  std::vector<std::string> known;
  for (const Study* study : studies()) {
    for (const Experiment& e : study->experiments()) {
      if (request.experiment != "all" && request.experiment != e.id) continue;
      for (const FigureProtocol& protocol : figure_protocols(*study, e)) {
        if (protocol.name == request.protocol) return;
        if (std::ranges::find(known, protocol.name) == known.end()) known.push_back(protocol.name);
      }
    }
  }
  throw ValueError(fmt::format("figures: no figure of {} under this protocol ({}); use one of {}",
                               request.experiment, request.protocol, joined(known)));
}

std::vector<std::filesystem::path> draw_paper_chart(const Chart& chart,
                                                    const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& [width, ending] : {std::pair{PaperWidth::one_column, "-one_column"},
                                      std::pair{PaperWidth::two_columns, "-two_columns"}}) {
    Chart named = chart;
    named.name += ending;
    files.push_back(
        run_gnuplot(named.name, paper_script(named, width), {"pdf"}, KeepScript::no, directory)
            .front());
  }
  return files;
}

}  // namespace

std::vector<std::filesystem::path> draw_chart(const Chart& chart,
                                              const std::filesystem::path& directory,
                                              DrawnFor drawn_for) {
  if (drawn_for == DrawnFor::paper) return draw_paper_chart(chart, directory);
  std::vector<std::filesystem::path> files =
      run_gnuplot(chart.name, chart_script(chart), {"svg", "png"}, KeepScript::yes, directory);
  if (drawn_for == DrawnFor::folder) return files;
  files.push_back(run_gnuplot(chart.name, paper_script(chart, PaperWidth::two_columns), {"pdf"},
                              KeepScript::no, directory)
                      .front());
  files.push_back(directory / (chart.name + ".csv"));
  write_atomically(files.back(), chart_csv(chart));
  return files;
}

std::vector<std::filesystem::path> draw_verdicts(const std::vector<Verdict>& verdicts,
                                                 const std::filesystem::path& directory) {
  std::vector<Chart> charts = definition_charts(verdicts);
  Chart steps = steps_chart(verdicts);
  if (!steps.panels.empty()) charts.insert(charts.begin(), std::move(steps));
  std::vector<std::filesystem::path> all;
  for (const Chart& chart : charts) {
    for (auto& path : draw_chart(chart, directory)) all.push_back(std::move(path));
  }
  return all;
}

Drawing draw_figures(const std::vector<RunResult>& results, const DrawRequest& request,
                     const std::filesystem::path& directory) {
  check(request);
  Drawing drawing;
  for (const Study* study : studies()) {
    const std::vector<Group> groups = group_results(results, *study);
    for (const Experiment& e : study->experiments()) {
      if (request.experiment != "all" && request.experiment != e.id) continue;
      if (groups.empty()) {
        drawing.missing.push_back(
            fmt::format("{}: no results, so no Figure {}; `norm-harness run {}` makes them", e.id,
                        e.figure, e.id));
        continue;
      }
      for (std::size_t g = 0; g < groups.size(); ++g) {
        if (request.drawn_for == DrawnFor::paper && !groups[g].stand_in.empty()) continue;
        const std::filesystem::path folder =
            g == 0 ? directory : directory / (groups[g].task + "-" + groups[g].profile);
        for (FigureProtocol& protocol : figure_protocols(*study, e)) {
          if (request.protocol != "all" && request.protocol != protocol.name) continue;
          const bool asked_for = request.protocol == protocol.name || !protocol.has_own_arms;
          // With other arms, the figure would not show what its protocol says.
          const bool there = request.arms.empty() && has_results_of(groups[g], protocol.arms);
          if (!asked_for && !there) continue;
          if (!request.arms.empty()) protocol.arms = request.arms;
          draw(*study, e, protocol, groups[g], folder, request.drawn_for, drawing.figures);
        }
      }
    }
  }
  if (drawing.figures.empty()) {
    throw DataError(fmt::format("figures: nothing to draw ({})", fmt::join(drawing.missing, "; ")));
  }
  return drawing;
}

std::map<std::string, std::string> draw_golden_figures(const std::vector<RunResult>& results) {
  std::map<std::string, std::string> files;
  for (const Study* study : studies()) {
    const std::vector<Group> groups = group_results(results, *study);
    if (groups.empty() || !groups[0].is_evidence) continue;
    for (const GoldenFigure& wanted : study->golden_figures()) {
      const Experiment& e = *find_experiment(wanted.experiment).experiment;
      const bool has_all = std::ranges::all_of(
          e.arms, [&](const std::string& arm) { return has_results_of(groups[0], {arm}); });
      if (!has_all) continue;
      const TemporaryFolder folder;
      const DrawRequest request{std::string(e.id), std::string(wanted.protocol)};
      for (const DrawnFigure& figure :
           draw_figures(groups[0].results, request, folder.path()).figures) {
        for (const auto& path : figure.files) {
          if (path.extension() != ".png") files[path.filename().string()] = read_file(path);
        }
      }
    }
  }
  return files;
}

}  // namespace harness
