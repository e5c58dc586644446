#include "libnorm/data/ag_news.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm {
namespace {

using harness::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

using Rows = std::vector<std::pair<std::int32_t, std::string>>;

Rows read(const std::string& content) {
  std::istringstream input(content);
  Rows rows;
  const Index count =
      read_ag_news(input, "some.csv", [&](std::int32_t label, std::string_view text) {
        rows.emplace_back(label, std::string(text));
      });
  EXPECT_EQ(count, Index(rows.size()));
  return rows;
}

TEST(AgNews, JoinsTitleAndDescription) {
  EXPECT_THAT(read("\"1\",\"A title\",\"and more\"\n\"4\",\"x\",\"y\"\n"),
              ElementsAre(Pair(0, "A title and more"), Pair(3, "x y")));
}

TEST(AgNews, StripsAsciiWhitespaceAtBothEndsAndNothingInside) {
  EXPECT_THAT(read("\"2\",\"\",\"no title\"\n\"2\",\"no description\",\"\"\n\"2\",\"\",\"\"\n"
                   "\"3\",\" \t\v\f\r\na  b \",\" c\xc2\xa0 \n\"\n"),
              ElementsAre(Pair(1, "no title"), Pair(1, "no description"), Pair(1, ""),
                          Pair(2, "a  b   c\xc2\xa0")));
}

TEST(AgNews, ReadsQuotesCommasAndLineEndsInsideQuotes) {
  EXPECT_THAT(read("\"1\",\"he said \"\"so\"\"\",\"a,\nb\r\nc\"\n\"2\",\"\"\"\",\"\"\"\"\"\"\n"),
              ElementsAre(Pair(0, "he said \"so\" a,\nb\r\nc"), Pair(1, "\" \"\"")));
}

TEST(AgNews, ReadsFieldsWithoutQuotes) {
  EXPECT_THAT(read("3,title,\"a, b\"\r\n4,,plain words\n"),
              ElementsAre(Pair(2, "title a, b"), Pair(3, "plain words")));
}

TEST(AgNews, ReadsAnyLineEndAndAMark) {
  const Rows expected = {{0, "a b"}, {1, "c d"}};
  for (const char* mark : {"", "\xef\xbb\xbf"}) {
    for (const std::string end : {"\n", "\r\n"}) {
      // Empty lines may end a file.
      for (const std::string& last : {std::string(), end, end + end, end + end + end}) {
        EXPECT_EQ(read(std::string(mark) + "\"1\",\"a\",\"b\"" + end + "\"2\",\"c\",\"d\"" + last),
                  expected);
      }
    }
  }
}

TEST(AgNews, KeepsBytesThatAreNoUtf8) {
  EXPECT_THAT(read("\"1\",\"\xff\xfe\",\"\xe2\x82\"\n"), ElementsAre(Pair(0, "\xff\xfe \xe2\x82")));
}

// The buffer has 65536 bytes; every pair of characters comes to lie on its edge.
TEST(AgNews, DoesNotMindWhereTheBufferEnds) {
  const std::string rows = "\"1\",\"a\"\"b\",\"c\"\r\n2,d,e\r\n\"3\",\"\",\"\"\"\"\r\n";
  const Rows expected = {{0, "a\"b c"}, {1, "d e"}, {2, "\""}};
  for (std::size_t shift = 0; shift <= rows.size(); ++shift) {
    const std::string filling(65536 - 10 - shift, 'f');
    Rows all = {{3, filling}};
    all.insert(all.end(), expected.begin(), expected.end());
    ASSERT_EQ(read("\"4\",\"\",\"" + filling + "\"\n" + rows), all) << shift;
  }
}

struct Broken {
  const char* name;
  std::string content;
  /// Where the error is said to be, and why.
  const char* where;
  const char* reason;
};

class BrokenFile : public testing::TestWithParam<Broken> {};

TEST_P(BrokenFile, IsRefusedWithFileLineAndReason) {
  EXPECT_THAT(message_of<DataError>([] { read(GetParam().content); }),
              AllOf(HasSubstr("ag_news: some.csv"), HasSubstr(GetParam().where),
                    HasSubstr(GetParam().reason), HasSubstr("; need ")));
}

const std::string kGood = "\"1\",\"a\",\"b\"\n";

INSTANTIATE_TEST_SUITE_P(
    AgNews, BrokenFile,
    testing::Values(
        Broken{"Empty", "", "some.csv:", "no rows"},
        Broken{"OnlyAMark", "\xef\xbb\xbf", "some.csv:", "no rows"},
        Broken{"HalfAMark", "\xef\xbb\"1\",\"a\",\"b\"\n", "line 1:", "byte order mark"},
        Broken{"MarkInTheMiddle", kGood + "\xef\xbb\xbf" + kGood, "line 2:", "a quote inside"},
        Broken{"OneField", kGood + "\"1\"\n", "line 2:", "too few fields (1"},
        Broken{"TwoFields", kGood + kGood + "\"1\",\"a\"\n", "line 3:", "too few fields (2"},
        Broken{"FourFields", "\"1\",\"a\",\"b\",\"c\"\n", "line 1:", "more than 3 fields"},
        Broken{"CommaAtTheEnd", "\"1\",\"a\",\"b\",\n", "line 1:", "more than 3 fields"},
        Broken{"EmptyLine", kGood + "\n" + kGood, "line 2:", "an empty line before rows"},
        Broken{"EmptyLineFirst", "\r\n" + kGood, "line 1:", "an empty line before rows"},
        Broken{"EmptyLinesAlone", "\n\r\n", "some.csv:", "no rows"},
        Broken{"ReturnAtTheEnd", kGood + "\n\r", "line 2:", "a carriage return that ends no line"},
        Broken{"CutInAField", kGood + "\"1\",\"a\",\"b", "line 2:", "the file ends in field 3"},
        Broken{"CutBetweenFields", kGood + "\"1\",\"a\",", "line 2:", "may have been cut"},
        Broken{"CutInAPlainField", kGood + "1,a,wor", "line 2:", "may have been cut"},
        Broken{"OpenQuote", kGood + "\"1\",\"a,\"b\"\n" + kGood, "line 2:", "closing quote"},
        Broken{"OpenQuoteToTheEnd", kGood + "\"1\",\"a\",\"b\n" + "2,c,d\n",
               "line 2:", "a quote that nothing closes"},
        Broken{"JunkAfterAQuote", "\"1\",\"a\"x,\"b\"\n", "line 1:", "field 2, 'x'"},
        Broken{"BlankAfterAQuote", "\"1\" ,\"a\",\"b\"\n", "line 1:", "field 1, ' '"},
        Broken{"QuoteInAPlainField", "1,a\"b\",c\n", "line 1:", "a quote inside"},
        Broken{"ClassZero", kGood + "\"0\",\"a\",\"b\"\n", "line 2:", "no such class ('0')"},
        Broken{"ClassFive", "\"5\",\"a\",\"b\"\n", "line 1:", "no such class ('5')"},
        Broken{"ClassEmpty", "\"\",\"a\",\"b\"\n", "line 1:", "no such class ('')"},
        Broken{"ClassWithABlank", "\" 1\",\"a\",\"b\"\n", "line 1:", "no such class (' 1')"},
        Broken{"ClassOfTwoDigits", "\"11\",\"a\",\"b\"\n", "line 1:", "no such class"},
        Broken{"Headings", "Class Index,Title,Description\n" + kGood,
               "line 1:", "no such class ('Class Index')"},
        Broken{"Nul", kGood + std::string("\"1\",\"a\0\",\"b\"\n", 13), "line 2:", "a NUL byte"},
        Broken{"NulInAPlainField", kGood + std::string("1,\0,b\n", 6), "line 2:", "a NUL byte"},
        Broken{"LoneCarriageReturn", "\"1\",\"a\",\"b\"\r\"2\",\"c\",\"d\"",
               "line 1:", "a carriage return that ends no line"},
        Broken{"AfterLineEndsInText", "\"1\",\"a\n\n\",\"b\r\nc\"\r\n\"9\",\"\",\"\"",
               "line 5:", "no such class"},
        Broken{"RowWithoutAnEnd", kGood + "\"1\",\"" + std::string(kLongestAgNewsRow + 1, 'x'),
               "line 2:", "a row without an end"}),
    [](const auto& broken) { return broken.param.name; });

TEST(AgNews, TellsRowsBeforeTheErrorFirst) {
  std::istringstream input(kGood + "nonsense");
  int rows = 0;
  EXPECT_THROW(read_ag_news(input, "some.csv", [&](std::int32_t, std::string_view) { ++rows; }),
               DataError);
  EXPECT_EQ(rows, 1);
}

TEST(AgNews, PassesOnWhatTheVisitorThrows) {
  std::istringstream input(kGood);
  EXPECT_THROW(read_ag_news(input, "some.csv",
                            [](std::int32_t, std::string_view) { throw std::logic_error("stop"); }),
               std::logic_error);
}

TEST(AgNews, ReadsFromAPath) {
  const harness::ScratchFolder scratch;
  const auto path = scratch.path() / "train.csv";
  harness::scribble(path, kGood + kGood);
  EXPECT_EQ(read_ag_news(path, [](std::int32_t, std::string_view) {}), 2);
  const auto message = [](const std::filesystem::path& file) {
    return message_of<DataError>(
        [&] { read_ag_news(file, [](std::int32_t, std::string_view) {}); });
  };
  harness::scribble(path, kGood + "\"7\",\"a\",\"b\"\n");
  EXPECT_THAT(message(path), HasSubstr(path.string() + ", line 2: no such class"));
  EXPECT_THAT(message(scratch.path() / "none.csv"),
              AllOf(HasSubstr("none.csv"), HasSubstr("No such file")));
  EXPECT_THAT(message(scratch.path()),
              HasSubstr("cannot open " + scratch.path().string() + " (no regular file)"));
}

}  // namespace
}  // namespace libnorm
