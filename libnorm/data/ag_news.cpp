#include "libnorm/data/ag_news.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "libnorm/data/stored_rows.hpp"

namespace libnorm {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 16;
constexpr int kEnd = -1;
constexpr const char* kWanted = "\"class\",\"title\",\"description\"";

std::string_view strip(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// Fills memory with the next bytes there are; returns how many, 0 at the end.
using ReadNext = std::function<std::size_t(std::span<char> into)>;

/// Bytes of a file, by way of one buffer.
class Source {
 public:
  explicit Source(ReadNext read) : read_(std::move(read)) {}

  /// The next byte, which stays, or kEnd.
  int peek() {
    if (at_ == end_ && !refill()) return kEnd;
    return static_cast<unsigned char>(buffer_[at_]);
  }
  void skip() { ++at_; }

  /// Takes bytes up to the first one that stops, which stays, or to the buffer's end; empty at the
  /// file's end. The view lives until the next call.
  template <class FindStop>
  std::string_view take_until(FindStop find_stop) {
    if (at_ == end_ && !refill()) return {};
    const std::string_view rest(buffer_.get() + at_, end_ - at_);
    const std::string_view taken = rest.substr(0, find_stop(rest));
    at_ += taken.size();
    return taken;
  }

 private:
  bool refill() {
    at_ = 0;
    end_ = read_({buffer_.get(), kBuffer});
    return end_ > 0;
  }

  ReadNext read_;
  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kBuffer);
  std::size_t at_ = 0, end_ = 0;
};

/// Reads rows one by one.
class Rows {
 public:
  Rows(ReadNext read, const std::string& name) : source_(std::move(read)), name_(name) {
    pass_over_mark();
  }

  /// Reads the next row, or returns false at the file's end.
  bool next();
  std::int32_t label() const { return label_; }
  std::string_view text() const { return strip(text_); }

 private:
  /// A byte order mark, whole or not at all: its bytes begin no class.
  void pass_over_mark();
  /// Empty lines, which may end a file. Returns whether there was one.
  bool pass_over_empty_lines();
  void read_field(std::string& into, int field);
  void read_quoted(std::string& into, int field);
  void read_plain(std::string& into, int field);
  /// Takes what ends a field: a comma, or for the last field a line end.
  void end_field(int field);
  void append(std::string& into, std::string_view bytes);
  void set_label();
  [[noreturn]] void fail(const std::string& wrong, const std::string& right) const;

