#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {
namespace {

/// By task and profile.
using Groups = std::map<std::pair<std::string, std::string>, std::vector<const RunResult*>>;

Groups group(const std::vector<RunResult>& results) {
  Groups groups;
  for (const RunResult& result : results) groups[{result.task, result.profile}].push_back(&result);
  return groups;
}

std::string joined(const std::set<std::string>& names) {
  return escape(fmt::format("{}", fmt::join(names, ", ")));
}

bool is_shown(const RunResult& result, std::string_view metric) {
  // A layer's other metrics are in the figures and in the result.
  return !metric.starts_with("layer") || result.spectra.empty() ||
         metric.ends_with(".effective_rank");
}

std::string result_row(const RunResult& result, const std::set<std::string>& metrics) {
  std::string html = fmt::format("<tr><th scope=\"row\">{}</th>", escape(result.arm));
  html +=
      number_cell(fmt::format("{}", result.seed)) + number_cell(fmt::format("{}", result.steps));
  html +=
      number_cell(result.diverged_at < 0 ? four_digits(result.final_loss)
                                         : fmt::format("diverged at step {}", result.diverged_at));
  for (const std::string& name : metrics) {
    const auto metric = result.metrics.find(name);
    html += number_cell(metric == result.metrics.end() ? "" : four_digits(metric->second));
  }
  return html + fmt::format("<td><code title=\"{}\">{}</code></td></tr>\n",
                            escape(result.weights_sha256),
                            escape(result.weights_sha256.substr(0, 12)));
}

std::string results_table(const std::string& name, const std::vector<const RunResult*>& results) {
  std::set<std::string> metrics;
  for (const RunResult* result : results) {
    for (const auto& [metric, value] : result->metrics) {
      if (is_shown(*result, metric)) metrics.insert(metric);
    }
  }
  std::string inside =
      "<thead><tr><th scope=\"col\">Arm</th><th scope=\"col\" class=\"number\">Seed</th>"
      "<th scope=\"col\" class=\"number\">Steps</th><th scope=\"col\" class=\"number\">Final "
      "loss, nats</th>";
  for (const std::string& metric : metrics) {
    inside += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", breakable(metric));
  }
  inside += "<th scope=\"col\">Weights</th></tr></thead>\n<tbody>\n";
  for (const RunResult* result : results) inside += result_row(*result, metrics);
  return table("runs", "Results of " + name, inside + "</tbody>\n");
}

}  // namespace

std::string regime_section(const ReportData& data) {
  std::vector<std::pair<std::string, std::vector<std::string>>> regimes;
  for (const ReportClaim& claim : data.claims) {
    const Verdict& verdict = claim.verdict();
    if (verdict.regime.empty()) continue;
    if (regimes.empty() || regimes.back().first != verdict.regime) {
      regimes.push_back({verdict.regime, {}});
    }
    regimes.back().second.push_back(verdict.id);
  }
  std::string html =
      "<section id=\"regime\">\n<h2>Data and training</h2>\n<p>A verdict holds for the data and "
      "the "
      "length of training that it comes from, and says nothing beyond them.</p>\n<ul>\n";
  for (const auto& [regime, claims] : regimes) {
    html += fmt::format("<li><strong>{}:</strong> {}.</li>\n",
                        escape(fmt::format("{}", fmt::join(claims, ", "))), escape(regime));
  }
  html += "</ul>\n<ul>\n";
  for (const auto& [key, results] : group(data.results)) {
    std::set<std::string> arms, machines;
    std::set<std::uint64_t> seeds;
    for (const RunResult* result : results) {
      arms.insert(result->arm);
      const Environment& e = result->environment;
      machines.insert(e.device == "cpu" ? fmt::format("{} ({})", e.cpu, e.isa) : e.device);
      seeds.insert(result->seed);
    }
    html += fmt::format("<li>{}, profile {}: {}: {} of the arms {}. Made on {}.</li>\n",
                        escape(key.first), escape(key.second), counted(results.size(), "run"),
                        counted(seeds.size(), "seed"), joined(arms), joined(machines));
  }
  return html + "</ul>\n</section>\n";
}

std::string caveats_section(const std::vector<std::string>& caveats) {
  std::string html =
      "<section id=\"caveats\">\n<h2>What to keep in mind</h2>\n<ul>\n"
      "<li><strong>One seed in the paper.</strong> The published figures show one run of each arm, "
      "without error bars. Here every arm has as many runs as the tables below list.</li>\n";
  for (const std::string& of_study : caveats) html += of_study;
  return html + "</ul>\n</section>\n";
}

std::string results_section(const std::vector<RunResult>& results) {
  std::string html =
      "<section id=\"results\">\n<h2>Every result</h2>\n<p>Final loss: mean of the last 100 "
      "training "
      "losses (of all, if fewer). Weights: the first 12 digits of the SHA-256 of the final "
      "weights.</p>\n";
  for (const auto& [key, of_key] : group(results)) {
    const std::string name = fmt::format("{}, profile {}", escape(key.first), escape(key.second));
    html += fmt::format("<details>\n<summary>{}: {}</summary>\n{}</details>\n", name,
                        counted(of_key.size(), "result"), results_table(name, of_key));
  }
  return html + "</section>\n";
}

std::string environment_section(const std::vector<RunResult>& results) {
  // As text, so that equal ones are counted together.
  std::map<std::vector<std::string>, int> environments;
  for (const RunResult& result : results) {
    const Environment& e = result.environment;
    ++environments[{e.version, e.numerics, e.device, e.cpu, e.isa, std::to_string(e.threads),
                    e.compiler, e.flags}];
  }
  std::string inside = "<thead><tr><th scope=\"col\" class=\"number\">Runs</th>";
  for (const char* name :
       {"libnorm", "Numerics", "Device", "CPU", "Instructions", "Threads", "Compiler", "Flags"}) {
    inside += fmt::format("<th scope=\"col\">{}</th>", name);
  }
  inside += "</tr></thead>\n<tbody>\n";
  for (const auto& [fields, count] : environments) {
    inside += "<tr>" + number_cell(std::to_string(count));
    for (const std::string& field : fields) {
      inside +=
          fmt::format("<td{}>{}</td>", field.size() > 24 ? " class=\"long\"" : "", escape(field));
    }
    inside += "</tr>\n";
  }
  return "<section id=\"environment\">\n<h2>Where it was run</h2>\n" +
         table("environments",
               "The device, the thread count and the instruction set do not change a bit of the "
               "results.",
               inside + "</tbody>\n") +
         "</section>\n";
}

std::string commands_section(const std::vector<std::string>& commands) {
  std::string html =
      "<section id=\"again\">\n<h2>How to make it again</h2>\n<pre tabindex=\"0\"><code>";
  for (const std::string& command : commands) html += escape(command) + "\n";
  return html + "</code></pre>\n</section>\n";
}

}  // namespace harness
