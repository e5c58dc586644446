#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <string>
#include <string_view>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// Takes a row of AG News: its class, 0 .. 3 (World, Sports, Business, Sci/Tech), and its text,
/// which lives for the call alone.
using AgNewsVisitor = std::function<void(std::int32_t label, std::string_view text)>;

/// Bytes that a row's fields may have together. Texts of AG News have some hundreds; what is longer
/// is a quote that nobody closed, and memory is bounded by this.
inline constexpr Index kLongestAgNewsRow = Index{1} << 20;

/// Reads AG News as it is published: rows `"class","title","description"`, class 1 .. 4, no header.
/// The text of a row is strip(title + " " + description), ASCII whitespace stripped off both ends.
/// What is inside stays as it is, bytes that are no UTF-8 too.
///
/// Fields may have quotes around them or not; inside quotes a quote is doubled, and commas and line
/// ends are text. Lines end in LF or CRLF, the last one with or without if quotes show that its
/// text is whole; a byte order mark at the start is passed over, and so are empty lines at the end.
///
/// input, name: the file's content, and what errors call it.
/// Returns: the number of rows.
/// Throws: DataError with file, line (where the row begins, from 1) and reason, for a row that is
/// none, for a file without rows and for one that cannot be read; what visit throws. Rows before
/// the error have been visited then.
/// Source: Zhang, Zhao, LeCun 2015, arXiv:1509.01626; CSV as in RFC 4180.
Index read_ag_news(std::istream& input, const std::string& name, const AgNewsVisitor& visit);
/// The same of a file.
Index read_ag_news(const std::filesystem::path& path, const AgNewsVisitor& visit);

}  // namespace libnorm
