#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>

#include <fmt/format.h>

#include "harness/commands/command.hpp"
#include "harness/datasets.hpp"
#include "harness/output.hpp"
#include "libnorm/data/wordpiece.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;
using libnorm::Index;

enum class Print { ids, tokens };

void tokenize(const libnorm::WordPiece& pieces, Index length, Print print, std::istream& texts) {
  std::vector<std::int32_t> ids;
  std::string out;
  for (std::string text; can_print() && std::getline(texts, text);) {
    ids.clear();
    out.clear();
    pieces.encode(text, length, ids);
    for (const std::int32_t id : ids) {
      if (!out.empty()) out += ' ';
      out += print == Print::tokens ? pieces.token(id) : std::to_string(id);
    }
    print_out("{}\n", out);
  }
}

Index checked_length(const Arguments& arguments) {
  if (!arguments.has("length")) return std::numeric_limits<Index>::max();
  const Index length = arguments.get<Index>("length");
  if (length < 2) {
    throw UsageError(
        fmt::format("--length: too short ({}); need at least 2, for [CLS] and [SEP]", length));
  }
  return length;
}

libnorm::WordPiece read_vocabulary(const Arguments& arguments) {
  if (arguments.has("vocab")) return libnorm::WordPiece::read(arguments.text("vocab"));
  const std::string data = arguments.has("data") ? arguments.text("data") : "";
  return libnorm::WordPiece::read(find_vocabulary(data), kBertVocabulary);
}

[[noreturn]] void fail_to_read(const std::string& file) {
  throw libnorm::DataError(
      fmt::format("tokenize: cannot read the text ({}); need one a line", file));
}

}  // namespace

Exit tokenize_command(const std::vector<std::string>& words) {
  Arguments arguments("tokenize [options] [TEXT]",
                      "Reads the file TEXT, or what comes in, and prints for each line the ids of "
                      "its WordPiece\ntokens, [CLS] and [SEP] included, as uncased BERT has them. "
                      "Nothing is padded.\n\n"
                      "  echo 'Unbelievable!' | norm-harness tokenize --tokens\n"
                      "  [CLS] unbelievable ! [SEP]");
  arguments.options()("vocab", po::value<std::string>()->value_name("FILE"),
                      "a vocabulary of any size, one token a line; without it, that of\n"
                      "bert-base-uncased in the folder of data")(
      "data", po::value<std::string>()->value_name("DIR"),
      "folder with wordpiece/vocab.txt, as scripts/fetch_data makes it; else\n"
      "the one that LIBNORM_DATA names, else `data` in the checkout")(
      "tokens", "print tokens rather than ids")(
      "length", po::value<Index>()->value_name("N"),
      "cut to N ids, [CLS] and [SEP] included; without it nothing is cut")(
      "text", po::value<std::string>()->value_name("TEXT"), "the file to read; needs no name");
  arguments.positional("text");
  if (!arguments.parse(words)) return Exit::ok;
  const Index length = checked_length(arguments);
  const Print print = arguments.has("tokens") ? Print::tokens : Print::ids;
  const libnorm::WordPiece pieces = read_vocabulary(arguments);
  if (!arguments.has("text")) {
    // Output waits for its buffer, not for each line that is read.
    std::cin.tie(nullptr);
    tokenize(pieces, length, print, std::cin);
    if (std::ferror(stdin) != 0) fail_to_read("what comes in");
    return Exit::ok;
  }
  const std::string& path = arguments.text("text");
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) fail_to_read(path);
  tokenize(pieces, length, print, file);
  if (file.bad()) fail_to_read(path);
  return Exit::ok;
}

}  // namespace harness