  Source source_;
  const std::string& name_;
  std::string class_, text_;
  std::int32_t label_ = 0;
  /// Where this row and the next one begin.
  Index line_ = 1, next_line_ = 1;
};

void Rows::fail(const std::string& wrong, const std::string& right) const {
  throw DataError("ag_news: " + name_ + ", line " + std::to_string(line_) + ": " + wrong +
                  "; need " + right);
}

void Rows::pass_over_mark() {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (source_.peek() != static_cast<unsigned char>(kMark[0])) return;
  for (const char c : kMark) {
    if (source_.peek() != static_cast<unsigned char>(c)) {
      fail("bytes that are neither a byte order mark nor a row", kWanted);
    }
    source_.skip();
  }
}

bool Rows::next() {
  line_ = next_line_;
  const bool is_empty_line = pass_over_empty_lines();
  if (source_.peek() == kEnd) return false;
  if (is_empty_line) fail("an empty line before rows", kWanted);
  class_.clear();
  text_.clear();
  read_field(class_, 1);
  read_field(text_, 2);
  text_ += ' ';
  read_field(text_, 3);
  set_label();
  return true;
}

bool Rows::pass_over_empty_lines() {
  bool any = false;
  for (int c = source_.peek(); c == '\n' || c == '\r'; c = source_.peek()) {
    source_.skip();
    if (c == '\r' && source_.peek() != '\n') {
      fail("a carriage return that ends no line", "lines that end in LF or CRLF");
    }
    any = true;
  }
  return any;
}

void Rows::read_field(std::string& into, int field) {
  if (source_.peek() == '"') {
    source_.skip();
    read_quoted(into, field);
  } else {
    read_plain(into, field);
  }
  end_field(field);
}

void Rows::read_quoted(std::string& into, int field) {
  while (true) {
    append(into, source_.take_until([](std::string_view rest) { return rest.find('"'); }));
    const int c = source_.peek();
    if (c == kEnd) {
      fail("a quote that nothing closes (the file ends in field " + std::to_string(field) + ")",
           std::string("whole rows ") + kWanted);
    }
    if (c != '"') continue;  // only the buffer ended
    source_.skip();
    if (source_.peek() != '"') return;
    source_.skip();
    append(into, "\"");
  }
}

void Rows::read_plain(std::string& into, int field) {
  while (true) {
    append(into,
           source_.take_until([](std::string_view rest) { return rest.find_first_of("\",\r\n"); }));
    const int c = source_.peek();
    if (c == '"') {
      fail("a quote inside a field without quotes (field " + std::to_string(field) + ")",
           "quotes around the field, and the quote doubled");
    }
    if (c == kEnd && field == 3) {
      fail("a field that may have been cut (the file ends in field 3, which has no quotes)",
           "a line end behind it");
    }
    if (c == kEnd || c == ',' || c == '\r' || c == '\n') return;
  }
}

void Rows::end_field(int field) {
  int c = source_.peek();
  if (c == ',') {
    if (field == 3) fail("more than 3 fields", kWanted);
    source_.skip();
    return;
  }
  if (c == '\r') {
    source_.skip();
    c = source_.peek();
    if (c != '\n') fail("a carriage return that ends no line", "lines that end in LF or CRLF");
  }
  if (c != kEnd && c != '\n') {
    fail("something behind a closing quote (field " + std::to_string(field) + ", " +
             shown(std::string(1, char(c))) + ")",
         "a comma or a line end there, and quotes inside a field doubled");
  }
  if (field < 3) {
    fail("too few fields (" + std::to_string(field) + ", the first one " + shown(class_) + ")",
         kWanted);
  }
  if (c == kEnd) return;
  source_.skip();
  ++next_line_;
}

void Rows::append(std::string& into, std::string_view bytes) {
  if (bytes.find('\0') != std::string_view::npos) fail("a NUL byte", "text");
  next_line_ += std::count(bytes.begin(), bytes.end(), '\n');
  into += bytes;
  if (Index(class_.size() + text_.size()) > kLongestAgNewsRow) {
    fail("a row without an end (more than " + std::to_string(kLongestAgNewsRow) + " bytes)",
         "every quote closed");
  }
}

void Rows::set_label() {
  if (class_.size() != 1 || class_[0] < '1' || class_[0] > '4') {
    fail("no such class (" + shown(class_) + ")", "1, 2, 3 or 4, and no line of headings");
  }
  label_ = class_[0] - '1';
}

Index visit_rows(ReadNext read, const std::string& name, const AgNewsVisitor& visit) {
  Rows rows(std::move(read), name);
  Index count = 0;
  for (; rows.next(); ++count) visit(rows.label(), rows.text());
  if (count == 0) {
    throw DataError("ag_news: " + name + ": no rows (the file is empty); need rows " + kWanted);
  }
  return count;
}

}  // namespace

Index read_ag_news(std::istream& input, const std::string& name, const AgNewsVisitor& visit) {
  const auto read = [&](std::span<char> into) -> std::size_t {
    if (!input) return 0;
    input.read(into.data(), std::streamsize(into.size()));
    if (input.bad()) {
      throw DataError("ag_news: cannot read " + name +
                      " (the system failed on the way); need a file that can be read to its end");
    }
    return std::size_t(input.gcount());
  };
  return visit_rows(read, name, visit);
}

Index read_ag_news(const std::filesystem::path& path, const AgNewsVisitor& visit) {
  const OpenFile file(path, "ag_news");
  Index offset = 0;
  const auto read = [&](std::span<char> into) {
    const Index size = std::min(Index(into.size()), file.size() - offset);
    file.read(offset, std::as_writable_bytes(into.first(std::size_t(size))));
    offset += size;
    return std::size_t(size);
  };
  return visit_rows(read, file.name(), visit);
}

}  // namespace libnorm
