#include "harness/report/html.hpp"

#include <cmath>

#include <fmt/format.h>

#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

/// A minus sign is as wide as a plus; a hyphen is not.
std::string with_minus(std::string text) {
  constexpr std::string_view kMinus = "\u2212";
  for (std::size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at)) {
    text.replace(at, 1, kMinus);
  }
  return text;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char letter : libnorm::printable(text)) {
    switch (letter) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += letter;
    }
  }
  return escaped;
}

std::string breakable(std::string_view name) {
  std::string text;
  for (const char letter : escape(name)) {
    text += letter;
    if (letter == '.' || letter == '_') text += "<wbr>";
  }
  return text;
}

std::string anchor(std::string_view text) {
  std::string id;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    id += is_plain ? c : '_';
  }
  return id;
}

std::string four_digits(double value) {
  if (!std::isfinite(value)) return "not finite";
  std::string text = fmt::format("{:#.4g}", value);
  const std::size_t exponent = text.find('e');
  if (exponent == std::string::npos) {
    // Four digits before the point leave none after it.
    return std::abs(value) >= 999.5 ? text.substr(0, text.find('.')) : text;
  }
  return fmt::format("{}e{}", text.substr(0, exponent), std::stoi(text.substr(exponent + 1)));
}

std::string signed_digits(double value) {
  if (!std::isfinite(value)) return "not finite";
  return with_minus(fmt::format("{:+.3g}", value));
}

std::string effect_text(const Comparison& comparison, std::string_view unit) {
  std::string text = signed_digits(comparison.effect);
  if (comparison.interval) {
    text += fmt::format(" [{}, {}]", signed_digits(comparison.interval->low),
                        signed_digits(comparison.interval->high));
  }
  return fmt::format("{} {}", text, unit);
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string_view style_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::supported: return "supported";
    case Outcome::contradicted: return "contradicted";
    case Outcome::negligible: return "negligible";
    case Outcome::fragile: return "fragile";
    case Outcome::inconclusive: return "inconclusive";
    case Outcome::could_not_check: break;
  }
  return "unchecked";
}

std::string word_badge(Outcome outcome) {
  return fmt::format("<span class=\"word {}\">{}</span>", style_of(outcome), word(outcome));
}

std::string table(std::string_view style, std::string_view caption, std::string_view inside) {
  return fmt::format(
      "<div class=\"wide\" role=\"region\" aria-label=\"{}\" tabindex=\"0\">\n"
      "<table class=\"{}\">\n<caption>{}</caption>\n{}</table>\n</div>\n",
      caption, style, caption, inside);
}

std::string number_cell(std::string_view text) {
  return fmt::format("<td class=\"number\">{}</td>", text.empty() ? "&ndash;" : escape(text));
}

}  // namespace harness
