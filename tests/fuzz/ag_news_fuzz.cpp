#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libnorm/data/ag_news.hpp"

namespace {

using Rows = std::vector<std::pair<std::int32_t, std::string>>;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "ag_news_fuzz: does not hold: %s\n", what);
  std::abort();
}

/// False if the content is refused; `rows` has those before the error then.
bool read(const std::string& content, Rows& rows) {
  std::istringstream input(content);
  try {
    const libnorm::Index count =
        libnorm::read_ag_news(input, "fuzz.csv", [&](std::int32_t label, std::string_view text) {
          rows.emplace_back(label, std::string(text));
        });
    require(count > 0 && count == libnorm::Index(rows.size()), "every row is counted");
    return true;
  } catch (const libnorm::DataError& error) {
    const std::string_view message(error.what());
    require(message.starts_with("ag_news: fuzz.csv") &&
                message.find("; need ") != std::string_view::npos,
            "an error names the file and what would be right");
    return false;
  }
}

/// As the published files are, the text in the place of the description.
std::string canonical(const Rows& rows) {
  std::string content;
  for (const auto& [label, text] : rows) {
    content += '"';
    content += char('1' + label);
    content += "\",\"\",\"";
    for (const char c : text) content.append(c == '"' ? 2 : 1, c);
    content += "\"\n";
  }
  return content;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

/// The bytes are the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  Rows rows;
  const bool accepted = read(content, rows);
  for (const auto& [label, text] : rows) {
    require(label >= 0 && label <= 3, "a label is 0 .. 3");
    require(text.find('\0') == std::string::npos, "a text has no NUL");
    require(text.empty() || (!is_space(text.front()) && !is_space(text.back())),
            "a text is stripped");
  }
  if (rows.empty()) return 0;

  Rows again;
  require(read(canonical(rows), again) && again == rows, "rows written back are the same rows");
  if (accepted) {
    Rows twice;
    const bool marked = content.starts_with("\xef\xbb\xbf");
    require(read((marked ? "" : "\xef\xbb\xbf") + content.substr(marked ? 3 : 0), twice) &&
                twice == rows,
            "a byte order mark changes nothing");
  }
  return 0;
}
