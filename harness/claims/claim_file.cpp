#include "harness/claims/claim_file.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

using libnorm::DataError;

/// The most bytes of a file of claims.
constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 20;

/// The parser recurses for each part of a dotted key, `a.b.c`.
constexpr std::ptrdiff_t kMostDots = 1000;

/// Throws: DataError for a line that may hold a key of too many parts.
void refuse_long_keys(std::string_view text, const std::string& name) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto dots = std::ranges::count(text.substr(0, end), '.');
    if (dots > kMostDots) {
      throw DataError(
          fmt::format("{}, line {}: more dots than a key or a sentence has ({}); need at "
                      "most {}",
                      libnorm::printable(name), line, dots, kMostDots));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// A mistake at a place of the text.
class Mistake {
 public:
  Mistake(const toml::source_region& place, std::string text)
      : line_(place.begin.line), column_(place.begin.column), text_(std::move(text)) {}
  [[noreturn]] void raise(const std::string& name) const {
    throw DataError(
        fmt::format("{}, line {}, column {}: {}", libnorm::printable(name), line_, column_, text_));
  }

 private:
  std::uint32_t line_, column_;
  std::string text_;
};

/// What arrived, short and safe to show.
std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    const std::string whole = libnorm::printable(text->get());
    return whole.size() <= 60 ? whole : whole.substr(0, 57) + "...";
  }
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (node.is_boolean()) return node.as_boolean()->get() ? "true" : "false";
  return node.is_table() ? "a table" : node.is_array() ? "a list" : "a date or time";
}

/// Takes the members of a table; a member that is left is a mistake.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string what) : table_(table), what_(std::move(what)) {}

  const toml::node* find(const std::string& key) {
    used_.insert(key);
    return table_.get(key);
  }
  const toml::node& need(const std::string& key) {
    const toml::node* node = find(key);
    if (node == nullptr) {
      throw Mistake(table_.source(), fmt::format("{} lacks '{}'", what_, key));
    }
    return *node;
  }
  std::string text(const std::string& key) { return as_text(need(key), key); }
  std::string text_or(const std::string& key, const std::string& otherwise) {
    const toml::node* node = find(key);
    return node == nullptr ? otherwise : as_text(*node, key);
  }
  double number(const std::string& key) {
    const toml::node& node = need(key);
    const auto value = node.value<double>();
    if (!node.is_number() || !value || !std::isfinite(*value) || *value <= 0) {
      throw Mistake(node.source(), fmt::format("'{}' is no number above 0 ({})", key, shown(node)));
    }
    return *value;
  }
  void require_none_left() const {
    for (const auto& [key, node] : table_) {
      if (used_.count(std::string(key.str())) > 0) continue;
      throw Mistake(key.source(),
                    fmt::format("{} has an unknown key ({}); need one of {}", what_,
                                libnorm::printable(key.str()), fmt::join(used_, ", ")));
    }
  }
  const toml::source_region& place() const { return table_.source(); }

  static std::string as_text(const toml::node& node, const std::string& key) {
    const auto* text = node.as_string();
    if (text == nullptr || text->get().empty()) {
      throw Mistake(node.source(), fmt::format("'{}' is no text ({}); need some in quotes", key,
                                               text == nullptr ? shown(node) : "empty"));
    }
    for (const char c : text->get()) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        throw Mistake(node.source(), fmt::format("'{}' has a control character; need one line of "
                                                 "text",
                                                 key));
      }
    }
    return text->get();
  }

 private:
  const toml::table& table_;
  std::string what_;
  std::set<std::string> used_;
};

/// One item or a list of them, each read by `read`.
template <class T, class Read>
std::vector<T> list_of(const toml::node& node, const std::string& key, Read read) {
  std::vector<T> items;
  if (const auto* list = node.as_array()) {
    for (const toml::node& item : *list) items.push_back(read(item, key));
    if (items.empty()) throw Mistake(node.source(), fmt::format("'{}' is empty; need one", key));
  } else {
    items.push_back(read(node, key));
  }
  return items;
}

const toml::table& as_table(const toml::node& node, std::string_view key) {
  if (const auto* table = node.as_table()) return *table;
  throw Mistake(node.source(),
                fmt::format("'{}' is no table ({}); need {{ ... }}", key, shown(node)));
}

