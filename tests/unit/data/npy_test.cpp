#include "libnorm/data/npy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "libnorm/data/printable.hpp"
#include "tests/support/npy_bytes.hpp"
#include "tests/support/stored_numbers.hpp"
#include "tests/unit/data/npy_folder.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm::test {
namespace {

using harness::FileSizeLimit;
using harness::message_of;
using harness::ScratchFolder;
using harness::scribble;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Npy = NpyFolder;

TEST_F(Npy, ReadsEveryVersionAndDtype) {
  const std::vector<float> floats = {1.5f, -2, 0, 3e38f, 0x1p-149f, 7};
  const std::vector<double> doubles(floats.begin(), floats.end());
  for (const int version : {1, 2, 3}) {
    const auto f4 = open(npy(header("<f4", "(2, 3)"), bytes_of_numbers(floats), version));
    EXPECT_EQ(f4.format(), NumberFormat::float32);
    EXPECT_THAT(f4.shape(), ElementsAre(2, 3));
    EXPECT_EQ(read_all<float>(f4), floats);
    EXPECT_EQ(read_all<double>(f4), doubles);
    const auto f8 = open(npy(header("<f8", "(2, 3)"), bytes_of_numbers(doubles), version));
    EXPECT_EQ(f8.format(), NumberFormat::float64);
    EXPECT_EQ(read_all<float>(f8), floats);
    EXPECT_EQ(read_all<double>(f8), doubles);
  }
}

TEST_F(Npy, ReadsEveryHalfExactly) {
  std::vector<std::uint16_t> bits(65536);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = std::uint16_t(i);
  const auto file = open(npy(header("<f2", "(256, 256)"), bytes_of_numbers(bits)));
  const auto floats = read_all<float>(file);
  const auto doubles = read_all<double>(file);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const int exponent = int(i >> 10 & 31), fraction = int(i & 1023);
    ASSERT_EQ(std::signbit(floats[i]), i >= 32768) << i;
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(floats[i]) && std::isnan(doubles[i])) << i;
      continue;
    }
    double size =
        std::ldexp(exponent == 0 ? fraction : 1024 + fraction, std::max(exponent, 1) - 25);
    if (exponent == 31) size = std::numeric_limits<double>::infinity();
    ASSERT_EQ(std::fabs(double(floats[i])), size) << i;
    ASSERT_EQ(doubles[i], double(floats[i])) << i;
  }
  EXPECT_EQ(floats[0x0001], 0x1p-24f);
  EXPECT_EQ(floats[0x03ff], 1023 * 0x1p-24f);
  EXPECT_EQ(floats[0x3c00], 1.0f);
  EXPECT_EQ(floats[0x7bff], 65504.0f);
}

TEST_F(Npy, RoundsDoublesIntoFloats) {
  const std::vector<double> doubles = {1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-50, 1e300, -1e300, 1e-300};
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(read_all<float>(open(npy(header("<f8", "(5,)"), bytes_of_numbers(doubles)))),
              ElementsAre(1.0f, 1 + 0x1p-23f, kInfinity, -kInfinity, 0.0f));
}

TEST(DecodeNumbers, WidensBytesInMemory) {
  const std::uint16_t halves[] = {0x3c00, 0xc000};
  const auto bytes = std::as_bytes(std::span(halves));
  double numbers[2];
  decode_numbers<double>(NumberFormat::float16, bytes, numbers);
  EXPECT_THAT(numbers, ElementsAre(1, -2));
  decode_numbers<double>(NumberFormat::bfloat16, bytes, numbers);
  EXPECT_THAT(numbers, ElementsAre(0.0078125, -2));
  EXPECT_EQ(message_of<ShapeError>(
                [&] { decode_numbers<double>(NumberFormat::float32, bytes, numbers); }),
            "decode_numbers: bytes do not fit (4 for 2 numbers); need 4 each");
}

TEST_F(Npy, KeepsThePayloadOfNan) {
  const std::vector<std::uint32_t> bits = {0x7fc12345u, 0xffc00001u, 0x80000000u, 0xff800000u};
  const auto numbers = read_all<float>(open(npy(header("<f4", "(4,)"), bytes_of_numbers(bits))));
  for (std::size_t i = 0; i < bits.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(numbers[i]), bits[i]);
  }
}

