#include "libnorm/data/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/safetensors_bytes.hpp"
#include "tests/support/stored_numbers.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm::test {
namespace {

using harness::message_of;
using harness::ScratchFolder;
using harness::scribble;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST_F(Safetensors, ReadsWhatIsWrittenByHand) {
  const auto file = open(file_of(
      "{ \"w\" : {\"shape\":[2, 2],\n\"data_offsets\":[4,20],\"dtype\":\"F32\"},\t"
      "\"__metadata__\":{\"format\":\"pt\",\"\":\"\"}," +
          entry("h", "F16", "[2]", 0, 4) + "}   ",
      bytes_of_numbers<std::uint16_t>({0x3c00, 0xc000}) + bytes_of_numbers<float>({1, 2, 3, 4})));
  EXPECT_THAT(file.metadata(), ElementsAre(Pair("", ""), Pair("format", "pt")));
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.tensors()[0].name, "h");
  EXPECT_EQ(file.tensors()[1].dtype, "F32");
  EXPECT_THAT(file.tensors()[1].shape, ElementsAre(2, 2));
  EXPECT_THAT(read_all<float>(file.rows("h")), ElementsAre(1, -2));
  EXPECT_THAT(read_all<double>(file.rows("w")), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(file.find("x"), nullptr);
}

TEST_F(Safetensors, ReadsEveryBfloat16Exactly) {
  std::vector<std::uint16_t> bits(65536);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = std::uint16_t(i);
  const auto file =
      open(file_of("{" + entry("b", "BF16", "[64,1024]", 0, 131072) + "}", bytes_of_numbers(bits)));
  EXPECT_EQ(file.rows("b").format(), NumberFormat::bfloat16);
  const auto floats = read_all<float>(file.rows("b"));
  const auto doubles = read_all<double>(file.rows("b"));
  for (std::size_t i = 0; i < bits.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(floats[i]), std::uint32_t(i) << 16);
    if (std::isnan(floats[i])) {
      ASSERT_TRUE(std::isnan(doubles[i]));
    } else {
      ASSERT_EQ(doubles[i], double(floats[i]));
    }
  }
  EXPECT_EQ(floats[1], 0x1p-133f);
  EXPECT_EQ(floats[0xff80], -std::numeric_limits<float>::infinity());
}

TEST_F(Safetensors, ListsWhatItCannotRead) {
  const auto file = open(file_of("{" + entry("bn.num_batches_tracked", "I64", "[]", 0, 8) + "," +
                                     entry("mask", "BOOL", "[3]", 8, 11) + "," +
                                     entry("f4", "F4", "[2]", 11, 12) + "," +
                                     entry("w", "F32", "[1]", 12, 16) + "}",
                                 std::string(12, '\0') + bytes_of_numbers<float>({2})));
  EXPECT_EQ(file.tensors().size(), 4u);
  EXPECT_THAT(read_all<float>(file.rows("w")), ElementsAre(2));
  EXPECT_EQ(message_of<DataError>([&] { file.rows("mask"); }),
            "safetensors: " + path().string() +
                ": tensor 'mask' cannot be read (dtype BOOL); need F16, BF16, F32 or F64");
  EXPECT_EQ(message_of<DataError>([&] { file.rows("v"); }),
            "safetensors: " + path().string() +
                ": no tensor 'v' (4 others); need the name of one that is there");
}

TEST_F(Safetensors, ReadsEmptyFilesAndTensors) {
  EXPECT_THAT(open(file_of("{}")).tensors(), IsEmpty());
  const auto file =
      open(file_of("{" + entry("b", "F32", "[0,3]", 4, 4) + "," + entry("a", "F32", "[]", 0, 4) +
                       "," + entry("", "F64", "[3,0]", 0, 0) + "}",
                   bytes_of_numbers<float>({5})));
  EXPECT_THAT(read_all<float>(file.rows("a")), ElementsAre(5));
  EXPECT_EQ(file.rows("b").rows(), 0);
  EXPECT_EQ(file.rows("").cols(), 0);
}

TEST_F(Safetensors, ReadsNamesWithEscapes) {
  const auto file = open(file_of(
      R"({"__metadata__":{"k":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00)"
      "\xe2\x82\xac\"},\"\\u0000\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"));
  EXPECT_EQ(file.metadata().at("k"),
            "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x82\xac");
  EXPECT_EQ(file.tensors()[0].name, std::string(1, '\0'));
}

