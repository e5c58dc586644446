#pragma once

#include <ostream>
#include <string_view>

namespace harness {

/// Whether a line can renew itself there: a terminal, of a kind that knows escape codes (TERM).
bool is_terminal(int descriptor);

/// Columns of the terminal; where it does not tell, what COLUMNS says, or 80.
int columns_of(int descriptor);

/// The first `columns` characters of a UTF-8 text, none of them in part.
std::string_view cut_to(std::string_view text, int columns);

/// Puts a text into the terminal's line in place of what stood there, cut to the line's width less
/// one, so that it never wraps; and takes it away.
/// @{
void show_line(std::ostream& out, int descriptor, std::string_view text);
void clear_line(std::ostream& out);
/// @}

}  // namespace harness
