#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace harness {

/// Opens standard input, output and error if they are closed; otherwise a file opened later, such
/// as a run's lock, would get their numbers. Reading or writing them remains an error. Call it
/// before anything is opened. Returns: whether it succeeded.
bool open_missing_streams();

/// Writes to standard output. Does not throw on failure: finish_output() reports it.
void print_text(std::string_view text);
template <class... T>
void print_out(fmt::format_string<T...> format, T&&... arguments) {
  print_text(fmt::format(format, std::forward<T>(arguments)...));
}

/// `12.3 kB`, or `1.2 MB` from 100 kB on.
std::string size_text(std::uintmax_t bytes);

/// Whether everything printed so far was written, as far as is known.
bool can_print();

/// Writes a line to standard error: `who`, such as `norm-harness: `, and a text. Failure is
/// ignored.
void complain_text(std::string_view who, std::string_view text) noexcept;
template <class... T>
void complain(fmt::format_string<T...> format, T&&... arguments) {
  complain_text("", fmt::format(format, std::forward<T>(arguments)...));
}

/// Flushes and closes standard output, once, at the end. Returns: whether everything was written.
/// If not, says so on standard error, unless the reader closed the pipe, as `head` does.
bool finish_output() noexcept;

}  // namespace harness
