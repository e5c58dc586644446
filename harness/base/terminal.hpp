#pragma once

#include <ostream>
#include <string_view>

namespace harness {

/// Whether a line can be rewritten there: a terminal that supports escape codes (TERM).
bool is_terminal(int descriptor);

/// Columns of the terminal; if unknown, the value of COLUMNS, or 80.
int columns_of(int descriptor);

/// The first `columns` characters of a UTF-8 text, never a part of one.
std::string_view cut_to(std::string_view text, int columns);

/// Replaces the terminal's current line by a text, cut to one column less than the width so that it
/// never wraps; and clears the line.
/// @{
void show_line(std::ostream& out, int descriptor, std::string_view text);
void clear_line(std::ostream& out);
/// @}

}  // namespace harness