TEST_F(Safetensors, RowsOutliveTheFile) {
  const StoredRows rows =
      open(file_of("{" + entry("w", "F32", "[1]", 0, 4) + "}", bytes_of_numbers<float>({2})))
          .rows("w");
  EXPECT_THAT(read_all<float>(rows), ElementsAre(2));
}

class BrokenSafetensors : public testing::TestWithParam<Broken> {};

TEST_P(BrokenSafetensors, IsRefusedWithFileAndReason) {
  const ScratchFolder folder;
  const auto path = folder.path() / "some.safetensors";
  scribble(path, GetParam().content);
  EXPECT_THAT(message_of<DataError>([&] { SafetensorsFile{path}; }),
              AllOf(HasSubstr("safetensors: " + path.string() + ": "), HasSubstr(GetParam().reason),
                    HasSubstr("; need ")));
}

const std::string kTwoNumbers(8, '\0');

std::string with_tensors(const std::string& tensors) {
  return file_of("{" + tensors + "}", kTwoNumbers);
}
std::string with_info(const std::string& info) { return with_tensors("\"w\":{" + info + "}"); }
std::string of_shape(const std::string& shape) {
  return with_tensors(entry("w", "F32", shape, 0, 8));
}
std::string with_text(const std::string& text) {
  return file_of("{\"__metadata__\":{\"k\":\"" + text + "\"}}");
}