std::int64_t whole_number(const toml::node& node, const std::string& key) {
  const auto* number = node.as_integer();
  if (number == nullptr || number->get() < 1) {
    throw Mistake(node.source(),
                  fmt::format("'{}' is no whole number above 0 ({})", key, shown(node)));
  }
  return number->get();
}

/// The sites of every arm at every layer.
std::vector<Site> sites(TableReader& table, const std::string& arms_key,
                        const std::string& layers_key) {
  const auto arms = list_of<std::string>(table.need(arms_key), arms_key, &TableReader::as_text);
  std::vector<std::optional<int>> layers{std::nullopt};
  if (const toml::node* node = table.find(layers_key)) {
    layers = list_of<std::optional<int>>(*node, layers_key, [](const auto& item, const auto& key) {
      return std::optional<int>(int(std::min<std::int64_t>(whole_number(item, key), 1000000)));
    });
  }
  std::vector<Site> all;
  for (const std::string& arm : arms) {
    for (const auto& layer : layers) all.push_back({arm, layer});
  }
  return all;
}

constexpr std::pair<const char*, Relation> kRelations[] = {{"larger", Relation::larger},
                                                           {"equivalent", Relation::equivalent},
                                                           {"not_less", Relation::not_less}};

Part read_part(const toml::node& node, const std::string& key) {
  TableReader table(as_table(node, key), "a part");
  std::vector<std::pair<const char*, Relation>> named;
  for (const auto& relation : kRelations) {
    if (table.find(relation.first) != nullptr) named.push_back(relation);
  }
  if (named.size() != 1) {
    throw Mistake(node.source(), "a part names " + std::to_string(named.size()) +
                                     " relations; need one of 'larger', 'equivalent', 'not_less'");
  }
  Part part{named[0].second, sites(table, named[0].first, "layer"),
            sites(table, "than", "than_layer")};
  table.require_none_left();
  if (part.relation == Relation::equivalent && count_terms(part) != 1) {
    throw Mistake(node.source(),
                  "an equivalence has several arms or layers; need one part for "
                  "each pair");
  }
  return part;
}

Control read_control(const toml::node& node, const std::string& key) {
  TableReader table(as_table(node, key), "a control");
  Control control{table.text("arm"), table.text("stand_in"), table.text("why")};
  table.require_none_left();
  return control;
}

std::map<std::string, Margin> read_margins(TableReader& claim) {
  std::map<std::string, Margin> margins;
  for (const auto& [name, node] : as_table(claim.need("margin"), "margin")) {
    TableReader table(as_table(node, "margin"), "a margin");
    margins[std::string(name.str())] = {table.number("size"), table.text("unit"),
                                        table.text("why")};
    table.require_none_left();
  }
  return margins;
}

Definition read_definition(const toml::node& node, const std::map<std::string, Margin>& margins) {
  TableReader table(as_table(node, "definitions"), "a definition");
  Definition definition;
  definition.name = table.text("name");
  const std::string metric = table.text("metric");
  try {
    definition.metric = Metric(metric);
  } catch (const libnorm::ValueError& error) {
    throw Mistake(table.need("metric").source(), libnorm::printable(error.what()));
  }
  const std::string margin = table.text("margin");
  const auto found = margins.find(margin);
  if (found == margins.end()) {
    throw Mistake(table.need("margin").source(),
                  fmt::format("no margin of this name ({}); need a table [margin.{}]",
                              libnorm::printable(margin), libnorm::printable(margin)));
  }
  definition.margin = found->second;
  definition.axis = table.text_or("axis", "");
  definition.source = table.text("source");
  definition.beside = table.text_or("beside", "");
  if (const toml::node* only = table.find("landmarks")) {
    const auto* value = only->as_boolean();
    if (value == nullptr) {
      throw Mistake(only->source(),
                    fmt::format("'landmarks' is neither true nor false ({})", shown(*only)));
    }
    definition.has_landmarks = value->get();
  }
  table.require_none_left();
  return definition;
}

