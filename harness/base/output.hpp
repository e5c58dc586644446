#pragma once

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace harness {

/// Opens those of standard input, output and error that are closed, or a file that is opened later,
/// such as a run's lock, would be one of them. What was closed still cannot be read or written.
/// Returns: whether that went well. To be called before anything is opened.
bool open_missing_streams();

/// Writes to standard output. Throws nothing where that fails: finish_output() tells.
void print_text(std::string_view text);
template <class... T>
void print_out(fmt::format_string<T...> format, T&&... arguments) {
  print_text(fmt::format(format, std::forward<T>(arguments)...));
}

/// Whether all that was printed so far could be written, as far as is known yet.
bool can_print();

/// Writes a line to standard error: `who`, as `norm-harness: `, and a text. Whether that works
/// changes nothing.
void complain_text(std::string_view who, std::string_view text) noexcept;
template <class... T>
void complain(fmt::format_string<T...> format, T&&... arguments) {
  complain_text("", fmt::format(format, std::forward<T>(arguments)...));
}

/// Flushes and closes standard output, once, at the end. Returns: whether all that was printed is
/// written; if not, standard error says so, but for a reader that went away by intention, as
/// `head` does.
bool finish_output() noexcept;

}  // namespace harness
