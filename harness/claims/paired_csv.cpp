#include "harness/claims/paired_csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

constexpr std::size_t kMostSeeds = 20;  // the exact test looks at 2^n patterns

struct Row {
  std::size_t line = 0;
  std::vector<std::string> cells;
};

/// A table with what its messages need.
struct Table {
  std::string name;
  std::vector<Row> rows;  // the first is the heading

  [[noreturn]] void fail(std::size_t line, std::size_t column, const std::string& what) const {
    std::string place = fmt::format("line {}, column {}", line, column + 1);
    if (!rows.empty() && column < rows.front().cells.size()) {
      place += fmt::format(" ({})", libnorm::printable(rows.front().cells[column]));
    }
    throw libnorm::DataError(fmt::format("{}, {}: {}", libnorm::printable(name), place, what));
  }

  std::size_t column_of(const std::string& wanted, const std::string& why) const {
    const auto& heading = rows.front().cells;
    const auto found = std::ranges::find(heading, wanted);
    if (found != heading.end()) return std::size_t(found - heading.begin());
    fail(1, heading.size(), fmt::format("no column '{}', {}", libnorm::printable(wanted), why));
  }
};

/// Splits text into rows of cells; a line break inside quotes belongs to the cell.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text) { table_.name = name; }

  Table read() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    if (text_.starts_with("\xff\xfe") || text_.starts_with("\xfe\xff") ||
        text_.find('\0') != text_.npos) {
      table_.fail(1, 0, "no text in UTF-8 (UTF-16, or a binary file); need UTF-8");
    }
    while (at_ < text_.size()) read_row();
    if (table_.rows.empty()) table_.fail(1, 0, "no heading; need arm,seed,...");
    for (const Row& row : table_.rows) {
      const std::size_t need = table_.rows.front().cells.size();
      if (row.cells.size() == need) continue;
      table_.fail(row.line, row.cells.size(),
                  fmt::format("{} cells where the heading has {}", row.cells.size(), need));
    }
    return std::move(table_);
  }

 private:
  void read_row() {
    Row row{line_, {}};
    for (bool more = true; more;) {
      row.cells.push_back(cell(row));
      more = at_ < text_.size() && text_[at_] == ',';
      at_ += more;
    }
    // A line ends with \n, \r\n, or \r alone.
    const bool ends_with_return = at_ < text_.size() && text_[at_] == '\r';
    at_ += ends_with_return;
    if (at_ < text_.size() && text_[at_] == '\n') {
      ++at_;
    } else if (at_ < text_.size() && !ends_with_return) {
      table_.fail(line_, row.cells.size() - 1, "text after a closing quote; need a comma");
    }
    ++line_;
    const bool is_blank = row.cells.size() == 1 && row.cells[0].empty();
    if (!is_blank) table_.rows.push_back(std::move(row));
  }

  std::string cell(const Row& row) {
    if (at_ >= text_.size() || text_[at_] != '"') {
      const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      const std::string plain(text_.substr(at_, end - at_));
      at_ = end;
      return plain;
    }
    std::string quoted;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          return quoted;
        }
        ++at_;
      }
      line_ += text_[at_] == '\n';
      quoted += text_[at_];
    }
    table_.fail(row.line, row.cells.size(), "a quote that is not closed");
  }

  std::string_view text_;
  Table table_;
  std::size_t at_ = 0, line_ = 1;
};

/// The columns that the claims read, and a claim that does.
std::map<std::string, std::string> needed_columns(const std::vector<Claim>& claims) {
  std::map<std::string, std::string> needed;
  for (const Claim& claim : claims) {
    for (const Definition& definition : claim.definitions) {
      for (const Part& part : claim.parts) {
        for (const auto* side : {&part.a, &part.b}) {
          for (const Site& site : *side) {
            for (const std::string& column : definition.metric.names(site.layer)) {
              needed.emplace(column, claim.id);
            }
          }
        }
      }
    }
  }
  return needed;
}

template <class T>
T number_at(const Table& table, const Row& row, std::size_t column, const char* need) {
  const std::string& cell = row.cells[column];
  if (cell.empty()) table.fail(row.line, column, fmt::format("missing cell; need {}", need));
  T value{};
  const auto read = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  bool is_good = read.ec == std::errc{} && read.ptr == cell.data() + cell.size();
  if constexpr (std::is_floating_point_v<T>) is_good = is_good && std::isfinite(value);
  if (!is_good) {
    table.fail(
        row.line, column,
        fmt::format("not a number ({}); need {}", libnorm::printable(cell.substr(0, 40)), need));
  }
  return value;
}

/// Each arm needs the seeds of all others, once.
void check_pairs(const Table& table, std::size_t arm, std::size_t seed) {
  std::map<std::string, std::set<std::uint64_t>> seeds;
  std::set<std::uint64_t> all;
  const auto heading = table.rows.begin();
  for (auto row = heading + 1; row != table.rows.end(); ++row) {
    const auto number = number_at<std::uint64_t>(table, *row, seed, "a whole number");
    if (!seeds[row->cells[arm]].insert(number).second) {
      table.fail(row->line, seed,
                 fmt::format("seed {} of arm {} occurs twice; need each once", number,
                             libnorm::printable(row->cells[arm])));
    }
    all.insert(number);
    if (all.size() > kMostSeeds) {
      table.fail(row->line, seed,
                 fmt::format("more than {} seeds; the exact test needs at most that", kMostSeeds));
    }
  }
  for (auto row = heading + 1; row != table.rows.end(); ++row) {
    const auto number = number_at<std::uint64_t>(table, *row, seed, "a whole number");
    for (const auto& [other, own] : seeds) {
      if (own.count(number) > 0) continue;
      table.fail(row->line, seed,
                 fmt::format("seed {} of arm {} is not paired; need one of arm {}", number,
                             libnorm::printable(row->cells[arm]), libnorm::printable(other)));
    }
  }
}

}  // namespace

std::vector<RunResult> read_paired_csv(std::string_view text, const std::string& name,
                                       const std::vector<Claim>& claims) {
  const Table table = CsvReader(text, name).read();
  const std::size_t arm = table.column_of("arm", "the name of what is compared");
  const std::size_t seed = table.column_of("seed", "which pairs rows");
  std::map<std::string, std::size_t> columns;
  for (const auto& [column, claim] : needed_columns(claims)) {
    columns[column] =
        table.column_of(column, "which claim " + libnorm::printable(claim) + " is about");
  }
  std::vector<RunResult> results;
  for (auto row = table.rows.begin() + 1; row != table.rows.end(); ++row) {
    RunResult result;
    result.task = claims.empty() ? "" : claims.front().task;
    result.data = name;
    result.arm = row->cells[arm];
    if (result.arm.empty()) table.fail(row->line, arm, "missing cell; need an arm");
    result.seed = number_at<std::uint64_t>(table, *row, seed, "a whole number");
    for (const auto& [column, place] : columns) {
      const double value = number_at<double>(table, *row, place, "a finite number");
      result.metrics[column] = value;
      if (column == "final_loss") result.final_loss = value;
    }
    results.push_back(std::move(result));
  }
  check_pairs(table, arm, seed);
  return results;
}

}  // namespace harness
