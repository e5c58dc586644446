#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// A column that every table of runs has.
struct RunColumn {
  std::string_view name;
  /// Unit and meaning, for people.
  std::string_view meaning;
  std::string (*cell)(const RunResult&);
};

/// The columns, in the table's order.
std::span<const RunColumn> run_columns();

/// Results as CSV (RFC 4180, with line feeds): a heading, then a line for each run. The columns are
/// run_columns(), then every metric that any run has, in the byte order of their names.
/// A number reads back as the same double; NaN, Inf and -Inf are written so, which R and pandas
/// read. A metric that a run lacks is an empty cell. Text is shown as by printable(), so that no
/// cell spans lines. If it begins with = + - or @, it gets a ' in front, since a spreadsheet would
/// take it for a formula.
std::string to_csv(const std::vector<RunResult>& results);

}  // namespace harness
