#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "libnorm/data/npy.hpp"
#include "tests/support/npy_bytes.hpp"
#include "tests/support/stored_numbers.hpp"
#include "tests/unit/data/npy_folder.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

// What NumPy takes for the same: words for a type, byte orders, headers, orders of the array.
namespace libnorm::test {
namespace {

using harness::scribble;
using testing::ElementsAre;

using NpyWords = NpyFolder;

// The numbers are 1.5 and -2 in each width.
TEST_F(NpyWords, ReadsEverySpellingOfADtype) {
  struct Case {
    NumberFormat format;
    const char *bytes, *reversed;
    std::vector<const char*> words;
  };
  for (const Case& c : std::vector<Case>{
           {NumberFormat::float16, "003e00c0", "3e00c000", {"f2", "e", "float16", "half"}},
           {NumberFormat::float32,
            "0000c03f000000c0",
            "3fc00000c0000000",
            {"f4", "f", "float32", "single"}},
           {NumberFormat::float64,
            "000000000000f83f00000000000000c0",
            "3ff8000000000000c000000000000000",
            {"f8", "d", "float64", "double", "float"}}}) {
    for (const std::string word : c.words) {
      for (const std::string order : {"", "<", "=", "|"}) {
        const auto file = open(npy(header(order + word, "(2,)"), from_hex(c.bytes)));
        EXPECT_EQ(file.format(), c.format) << order + word;
        EXPECT_THAT(read_all<double>(file), ElementsAre(1.5, -2)) << order + word;
      }
      const auto file = open(npy(header(">" + word, "(2,)"), from_hex(c.reversed)));
      EXPECT_THAT(read_all<float>(file), ElementsAre(1.5f, -2)) << word;
    }
  }
  // As ml_dtypes 0.5 has numpy.save write 1.5, -2 and infinity.
  for (const char* word : {"<V2", "|V2", "V2", "bfloat16"}) {
    const auto file = open(npy(header(word, "(3,)"), from_hex("c03f00c0807f")));
    EXPECT_EQ(file.format(), NumberFormat::bfloat16) << word;
    EXPECT_THAT(read_all<double>(file),
                ElementsAre(1.5, -2, std::numeric_limits<double>::infinity()));
  }
}

TEST_F(NpyWords, ReadsHeadersAsPythonDoes) {
  for (const char* text :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2L), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2L,)}",
        "{u'descr': u'<f4', u'fortran_order': False, u'shape': (1, 2)}",
        "{ \"descr\" :\t\"<f4\" , \"fortran_order\":False,\r\n\"shape\" : ( 1 , 2 , ) , }\t \n",
        "{'shape': (1, 2), 'descr': 'f', 'fortran_order': True}"}) {
    const auto file = open(npy(text, bytes_of_numbers(std::vector<float>{1, 2})));
    EXPECT_THAT(file.shape(), ElementsAre(1, 2)) << text;
    EXPECT_THAT(read_all<float>(file), ElementsAre(1, 2)) << text;
  }
}

/// Numbers 0 .. of a shape as NumPy has them in Fortran order.
std::vector<double> in_fortran_order(const std::vector<Index>& shape) {
  Index count = 1;
  for (const Index extent : shape) count *= extent;
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    Index rest = i, place = 0, stride = count;
    for (std::size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      stride /= shape[d];
      place += rest % shape[d] * stride;
    }
    numbers[std::size_t(place)] = double(i);
  }
  return numbers;
}