std::vector<Definition> read_definitions(TableReader& claim) {
  const auto margins = read_margins(claim);
  const toml::node& list = claim.need("definitions");
  auto definitions = list_of<Definition>(
      list, "definitions",
      [&](const toml::node& node, const std::string&) { return read_definition(node, margins); });
  std::set<std::string> names;
  for (const Definition& definition : definitions) {
    if (!names.insert(definition.name).second) {
      throw Mistake(list.source(), fmt::format("two definitions of one name ({}); need each once",
                                               libnorm::printable(definition.name)));
    }
    // What turns a verdict must have a name.
    if (names.size() > 1 && definition.axis.empty()) {
      throw Mistake(list.source(),
                    fmt::format("the definition {} lacks 'axis'; need what it varies, except in "
                                "the first, which is the published one",
                                libnorm::printable(definition.name)));
    }
  }
  return definitions;
}

Landmarks read_landmarks(TableReader& claim) {
  const toml::node* node = claim.find("landmarks");
  if (node == nullptr) return {};
  if (const auto* text = node->as_string()) {
    if (text->get() == "epochs") return {true, {}};
    throw Mistake(node->source(),
                  fmt::format("unknown landmarks ({}); need \"epochs\" or a list of "
                              "steps",
                              shown(*node)));
  }
  Landmarks landmarks{false, list_of<std::int64_t>(*node, "landmarks", whole_number)};
  if (!std::ranges::is_sorted(landmarks.steps, std::less_equal<>())) {
    throw Mistake(node->source(), "landmarks do not ascend; need each step after the one before");
  }
  return landmarks;
}

/// A metric with a place for a layer needs one at every site, and a metric without has none.
void check_layers(const Claim& claim, const toml::source_region& place) {
  for (const Definition& definition : claim.definitions) {
    for (const Part& part : claim.parts) {
      for (const auto* side : {&part.a, &part.b}) {
        for (const Site& site : *side) {
          if (site.layer.has_value() == definition.metric.has_layer()) continue;
          throw Mistake(
              place,
              fmt::format("claim {}: the metric of {} has {} {{layer}}, and a part has {};"
                          " need both or neither",
                          libnorm::printable(claim.id), libnorm::printable(definition.name),
                          definition.metric.has_layer() ? "a" : "no", site.layer ? "one" : "none"));
        }
      }
    }
  }
}

Claim read_claim(const toml::table& source) {
  TableReader table(source, "a claim");
  Claim claim;
  claim.id = table.text("id");
  claim.experiment = claim.id.substr(0, claim.id.find('.'));
  claim.sentence = table.text("sentence");
  claim.source = table.text("source");
  claim.study = table.text_or("study", "");
  claim.task = table.text_or("task", "");
  claim.family = table.text_or("family", claim.id);
  claim.parts = list_of<Part>(table.need("part"), "part", read_part);
  if (const toml::node* node = table.find("control")) {
    claim.controls = list_of<Control>(*node, "control", read_control);
  }
  claim.definitions = read_definitions(table);
  claim.landmarks = read_landmarks(table);
  table.require_none_left();
  check_layers(claim, table.place());
  return claim;
}

std::vector<Claim> read_document(const toml::table& document) {
  const toml::node* several = document.get("claim");
  if (several == nullptr) return {read_claim(document)};
  TableReader table(document, "a file of several claims");
  auto all = list_of<Claim>(table.need("claim"), "claim", [](const auto& node, const auto& key) {
    return read_claim(as_table(node, key));
  });
  table.require_none_left();
  std::set<std::string> ids;
  for (const Claim& claim : all) {
    if (ids.insert(claim.id).second) continue;
    throw Mistake(several->source(), fmt::format("two claims of one id ({}); need each once",
                                                 libnorm::printable(claim.id)));
  }
  return all;
}

}  // namespace

std::size_t count_terms(const Part& part) { return part.a.size() * part.b.size(); }

std::size_t count_terms(const Claim& claim) {
  std::size_t sum = 0;
  for (const Part& part : claim.parts) sum += count_terms(part);
  return sum;
}

std::vector<Claim> read_claims(std::string_view text, const std::string& name) {
  refuse_long_keys(text, name);
  try {
    auto list = read_document(toml::parse(text));
    for (Claim& claim : list) claim.sha256 = sha256_hex(text);
    return list;
  } catch (const toml::parse_error& error) {
    Mistake(error.source(), "not TOML: " + libnorm::printable(error.description())).raise(name);
  } catch (const Mistake& mistake) {
    mistake.raise(name);
  }
}

std::vector<Claim> read_claim_file(const std::string& path) {
  return read_claims(read_file(path, kMostBytes), path);
}

}  // namespace harness
