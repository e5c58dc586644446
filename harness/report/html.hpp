#pragma once

#include <string>
#include <string_view>

#include "harness/claims/verdict.hpp"

namespace harness {

/// A text as HTML: what cannot be printed and what HTML gives a meaning is replaced.
std::string escape(std::string_view text);

/// The same, with a possible line break behind each dot and underscore of a long name.
std::string breakable(std::string_view name);

/// A text as an id of the page: other characters than letters, digits, `.`, `_` and `-` become `_`.
std::string anchor(std::string_view text);

/// Four significant digits: `0.006850`, `4.200e-5`, `115.2`; `not finite` for what is not.
std::string four_digits(double value);

/// Three significant digits with a sign: `+0.362`, and a minus that is as wide.
std::string signed_digits(double value);

/// `-1.59 [-1.75, -1.42] decades`, as signed_digits; without the interval if there is none.
std::string effect_text(const Comparison& comparison, std::string_view unit);

/// `1 run`, `2 runs`.
std::string counted(std::size_t count, std::string_view what);

/// The class of an outcome's colour: `supported` ... `unchecked`.
std::string_view style_of(Outcome outcome);

/// The word of an outcome in its colour.
std::string word_badge(Outcome outcome);

/// A table in a region that scrolls by itself, also by keyboard, where it is too wide. The caption
/// names the region. inside: HTML of head and body; caption and style are HTML too.
std::string table(std::string_view style, std::string_view caption, std::string_view inside);

/// A cell for a number, which may be empty.
std::string number_cell(std::string_view text);

}  // namespace harness