INSTANTIATE_TEST_SUITE_P(
    Frame, BrokenSafetensors,
    testing::Values(
        Broken{"Empty", "", "ends before its header (0 bytes)"},
        Broken{"SevenBytes", "1234567", "ends before its header (7 bytes)"},
        Broken{"OfAnotherKind", "PK\3\4 and so on", "too long a header"},
        Broken{"HugeHeader", with_length(~std::uint64_t{0}, "{}"), "too long a header (18446744"},
        Broken{"HeaderOver100Megabytes", with_length(100'000'001, "{}"), "(100000001 bytes)"},
        Broken{"CutInTheHeader", with_length(100, "{}"), "ends in its header (10 bytes"},
        Broken{"CutInTheData", file_of("{" + entry("w", "F32", "[2]", 0, 8) + "}", "1234567"),
               "is cut short in 'w' (bytes 0 .. 8, of 7)"},
        Broken{"GoesOn", file_of("{" + entry("w", "F32", "[2]", 0, 8) + "}", "123456789"),
               "has bytes after its tensors (9 bytes of data); need 8"},
        Broken{"DataWithoutTensors", file_of("{}", "1"), "has bytes after its tensors"},
        Broken{"GapInFront", with_tensors(entry("w", "F32", "[1]", 4, 8)),
               "a gap before 'w' (bytes 4 .. 8)"},
        Broken{"Gap",
               with_tensors(entry("v", "U8", "[3]", 0, 3) + "," + entry("w", "F32", "[1]", 4, 8)),
               "a gap before 'w'"},
        Broken{"Overlap",
               with_tensors(entry("v", "F32", "[2]", 0, 8) + "," + entry("w", "U8", "[4]", 4, 8)),
               "an overlap before 'w' (bytes 4 .. 8)"},
        Broken{"SamePlace",
               with_tensors(entry("v", "F32", "[2]", 0, 8) + "," + entry("w", "F32", "[2]", 0, 8)),
               "an overlap before 'w'"},
        Broken{"Reversed", with_tensors(entry("w", "F32", "[2]", 8, 0)),
               "offsets that are not as dtype"},
        Broken{"TooFewBytes", with_tensors(entry("w", "F32", "[3]", 0, 8)),
               "offsets that are not as dtype and shape of 'w' (bytes 0 .. 8); need 12 bytes"},
        Broken{"FarAway",
               with_tensors(entry("w", "F32", "[2]", 9223372036854775799, 9223372036854775807)),
               "a gap before 'w'"},
        Broken{"ShapeOverflow", of_shape("[4294967296,4294967296]"), "a shape too large to count"},
        Broken{"BitsOverflow", of_shape("[288230376151711744]"), "a shape too large to count"},
        Broken{"InsideAByte", with_tensors(entry("w", "F4", "[15]", 0, 8)),
               "'w' ends inside a byte"},
        Broken{"UnknownDtype", with_tensors(entry("w", "F33", "[2]", 0, 8)),
               "an unknown dtype, 'F33'"},
        Broken{"NameTwice",
               with_tensors(entry("w", "U8", "[4]", 0, 4) + "," + entry("w", "U8", "[4]", 4, 8)),
               "tensor 'w' a second time"},
        Broken{
            "NameTwiceByEscape",
            with_tensors(entry("w", "U8", "[4]", 0, 4) + "," + entry("\\u0077", "U8", "[4]", 4, 8)),
            "tensor 'w' a second time"}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Json, BrokenSafetensors,
    testing::Values(
        Broken{"NoHeader", with_length(0, ""), "begins with no '{'"},
        Broken{"Array", file_of("[]"), "begins with no '{'"},
        Broken{"SpaceInFront", file_of(" {}"), "begins with no '{'"},
        Broken{"Open", file_of("{"), "no '\"' where one belongs (byte 1"},
        Broken{"OpenString", file_of("{\"w"), "a string that nothing closes (byte 3"},
        Broken{"CommaAtTheEnd", with_tensors(entry("w", "F32", "[2]", 0, 8) + ","),
               "no '\"' where one"},
        Broken{"Behind", file_of("{}{}"), "something behind the header's object (byte 2"},
        Broken{"NulBehind", file_of(std::string("{} \0", 4)), "something behind the header's"},
        Broken{"NulInside", file_of(std::string("{\0}", 3)), "no '\"' where one belongs"},
        Broken{"Deep", file_of(repeated("{\"a\":", 100000)), "a key that is unknown, 'a'"},
        Broken{"DeepArrays", of_shape(repeated("[", 100000)), "no whole number where one belongs"},
        Broken{"NoUtf8", with_text("\xc3("), "bytes that are no UTF-8 (byte 22"},
        Broken{"Overlong", with_text("\xc0\x80"), "bytes that are no UTF-8"},
        Broken{"Surrogate", with_text("\xed\xa0\x80"), "bytes that are no UTF-8"},
        Broken{"ControlCharacter", with_text("\n"), "a control character in a string"},
        Broken{"UnknownEscape", with_text("\\x41"), "an escape that is unknown"},
        Broken{"ShortEscape", with_text("\\u12"), "an escape that is cut"},
        Broken{"HighSurrogate", with_text("\\ud83d"), "half a character"},
        Broken{"HighTwice", with_text("\\ud83d\\ud83d"), "half a character"},
        Broken{"LowSurrogate", with_text("\\ude00"), "half a character"},
        Broken{"MetadataTwice", file_of("{\"__metadata__\":{},\"__metadata__\":{}}"),
               "metadata a second time"},
        Broken{"MetadataKeyTwice", file_of("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"),
               "metadata with the key 'a' a second time"},
        Broken{"MetadataNumber", file_of("{\"__metadata__\":{\"a\":1}}"), "no '\"' where one"},
        Broken{"MetadataNull", file_of("{\"__metadata__\":null}"), "no '{' where one belongs"},
        Broken{"TensorNumber", file_of("{\"w\":1}"), "no '{' where one belongs"},
        Broken{"UnknownKey", with_info("\"x\":1"), "'w' has a key that is unknown, 'x'"},
        Broken{"DtypeTwice", with_info("\"dtype\":\"F32\",\"dtype\":\"F32\""), "'dtype' a second"},
        Broken{"ShapeTwice", with_info("\"shape\":[],\"shape\":[]"), "'shape' a second time"},
        Broken{"OffsetsTwice", with_info("\"data_offsets\":[],\"data_offsets\":[]"),
               "'data_offsets' a second time"},
        Broken{"NoDtype", with_info("\"shape\":[2],\"data_offsets\":[0,8]"), "has no dtype"},
        Broken{"NoShape", with_info("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), "no shape"},
        Broken{"NoOffsets", with_info("\"dtype\":\"F32\",\"shape\":[2]"), "no two offsets"},
        Broken{"ThreeOffsets", with_info("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,8,8]"),
               "no two offsets"},
        Broken{"Negative", of_shape("[-2]"), "a negative number"},
        Broken{"Fraction", of_shape("[2.0]"), "no ']' where one belongs"},
        Broken{"Exponent", of_shape("[2e0]"), "no ']' where one belongs"},
        Broken{"Padded", of_shape("[02]"), "no whole number"},
        Broken{"NumberAsText", of_shape("[\"2\"]"), "no whole number"},
        Broken{"NumberOverflow", of_shape("[9223372036854775808]"), "a number too large"},
        Broken{"ManyDimensions", of_shape("[" + repeated("1,", 64) + "2]"), "too many dimensions"},
        Broken{"NoColon", file_of("{\"w\" 1}"), "no ':' where one belongs"}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace libnorm::test
