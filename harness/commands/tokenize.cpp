#include <algorithm>
#include <cerrno>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/data/datasets.hpp"
#include "libnorm/data/printable.hpp"
#include "libnorm/data/wordpiece.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;
using libnorm::Index;

enum class Print { ids, tokens };

/// Lines of an open file of any kind; memory alone limits a line.
class Lines {
 public:
  /// name: what errors call it.
  Lines(int file, std::string name) : file_(file), name_(std::move(name)) {}

  /// The next line without its end, or false at the file's end. Throws: DataError.
  bool next(std::string& line) {
    line.clear();
    while (true) {
      const std::string_view rest = std::string_view(buffer_).substr(0, end_).substr(at_);
      const std::size_t size = std::min(rest.find('\n'), rest.size());
      line += rest.substr(0, size);
      at_ += size;
      if (line.size() > kLongest) {
        throw libnorm::DataError(fmt::format(
            "tokenize: a line without an end ({}, more than {} bytes); need text in lines", name_,
            kLongest));
      }
      if (size < rest.size()) {
        ++at_;
        return true;
      }
      if (!refill()) return !line.empty();
    }
  }

 private:
  static constexpr std::size_t kLongest = std::size_t{1} << 26;

  bool refill() {
    ssize_t count = -1;
    do {
      count = ::read(file_, buffer_.data(), buffer_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      throw libnorm::DataError(fmt::format(
          "tokenize: cannot read the text ({}: {}); need one a line", name_, reason_of(errno)));
    }
    at_ = 0;
    end_ = std::size_t(count);
    return count > 0;
  }

  int file_;
  std::string name_;
  std::string buffer_ = std::string(std::size_t{1} << 16, '\0');
  std::size_t at_ = 0, end_ = 0;
};

void tokenize(const libnorm::WordPiece& pieces, Index length, Print print, Lines texts) {
  std::vector<std::int32_t> ids;
  std::string out;
  for (std::string text; can_print() && texts.next(text);) {
    ids.clear();
    out.clear();
    pieces.encode(text, length, ids);
    for (const std::int32_t id : ids) {
      if (!out.empty()) out += ' ';
      out += print == Print::tokens ? libnorm::printable(pieces.token(id)) : std::to_string(id);
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
    tokenize(pieces, length, print, Lines(STDIN_FILENO, "what comes in"));
    return Exit::ok;
  }
  const std::string& path = arguments.text("text");
  const Descriptor file(open_regular(path));
  tokenize(pieces, length, print, Lines(file.get(), path));
  return Exit::ok;
}

}  // namespace harness
