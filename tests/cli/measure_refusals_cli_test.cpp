#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/cli/measure_files.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/zip_bytes.hpp"

namespace {

using cli::Measure;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(Measure, RefusesMistakes) {
  struct Case {
    const char *arguments, *sentence;
  };
  for (const Case& c :
       {Case{"", "no file given"}, Case{"a.npy --metrics rank", "unknown metric (rank)"},
        Case{"a.npy --metrics nc1_trace_ratio", "nc1_trace_ratio needs --labels"},
        Case{"a.npy --metrics linear_cka", "linear_cka needs --against"},
        Case{"a.npy --metrics iso_score --centring none", "asks for a centred spectrum"},
        Case{"a.npy --centring median", "unknown word (median)"},
        Case{"a.npy --rows 0", "too few (0)"}, Case{"a.npy --rows 6001", "need at most 6000"},
        Case{"a.npy --threads 0", "need 1 .. 1024"}, Case{"a.npy --time 0", "too few (0)"},
        Case{"a.npy --head a.npy", "needs --labels too"},
        Case{"a.npy --against-tensor x", "needs --against too"},
        Case{"a.npy --labels-tensor x", "needs --labels too"},
        Case{"a.npy --nan-rows ignore", "unknown word (ignore); use error or drop"},
        Case{"a.npy --against a.npy --against-tensor x",
             "--against-tensor: a.npy is a .npy file"}}) {
    const auto outcome = measure(c.arguments);
    EXPECT_EQ(outcome.code, 2) << c.arguments;
    EXPECT_THAT(outcome.err, HasSubstr(c.sentence)) << c.arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST_F(Measure, RefusesBrokenFilesWithOneSentence) {
  const std::string whole = cli::read(scratch_ / "a.npy");
  const auto long_header = std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12) + "{";
  const auto npy = [](const std::string& shape) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + "}\n";
    return std::string("\x93NUMPY\1\0", 8) + char(header.size()) + '\0' + header;
  };
  const auto safetensors = [](const std::string& header, const std::string& data) {
    std::string file(8, '\0');
    file[0] = char(header.size() & 255);
    file[1] = char(header.size() >> 8);
    return file + header + data;
  };
  const auto tensor = [](const char* name, int begin, int end) {
    return "\"" + std::string(name) + "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" +
           std::to_string(begin) + "," + std::to_string(end) + "]}";
  };
  std::string nan = whole;
  nan.replace(nan.size() - 4, 4, std::string("\0\0\xc0\x7f", 4));
  struct Case {
    const char* name;
    std::string content;
    const char* sentence;
  };
  for (const Case& c : std::vector<Case>{
           {"cut.npy", whole.substr(0, whole.size() - 1), "is cut short"},
           {"long.npy", whole + "x", "has bytes after its numbers"},
           {"header.npy", whole.substr(0, 40), "ends in its header"},
           {"huge.npy", long_header, "too long a header"},
           {"empty.npy", "", "is no .npy file"},
           {"wide.npy", npy("(0, 1099511627776)"), "no numbers"},
           {"many.npy", npy("(1099511627776, 0)"), "no numbers"},
           {"overflow.npy", npy("(4294967296, 4294967296)"), "too large to count"},
           {"nan.npy", nan,
            "NaN in row 5999, channel 5, from 0; need finite numbers, or --nan-rows"},
           {"empty.safetensors", "", "ends before its header"},
           {"none.safetensors", safetensors("{}", ""), "no tensor that can be read (0 in all)"},
           {"overlap.safetensors",
            safetensors("{" + tensor("a", 0, 8) + "," + tensor("b", 4, 12) + "}",
                        std::string(12, '\0')),
            "an overlap before 'b'"},
           {"gap.safetensors", safetensors("{" + tensor("a", 4, 12) + "}", std::string(12, '\0')),
            "a gap before 'a'"},
           {"cut.safetensors", safetensors("{" + tensor("a", 0, 8) + "}", "1234"), "is cut short"},
           {"long.safetensors", safetensors("{" + tensor("a", 0, 8) + "}", "123456789"),
            "has bytes after its tensors"},
           {"junk", "PK and so on and on", "junk: is text; need a .npy file"},
           {"model.safetensors.index.json", "{\"weight_map\": {}}", "is the index of a model"}}) {
    cli::write(scratch_ / c.name, c.content);
    const auto outcome = measure(c.name);
    EXPECT_EQ(outcome.code, 3) << c.name << outcome.out;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(c.name), HasSubstr(c.sentence), HasSubstr("need ")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  EXPECT_EQ(measure("nowhere.npy").code, 3);
  EXPECT_EQ(measure(".").code, 3);
}

}  // namespace