TEST_F(Npy, MakesRowsOfLeadingDimensions) {
  const std::string data = bytes_of_numbers(std::vector<float>(24, 1.0f));
  struct Case {
    const char* shape;
    Index numbers, rows, cols;
  };
  for (const Case& c :
       {Case{"()", 1, 1, 1}, Case{"(5,)", 5, 1, 5}, Case{"(2, 3, 4)", 24, 6, 4},
        Case{"(1, 1, 2, 2)", 4, 2, 2}, Case{"(0,)", 0, 1, 0}, Case{"(0, 3)", 0, 0, 3},
        Case{"(3, 0)", 0, 3, 0}, Case{"(2,3)", 6, 2, 3}, Case{"( 2 , 3 , )", 6, 2, 3}}) {
    const auto file = open(npy(header("<f4", c.shape), data.substr(0, std::size_t(4 * c.numbers))));
    EXPECT_EQ(file.rows(), c.rows) << c.shape;
    EXPECT_EQ(file.cols(), c.cols) << c.shape;
    EXPECT_EQ(Index(read_all<float>(file).size()), c.numbers);
  }
}

TEST_F(Npy, ReadsKeysInAnyOrderAndQuotes) {
  const auto file = open(npy("{\"shape\":(1,2),\n\"fortran_order\":False,\"descr\":\"<f4\"}",
                             bytes_of_numbers(std::vector<float>{1, 2})));
  EXPECT_THAT(read_all<float>(file), ElementsAre(1, 2));
}

// 32768 numbers are decoded at a time: rows that divide it, that do not, and that are longer.
TEST_F(Npy, GivesTheSameRowsInStretchesAndWhole) {
  for (const Index cols : {1, 7, 128, 32768, 32769, 70000}) {
    const Index rows = cols < 1000 ? 70000 / cols + 3 : 5;
    std::vector<double> numbers(std::size_t(rows * cols));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = double(i) + 0.25;
    write_npy(path(), MatrixView<const double>(numbers.data(), rows, cols));
    const NpyFile file(path());
    ASSERT_EQ(read_all<double>(file), numbers) << cols;
    // Into rows that lie apart; what lies between them stays.
    const Index some = rows / 3 + 1;
    std::vector<double> apart(std::size_t(some * (cols + 2)));
    for (Index first = 0; first < rows; first += some) {
      const Index count = std::min(some, rows - first);
      std::fill(apart.begin(), apart.end(), -1.0);
      file.read(first, MatrixView<double>(apart.data(), count, cols, cols + 2));
      for (Index r = 0; r < count; ++r) {
        for (Index c = 0; c < cols + 2; ++c) {
          const double expected = c < cols ? numbers[std::size_t((first + r) * cols + c)] : -1.0;
          ASSERT_EQ(apart[std::size_t(r * (cols + 2) + c)], expected)
              << cols << ' ' << r << ' ' << c;
        }
      }
    }
  }
}

