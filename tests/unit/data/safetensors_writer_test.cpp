#include "libnorm/data/safetensors_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/safetensors_bytes.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm::test {
namespace {

using harness::FileSizeLimit;
using harness::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

using SafetensorsWriter = Safetensors;

TEST_F(SafetensorsWriter, WritesNamesInOrderAndDataAligned) {
  const std::vector<float> numbers = {1, 2, 3};
  const NamedTensor<float> tensors[] = {{"b", {1, 2}, numbers.data()}, {"a", {}, &numbers[2]}};
  write_safetensors<float>(path(), tensors, {{"k", "v\n"}});
  std::string header = "{\"__metadata__\":{\"k\":\"v\\u000a\"}," + entry("a", "F32", "[]", 0, 4) +
                       "," + entry("b", "F32", "[1,2]", 4, 12) + "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(content(), file_of(header, bytes_of_numbers<float>({3, 1, 2})));
}

TEST_F(SafetensorsWriter, ReadsBackWhatItWrites) {
  std::vector<double> numbers(70000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 1.0 / double(i + 1);
  const std::string odd = "\"\\\x01\xc3\xa9/\n";
  const NamedTensor<double> tensors[] = {
      {"w", {7, 2, 5000}, numbers.data()}, {odd, {3}, numbers.data()}, {"", {0, 9}, nullptr}};
  write_safetensors<double>(path(), tensors, {{odd, odd}});
  const SafetensorsFile file(path());
  EXPECT_THAT(file.metadata(), ElementsAre(Pair(odd, odd)));
  const StoredRows rows = file.rows("w");
  EXPECT_THAT(rows.shape(), ElementsAre(7, 2, 5000));
  EXPECT_EQ(rows.rows(), 14);
  EXPECT_EQ(read_all<double>(rows), numbers);
  EXPECT_EQ(read_all<double>(file.rows(odd)), std::vector<double>({1, 0.5, 1.0 / 3}));
  for (Index first = 0; first < 14; first += 4) {
    const Index count = std::min<Index>(4, 14 - first);
    std::vector<double> some(std::size_t(count * 5000));
    rows.read(first, MatrixView<double>(some.data(), count, 5000));
    EXPECT_TRUE(std::equal(some.begin(), some.end(), numbers.begin() + first * 5000));
  }
}

TEST_F(SafetensorsWriter, RefusesToWriteWhatIsNone) {
  const float one = 1;
  const auto write = [&](const NamedTensor<float>& first, const NamedTensor<float>& second) {
    const NamedTensor<float> tensors[] = {first, second};
    write_safetensors<float>(path(), tensors);
  };
  const NamedTensor<float> good = {"a", {1}, &one};
  EXPECT_EQ(message_of<ValueError>([&] { write(good, good); }),
            "safetensors: name is taken ('a'); need names of their own");
  EXPECT_THAT(message_of<ValueError>([&] {
                write(good, {"__metadata__", {1}, &one});
              }),
              HasSubstr("name is taken ('__metadata__')"));
  EXPECT_THAT(message_of<ValueError>([&] {
                write(good, {"\xff", {1}, &one});
              }),
              HasSubstr("no UTF-8 ('\uFFFD')"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                write(good, {"b", {-1}, &one});
              }),
              HasSubstr("invalid shape ('b', extent -1)"));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SafetensorsWriter, SaysThatItCannotWrite) {
  const std::vector<float> numbers(10000);
  const NamedTensor<float> tensors[] = {{"w", {10000}, numbers.data()}};
  const FileSizeLimit limit(20000);
  EXPECT_THAT(message_of<DataError>([&] { write_safetensors<float>(path(), tensors); }),
              AllOf(HasSubstr("safetensors: cannot write"), HasSubstr("; need ")));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace libnorm::test
