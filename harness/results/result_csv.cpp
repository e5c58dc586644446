#include "harness/results/result_csv.hpp"

#include <cmath>
#include <set>

#include "harness/results/spec.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

std::string number_cell(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Inf" : "-Inf";
  return format_number(value);
}

std::string text_cell(std::string_view text) {
  std::string cell = libnorm::printable(text);
  if (!cell.empty() && std::string_view("=+-@").find(cell.front()) != std::string_view::npos) {
    cell.insert(0, 1, '\'');
  }
  if (cell.find_first_of("\",") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace

std::span<const RunColumn> run_columns() {
  using Result = const RunResult&;
  static constexpr RunColumn kColumns[] = {
      {"task", "what was learned", [](Result r) { return text_cell(r.task); }},
      {"profile", "the scale of the run, or custom", [](Result r) { return text_cell(r.profile); }},
      {"arm", "the model, as --arms names it", [](Result r) { return text_cell(r.arm); }},
      {"seed", "of all random numbers, 0 .. 2^64 - 1",
       [](Result r) { return std::to_string(r.seed); }},
      {"steps", "training steps done", [](Result r) { return std::to_string(r.steps); }},
      {"diverged_at", "step of the first loss that is not finite; -1: none",
       [](Result r) { return std::to_string(r.diverged_at); }},
      {"final_loss", "nats; mean of the last min(100, steps) training losses",
       [](Result r) { return number_cell(r.final_loss); }},
      {"seconds", "s of wall time that training and measuring took",
       [](Result r) { return number_cell(r.seconds); }},
      {"device", "cpu, or the GPU's name",
       [](Result r) { return text_cell(r.environment.device); }},
      {"threads", "of the processor that took part",
       [](Result r) { return std::to_string(r.environment.threads); }},
      {"data", "the data set, empty for generated tasks",
       [](Result r) { return text_cell(r.data); }},
      {"spec_sha256", "of all that decides the run's bits",
       [](Result r) { return text_cell(r.spec_sha256); }},
      {"weights_sha256", "of the trained weights",
       [](Result r) { return text_cell(r.weights_sha256); }},
      {"losses_sha256", "of the losses of all steps",
       [](Result r) { return text_cell(r.losses_sha256); }},
  };
  return kColumns;
}

std::string to_csv(const std::vector<RunResult>& results) {
  std::set<std::string> metrics;
  for (const RunResult& result : results) {
    for (const auto& metric : result.metrics) metrics.insert(metric.first);
  }
  std::string table;
  const auto end_line = [&] { table.back() = '\n'; };
  for (const RunColumn& column : run_columns()) table += text_cell(column.name) + ',';
  for (const std::string& name : metrics) table += text_cell(name) + ',';
  end_line();
  for (const RunResult& result : results) {
    for (const RunColumn& column : run_columns()) table += column.cell(result) + ',';
    for (const std::string& name : metrics) {
      const auto metric = result.metrics.find(name);
      table += (metric == result.metrics.end() ? "" : number_cell(metric->second)) + ',';
    }
    end_line();
  }
  return table;
}

}  // namespace harness
