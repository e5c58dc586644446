#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <string>
#include <string_view>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// Receives a row of AG News: its class, 0 .. 3 (World, Sports, Business, Sci/Tech), and its text,
/// which is valid only during the call.
using AgNewsVisitor = std::function<void(std::int32_t label, std::string_view text)>;

/// The most bytes of a row's fields together. AG News's rows have some hundred; a longer one is an
/// unclosed quote. Bounds the memory.
inline constexpr Index kLongestAgNewsRow = Index{1} << 20;

/// Reads AG News as it is published: rows `"class","title","description"`, class 1 .. 4, no header.
/// The text of a row is strip(title + " " + description), ASCII whitespace stripped off both ends.
/// Everything inside stays unchanged, even bytes that are not UTF-8.
///
/// Fields may have quotes around them or not; inside quotes a quote is doubled, and commas and line
/// ends are text. Lines end in LF or CRLF, the last one with or without if quotes show that its
/// text is whole; a byte order mark at the start is passed over, and so are empty lines at the end.
///
/// input, name: the file's content, and what errors call it.
/// Returns: the number of rows.
/// Throws: DataError with file, line (where the row begins, from 1) and reason, for a malformed
/// row, a file without rows and a file that cannot be read; and all that visit throws. Rows before
/// the error have been visited.
/// Source: Zhang, Zhao, LeCun 2015, arXiv:1509.01626; CSV as in RFC 4180.
Index read_ag_news(std::istream& input, const std::string& name, const AgNewsVisitor& visit);
/// Reads a file.
Index read_ag_news(const std::filesystem::path& path, const AgNewsVisitor& visit);

}  // namespace libnorm