TEST_F(NpyWords, ReadsFortranOrder) {
  // numpy.save of numpy.asfortranarray(numpy.arange(12, dtype="f4").reshape(2, 2, 3)).
  const auto saved =
      open(npy(turned("<f4", "(2, 2, 3)"),
               from_hex("000000000000c04000004040000010410000803f0000e04000008040000020410000004000"
                        "0000410000a04000003041")));
  std::vector<double> counted(12);
  for (std::size_t i = 0; i < counted.size(); ++i) counted[i] = double(i);
  EXPECT_EQ(read_all<double>(saved), counted);
  // Lines that are short and long, one or many, and longer than what is read at a time.
  for (const std::vector<Index>& shape : std::vector<std::vector<Index>>{{7, 3},
                                                                         {3, 1500},
                                                                         {1500, 7},
                                                                         {40000, 2},
                                                                         {1, 5},
                                                                         {5, 1},
                                                                         {1, 6, 4},
                                                                         {6, 1, 4},
                                                                         {3, 5, 4},
                                                                         {2000, 3, 2},
                                                                         {2, 2000, 3},
                                                                         {2, 3, 4, 5},
                                                                         {33000, 2, 1}}) {
    std::string text = "(";
    for (const Index extent : shape) text += std::to_string(extent) + ", ";
    const auto file =
        open(npy(turned("<f8", text + ")"), bytes_of_numbers(in_fortran_order(shape))));
    for (const Index some : {file.rows(), file.rows() / 3 + 1, Index{1}}) {
      if (file.rows() > 100 * some) continue;
      std::vector<double> numbers(std::size_t(some * file.cols()));
      for (Index first = 0; first < file.rows(); first += some) {
        const Index count = std::min(some, file.rows() - first);
        file.read(first, MatrixView<double>(numbers.data(), count, file.cols()));
        for (Index i = 0; i < count * file.cols(); ++i) {
          ASSERT_EQ(numbers[std::size_t(i)], double(first * file.cols() + i))
              << text << ' ' << some;
        }
      }
    }
  }
  EXPECT_EQ(open(npy(turned("<f4", "(0, 3)"), "")).rows(), 0);
}

TEST_F(NpyWords, ReadsEverySpellingOfIntegers) {
  const auto read = [&](const std::string& text, const std::string& hex) {
    scribble(path(), npy(text, from_hex(hex)));
    return read_npy_integers(path());
  };
  for (const char* word : {"<u1", ">u1", "=u1", "|u1", "u1", "B", "uint8", "ubyte"}) {
    EXPECT_THAT(read(header(word, "(2,)"), "03ff"), ElementsAre(3, 255)) << word;
  }
  for (const char* word : {"<i1", ">i1", "i1", "b", "int8"}) {
    EXPECT_THAT(read(header(word, "(2,)"), "03ff"), ElementsAre(3, -1)) << word;
  }
  for (const char* word : {"|b1", "b1", "?", "bool"}) {
    EXPECT_THAT(read(header(word, "(3,)"), "010002"), ElementsAre(1, 0, 1)) << word;
  }
  EXPECT_THAT(read(header(">i2", "(2,)"), "0102fffe"), ElementsAre(258, -2));
  EXPECT_THAT(read(header("int64", "(1,)"), "feffffffffffffff"), ElementsAre(-2));
  EXPECT_THAT(read(header(">u4", "(6L,)").replace(0, 0, " "),
                   "000000010000000200000003000000040000000500000006"),
              ElementsAre(1, 2, 3, 4, 5, 6));
  // numpy.save of numpy.asfortranarray(numpy.arange(6, dtype="<i2").reshape(2, 3)).
  EXPECT_THAT(read(turned("<i2", "(2, 3)"), "000003000100040002000500"),
              ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(read(turned("<i2", "(3,)"), "000003000100"), ElementsAre(0, 3, 1));
}

TEST_F(NpyWords, TellsWhatAFileHolds) {
  const auto summary = [&](const char* dtype) {
    scribble(path(), npy(header(dtype, "(0, 2)"), ""));
    return summarize_npy(std::make_shared<const OpenFile>(path(), "npy"));
  };
  EXPECT_EQ(summary(">f8").numbers, NpyNumbers::real);
  EXPECT_EQ(summary("<V2").numbers, NpyNumbers::real);
  EXPECT_EQ(summary("?").numbers, NpyNumbers::whole);
  EXPECT_EQ(summary("|O").numbers, NpyNumbers::other);
  EXPECT_EQ(summary("<U3").dtype, "<U3");
  EXPECT_THAT(summary("f").shape, ElementsAre(0, 2));
}

}  // namespace
}  // namespace libnorm::test