TEST_F(Npy, WritesWhatNumpyWrites) {
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  // A view whose rows lie apart.
  write_npy(path(), MatrixView<const float>(numbers.data(), 2, 2, 3));
  std::ifstream file(path(), std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  const std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
  EXPECT_EQ(content, npy(text + std::string(117 - text.size(), ' ') + "\n",
                         bytes_of_numbers(std::vector<float>{1, 2, 4, 5})));
}

TEST_F(Npy, RefusesRowsThatAreNotThere) {
  const NpyFile file = open(npy(header("<f4", "(2, 3)"), std::string(24, '\0')));
  std::vector<float> memory(100);
  const auto read = [&](Index first, Index rows, Index cols) {
    return message_of<ShapeError>(
        [&] { file.read(first, MatrixView<float>(memory.data(), rows, cols)); });
  };
  EXPECT_EQ(read(1, 2, 3),
            "npy: " + path().string() + ": no such rows (from 1, [2, 3]); need rows of [2, 3]");
  read(-1, 1, 3);
  read(0, 1, 2);
  read(3, 0, 3);
  read(std::numeric_limits<Index>::max(), 1, 3);
  file.read(2, MatrixView<float>(memory.data(), 0, 3));
}

TEST_F(Npy, SaysThatAFileHasBecomeShorter) {
  const NpyFile file = open(npy(header("<f4", "(2, 3)"), std::string(24, '\0')));
  std::filesystem::resize_file(path(), 90);
  EXPECT_THAT(message_of<DataError>([&] { read_all<float>(file); }), HasSubstr("become shorter"));
}

TEST_F(Npy, SaysWhatIsNoFile) {
  const std::string end = "); need a readable file";
  EXPECT_EQ(message_of<DataError>([&] { NpyFile{path()}; }),
            "npy: cannot open " + path().string() + " (No such file or directory" + end);
  EXPECT_EQ(message_of<DataError>([&] { NpyFile{path().parent_path()}; }),
            "npy: cannot open " + path().parent_path().string() + " (no regular file" + end);
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(message_of<DataError>([&] { NpyFile{path()}; }), HasSubstr("no regular file"));
}

TEST_F(Npy, SaysThatItCannotWrite) {
  const std::vector<float> numbers(10000, 1.0f);
  const MatrixView<const float> rows(numbers.data(), 100, 100);
  EXPECT_THAT(message_of<DataError>([&] { write_npy(path() / "deeper", rows); }),
              AllOf(HasSubstr("npy: cannot write"), HasSubstr("; need ")));
  write_npy(path(), MatrixView<const float>(numbers.data(), 2, 3));
  const FileSizeLimit limit(20000);
  EXPECT_THAT(message_of<DataError>([&] { write_npy(path(), rows); }), HasSubstr("cannot write"));
  EXPECT_EQ(NpyFile(path()).rows(), 2) << "the old file is as it was";
  const std::filesystem::directory_iterator folder(path().parent_path());
  EXPECT_EQ(std::distance(begin(folder), end(folder)), 1) << "nothing is left beside it";
}

TEST_F(Npy, WritesThroughLinksAndToDevices) {
  const std::vector<float> numbers = {1, 2};
  const MatrixView<const float> rows(numbers.data(), 2, 1);
  const std::filesystem::path link = path().parent_path() / "link.npy";
  std::filesystem::create_symlink(path(), link);
  write_npy(link, rows);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(NpyFile(path()).rows(), 2);
  write_npy("/dev/null", rows);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

/// The message for integers that are refused.
std::string integers_refused(const std::filesystem::path& path, const std::string& content) {
  scribble(path, content);
  return message_of<DataError>([&] { read_npy_integers(path); });
}

TEST_F(Npy, ReadsIntegersOfEveryWidth) {
  const auto read = [&](const char* dtype, const std::string& bytes, const char* shape = "(3,)") {
    scribble(path(), npy(header(dtype, shape), bytes));
    return read_npy_integers(path());
  };
  EXPECT_THAT(read("|i1", bytes_of_numbers<std::int8_t>({1, -2, 127})), ElementsAre(1, -2, 127));
  EXPECT_THAT(read("|u1", bytes_of_numbers<std::uint8_t>({1, 2, 255})), ElementsAre(1, 2, 255));
  EXPECT_THAT(read("<i2", bytes_of_numbers<std::int16_t>({1, -2, 32767})),
              ElementsAre(1, -2, 32767));
  EXPECT_THAT(read("<u2", bytes_of_numbers<std::uint16_t>({1, 2, 65535})),
              ElementsAre(1, 2, 65535));
  EXPECT_THAT(read("<i4", bytes_of_numbers<std::int32_t>({1, -2, 3})), ElementsAre(1, -2, 3));
  EXPECT_THAT(read("<u4", bytes_of_numbers<std::uint32_t>({1, 2, 4294967295u})),
              ElementsAre(1, 2, 4294967295));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(read("<i8", bytes_of_numbers<std::int64_t>({1, -2, kMost})),
              ElementsAre(1, -2, kMost));
  EXPECT_THAT(read("<u8", bytes_of_numbers<std::uint64_t>({1, 2, 3})), ElementsAre(1, 2, 3));
  EXPECT_THAT(read("<i4", bytes_of_numbers<std::int32_t>({1, 2, 3, 4}), "(2, 2)"),
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(read("<i4", bytes_of_numbers<std::int32_t>({5}), "()"), ElementsAre(5));
  EXPECT_THAT(read("<i4", "", "(0,)"), IsEmpty());
}

TEST_F(Npy, RefusesIntegersThatAreNone) {
  const std::string three(12, '\0');
  EXPECT_THAT(integers_refused(path(), npy(header("<f4", "(3,)"), three)),
              HasSubstr("a dtype that is not read here ('<f4'); need integers"));
  EXPECT_THAT(integers_refused(path(), npy(header("<V2", "(6,)"), three)), HasSubstr("'<V2'"));
  EXPECT_THAT(integers_refused(path(), npy(header("<m8", "(1,)"), three)), HasSubstr("'<m8'"));
  EXPECT_THAT(integers_refused(path(), npy(header("<i4", "(3,)"), three + "x")),
              HasSubstr("has bytes after its numbers (13 bytes behind the header); need 12"));
  EXPECT_THAT(integers_refused(path(), npy(header("<i4", "(4,)"), three)), HasSubstr("cut short"));
  EXPECT_THAT(integers_refused(path(), npy(header("<i8", "(4294967296, 4294967296)"), three)),
              HasSubstr("a shape too large to count"));
  EXPECT_THAT(integers_refused(path(), npy(header("<i8", "(2305843009213693952,)"), three)),
              HasSubstr("a shape too large to count"));
  EXPECT_THAT(integers_refused(path(), npy(header("<u8", "(1,)"),
                                           bytes_of_numbers<std::uint64_t>({1ull << 63}))),
              HasSubstr("an integer too large to count with (9223372036854775808)"));
}

class BrokenNpy : public testing::TestWithParam<Broken> {};

TEST_P(BrokenNpy, IsRefusedWithFileAndReason) {
  const ScratchFolder folder;
  const auto path = folder.path() / "some.npy";
  scribble(path, GetParam().content);
  EXPECT_THAT(message_of<DataError>([&] { NpyFile{path}; }),
              AllOf(HasSubstr("npy: " + path.string() + ": "), HasSubstr(GetParam().reason),
                    HasSubstr("; need ")));
}

const std::string kData(24, '\0');

std::string with(const std::string& dictionary) { return npy(dictionary, kData); }
std::string shaped(const std::string& shape) { return npy(header("<f4", shape), kData); }
std::string typed(const std::string& dtype) { return npy(header(dtype, "(2, 3)"), kData); }

INSTANTIATE_TEST_SUITE_P(
    Npy, BrokenNpy,
    testing::Values(
        Broken{"Empty", "", "is no .npy file (it begins with '')"},
        Broken{"OfAnotherKind", "PK\3\4 and so on",
               "is no .npy file (it begins with 'PK\uFFFD\uFFFD a')"},
        Broken{"HalfAMagic", "\x93NUM", "is no .npy file"},
        Broken{"OnlyAMagic", "\x93NUMPY", "ends in its header (6 bytes)"},
        Broken{"NoLength", std::string("\x93NUMPY\1\0", 8), "ends in its header (8 bytes)"},
        Broken{"NoLongLength", std::string("\x93NUMPY\2\0\4\0", 10), "ends in its header"},
        Broken{"Version0", npy(header("<f4", "(2, 3)"), kData, 0), "no such version (0.0)"},
        Broken{"Version4", npy(header("<f4", "(2, 3)"), kData, 4), "no such version (4.0)"},
        Broken{"Version11", std::string("\x93NUMPY\1\1\2\0{}", 12), "no such version (1.1)"},
        Broken{"HugeHeader", std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12) + "{",
               "too long a header (4294967295 bytes)"},
        Broken{"CutInTheHeader", shaped("(2, 3)").substr(0, 40), "ends in its header (40 bytes)"},
        Broken{"CutInTheData", npy(header("<f4", "(2, 3)"), kData.substr(1)),
               "is cut short (23 by"},
        Broken{"GoesOn", npy(header("<f4", "(2, 3)"), kData + "x"),
               "has bytes after its numbers (25"},
        Broken{"Integers", typed("<i4"), "a dtype that is not read here ('<i4')"},
        Broken{"LongDouble", typed("<f16"), "a dtype that is not read here ('<f16')"},
        Broken{"Complex", typed("<c8"), "a dtype that is not read here ('<c8')"},
        Broken{"Raw", typed("|V4"), "a dtype that is not read here ('|V4')"},
        Broken{"TurnedRaw", typed(">V2"), "a dtype that is not read here ('>V2')"},
        Broken{"TwoOrders", typed("<<f4"), "a dtype that is not read here ('<<f4')"},
        Broken{"TwoWords", typed("<f4 f"), "a dtype that is not read here ('<f4 f')"},
        Broken{"NoDtype", typed(""), "a dtype that is not read here ('')"},
        Broken{"OnlyAnOrder", typed("<"), "a dtype that is not read here ('<')"},
        Broken{"Objects", typed("|O"), "a dtype that is not read here ('|O')"},
        Broken{"Records", with("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}"),
               "records, not numbers"},
        Broken{"NoTruth", with("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}"),
               "an order that is neither True nor False"},
        Broken{"KeyTwice",
               with("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}"),
               "the key 'descr' a second time"},
        Broken{"ShapeTwice", with("{'shape': (2, 3), 'shape': (6,)}"), "the key 'shape' a second"},
        Broken{"OrderTwice", with("{'fortran_order': False, 'fortran_order': True}"),
               "the key 'fortran_order' a second"},
        Broken{"UnknownKey", with("{'what': '<f4'}"), "no such key ('what')"},
        Broken{"NoDescr", with("{'fortran_order': False, 'shape': (2, 3)}"), "without 'descr'"},
        Broken{"NoOrder", with("{'descr': '<f4', 'shape': (2, 3)}"), "without 'fortran_order'"},
        Broken{"NoShape", with("{'descr': '<f4', 'fortran_order': False}"), "without 'shape'"},
        Broken{"NoDictionary", with("[1, 2]"), "no '{' where one belongs"},
        Broken{"EmptyHeader", with(""), "no '{' where one belongs"},
        Broken{"NoColon", with("{'descr' '<f4'}"), "no ':' where one belongs"},
        Broken{"NoComma", with("{'descr': '<f4' 'shape': (2, 3)}"), "no '}' where one belongs"},
        Broken{"OpenQuote", with("{'descr: 1}"), "a quote that nothing closes"},
        Broken{"NoKey", with("{descr: 1}"), "no key where one belongs"},
        Broken{"JunkBehind", with(header("<f4", "(2, 3)") + "x"),
               "something behind the dictionary"},
        Broken{"NulBehind", with(header("<f4", "(2, 3)") + '\0'),
               "something behind the dictionary"},
        Broken{"Negative", shaped("(-2, 3)"), "a negative extent"},
        Broken{"NoTuple", shaped("(6)"), "a shape that is no tuple"},
        Broken{"List", shaped("[2, 3]"), "no '(' where one belongs"},
        Broken{"Padded", shaped("(02, 3)"), "no extent where one belongs"},
        Broken{"Fraction", shaped("(2.0, 3)"), "where one belongs"},
        Broken{"LongLong", shaped("(2LL, 3)"), "no ')' where one belongs"},
        Broken{"OnlyLong", shaped("(L, 3)"), "no extent where one belongs"},
        Broken{"TwoCommas", shaped("(2,, 3)"), "no extent where one belongs"},
        Broken{"ExtentOverflow", shaped("(9223372036854775808, 1)"), "too large to count"},
        Broken{"RowsOverflow", shaped("(4294967296, 4294967296, 0)"), "a shape too large to count"},
        Broken{"NumbersOverflow", shaped("(4294967296, 4294967296)"), "a shape too large to count"},
        Broken{"BytesOverflow", shaped("(4611686018427387904, 1)"), "a shape too large to count"},
        Broken{"ManyDimensions", shaped("(" + repeated("1, ", 65) + ")"), "too many dimensions"}),
    [](const auto& tested) { return tested.param.name; });

TEST(Printable, KeepsWhatIsDrawnAndNothingThatIsActedOn) {
  for (const char* text :
       {"", "plain text, 'quoted' <&>", "caf\u00e9 \u4e2d\u6587 \u03b1 \U0001F600", "e\u0301",
        "\uFFFD", "`$(x)` %s \\n"}) {
    EXPECT_EQ(printable(text), text);
  }
  // Controls of ASCII and C1, line and paragraph separators, directions and what is not seen.
  for (const char* text :
       {"\n", "\r", "\t", "\x1b", "\x07", "\x7f", "\u0080", "\u009b", "\u2028", "\u2029", "\u202a",
        "\u202e", "\u2066", "\u2069", "\u200b", "\u200f", "\u061c", "\ufeff", "\U000E0041"}) {
    EXPECT_EQ(printable("a" + std::string(text) + "b"), "a\uFFFDb");
  }
  EXPECT_EQ(printable(std::string("\0", 1)), "\uFFFD");
  // Bytes that are no UTF-8: alone, cut, overlong, surrogates, beyond the last character.
  EXPECT_EQ(printable("\xff\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(printable("a\xe4\xb8"), "a\uFFFD\uFFFD");
  EXPECT_EQ(printable("\xc0\x9b"), "\uFFFD\uFFFD");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(printable("\xf4\x90\x80\x80").find('\xf4'), std::string::npos);
  EXPECT_EQ(printable("\x1b]0;title\x07\x1b[2J"), "\uFFFD]0;title\uFFFD\uFFFD[2J");
  EXPECT_EQ(printable(std::string(1000000, '\x9b')).size(), 3000000u);
}

}  // namespace
}  // namespace libnorm::test
