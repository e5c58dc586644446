#include "harness/activations/activation_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "harness/activations/sound_rows.hpp"
#include "harness/base/zip_file.hpp"
#include "libnorm/data/npy.hpp"
#include "tests/support/npy_bytes.hpp"
#include "tests/support/stored_numbers.hpp"
#include "tests/support/zip_bytes.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::Index;
using libnorm::MatrixView;
using libnorm::ValueError;
using libnorm::test::bytes_of_numbers;
using libnorm::test::read_all;
using libnorm::test::zip_bytes;
using libnorm::test::Zipped;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string npy(const std::string& dtype, const std::string& shape, const std::string& data) {
  return libnorm::test::npy(libnorm::test::header(dtype, shape), data);
}

const std::string kX = npy("<f4", "(2, 2)", bytes_of_numbers<float>({1, 2, 3, 4}));
const std::string kY = npy("<i8", "(2,)", bytes_of_numbers<std::int64_t>({5, -6}));

class ActivationFiles : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& content) const {
    scribble(folder_.path() / name, content);
    return folder_.path() / name;
  }
  ActivationFile open(const std::string& content, const char* name = nullptr,
                      const std::string& as = "some.npz") const {
    ArrayChoice choice{std::nullopt, "tensor"};
    if (name) choice.name = name;
    return open_activations(file(as, content), choice);
  }
  template <class Kind = DataError>
  std::string refused(const std::string& content, const char* name = nullptr,
                      const std::string& as = "some.npz") const {
    return message_of<Kind>([&] { read_all<float>(open(content, name, as).rows); });
  }

  ScratchFolder folder_;
};

TEST_F(ActivationFiles, ReadWhatNumpyZips) {
  // numpy.savez and numpy.savez_compressed of x = arange(6, dtype "f4").reshape(2, 3) and
  // y = [0, 1], by NumPy 2.4.
  const std::string ends[] = {libnorm::test::kNumpyStored, libnorm::test::kNumpyDeflated};
  for (const std::string& bytes : ends) {
    const ActivationFile x = open(bytes);
    EXPECT_EQ(x.tensor, "x");
    EXPECT_EQ(x.name(), (folder_.path() / "some.npz").string() + ", array 'x'");
    EXPECT_THAT(x.rows.shape(), ElementsAre(2, 3));
    EXPECT_THAT(read_all<float>(x.rows), ElementsAre(0, 1, 2, 3, 4, 5));
    // Backward and forward again, and threads may share it.
    std::vector<float> row(3);
    x.rows.read(1, MatrixView<float>(row.data(), 1, 3));
    EXPECT_THAT(row, ElementsAre(3, 4, 5));
    x.rows.read(0, MatrixView<float>(row.data(), 1, 3));
    EXPECT_THAT(row, ElementsAre(0, 1, 2));
    EXPECT_THAT(read_labels(folder_.path() / "some.npz", {std::nullopt, "labels-tensor"}),
                ElementsAre(0, 1));
  }
}

TEST_F(ActivationFiles, FindTheArrayThatIsMeant) {
  const std::string two = zip_bytes({{"a.npy", kX}, {"b.npy", kX}, {"y.npy", kY}, {"note", "hi"}});
  EXPECT_THAT(read_all<float>(open(two, "b").rows), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(
      refused<ValueError>(two),
      AllOf(HasSubstr("--tensor: "), HasSubstr("holds several; name one of 'a' [2, 2], 'b'")));
  EXPECT_THAT(refused<ValueError>(two, "c"), HasSubstr("has no array 'c'; use one of 'a' [2, 2]"));
  EXPECT_THAT(refused(two, "y"), HasSubstr("a dtype that is not read here ('<i8')"));
  EXPECT_THAT(refused(zip_bytes({{"y.npy", kY}})),
              HasSubstr("no array that can be read (1 in all)"));
  // Whatever it is called.
  EXPECT_EQ(open(zip_bytes({{"a.npy", kX}}), nullptr, "some.data").tensor, "a");
  EXPECT_EQ(open(kX, nullptr, "some.npz").tensor, std::nullopt);
  EXPECT_THAT(read_labels(file("l", zip_bytes({{"a.npy", kX}, {"y.npy", kY}})), {}),
              ElementsAre(5, -6));
  EXPECT_THAT(message_of<ValueError>([&] {
                read_labels(file("l", zip_bytes({{"a.npy", kY}, {"y.npy", kY}})),
                            {std::nullopt, "labels-tensor"});
              }),
              HasSubstr("--labels-tensor: "));
  // Names beyond ASCII are printed, and what steers a terminal is not.
  EXPECT_THAT(refused<ValueError>(zip_bytes({{"\u6fc0\u6d3b.npy", kX}, {"b\x1b[2J.npy", kX}})),
              AllOf(HasSubstr("'\u6fc0\u6d3b'"), HasSubstr("'b\uFFFD[2J'")));
}

TEST_F(ActivationFiles, ReadEveryFormOfAZipFile) {
  const auto expect_x = [&](const std::string& bytes) {
    EXPECT_THAT(read_all<float>(open(bytes, "x").rows), ElementsAre(1, 2, 3, 4));
  };
  for (const bool deflated : {false, true}) {
    for (const bool wide : {false, true}) {
      for (const bool described : {false, true}) {
        Zipped x{"x.npy", kX};
        x.deflated = deflated;
        x.wide = wide;
        x.described = described;
        expect_x(zip_bytes({{"first", "nothing"}, x, {"y.npy", kY}}));
        expect_x(zip_bytes({x}, "a comment PK\5\6 that looks like an end"));
      }
    }
  }
}

TEST_F(ActivationFiles, RefuseZipFilesThatAreDamaged) {
  Zipped x{"x.npy", kX};
  x.deflated = true;
  const std::string stored = zip_bytes({{"x.npy", kX}}), deflated = zip_bytes({x});
  const auto changed = [](std::string bytes, std::size_t at) {
    bytes[at] = char(bytes[at] ^ 1);
    return bytes;
  };
  const std::size_t number = stored.find(kX) + kX.size() - 4;
  EXPECT_THAT(refused(changed(stored, number)), HasSubstr("differs from its checksum (damaged)"));
  EXPECT_THAT(refused(changed(deflated, deflated.find(kX) + kX.size() - 4)),
              HasSubstr("differs from its checksum (damaged)"));
  // Bytes of deflate's own: the kind of block, and its length.
  EXPECT_THAT(refused(changed(deflated, deflated.find(kX) - 4)), HasSubstr("cannot be unpacked"));
  for (std::size_t size = 4; size < stored.size(); ++size) {
    EXPECT_THAT(refused(stored.substr(0, size)), HasSubstr("no list of members at its end"));
  }
  EXPECT_THAT(refused(stored + "x"), HasSubstr("no list of members at its end"));
  Zipped wrong{"x.npy", kX};
  wrong.method = 14;
  EXPECT_THAT(refused(zip_bytes({wrong})),
              HasSubstr("'x.npy' is packed in a way that is not read"));
  wrong.method = -1;
  wrong.encrypted = true;
  EXPECT_THAT(refused(zip_bytes({wrong})), HasSubstr("'x.npy' is encrypted"));
  EXPECT_THAT(refused(zip_bytes({{"x.npy", kX}, {"x.npy", kX}})), HasSubstr("a second time"));
  Zipped hidden{"x.npy", kX};
  hidden.local_name = "z.npy";
  EXPECT_THAT(refused(zip_bytes({hidden})), HasSubstr("is not where the list of members says"));
  Zipped shared{"y.npy", kX};
  shared.at = 0;
  EXPECT_THAT(refused(zip_bytes({{"x.npy", kX}, shared})), HasSubstr("members that overlap"));
  for (const std::int64_t size : {std::int64_t(kX.size()) + 1, std::int64_t{1} << 62}) {
    Zipped longer = x;
    longer.size = size;
    EXPECT_THAT(refused(zip_bytes({longer})),
                AllOf(HasSubstr("array 'x'"), HasSubstr("has bytes after its numbers")));
  }
  // A header that promises what the member says, and has not.
  Zipped bomb{"x.npy", npy("<f4", "(1024, 1024)", "")};
  bomb.deflated = true;
  bomb.size = std::int64_t(bomb.data.size()) + 4 * 1024 * 1024;
  EXPECT_THAT(refused(zip_bytes({bomb})), HasSubstr("ends before its size"));
  Zipped more{"x.npy", kX + "1234"};
  more.deflated = true;
  more.size = std::int64_t(kX.size());
  EXPECT_THAT(refused(zip_bytes({more})), HasSubstr("is longer than its size"));
}

// A part of any file: nothing may be read that is not there.
TEST_F(ActivationFiles, SurviveAnyByteOfAZipFile) {
  const std::string whole = libnorm::test::kNumpyDeflated;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bits : {0xff, 0x01, 0x80}) {
      std::string bytes = whole;
      bytes[at] = char(bytes[at] ^ bits);
      try {
        EXPECT_EQ(read_all<float>(open(bytes, "x").rows).size(), 6u);
      } catch (const DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("; need ")) << at;
      } catch (const ValueError&) {
      }
    }
  }
}

TEST_F(ActivationFiles, NameWhatTheyAre) {
  struct Case {
    const char* name;
    std::string content;
    const char *what, *advice;
  };
  const auto gguf = std::string("GGUF\3\0\0\0", 8) + std::string(24, '\0');
  for (const Case& c : std::vector<Case>{
           {"a.pt", zip_bytes({{"archive/data.pkl", "\x80\2."}, {"archive/data/0", "abcd"}}),
            "a PyTorch checkpoint", "safetensors.torch.save_file"},
           {"b.pth", "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.",
            "a PyTorch checkpoint of before 1.6", "numpy.save"},
           {"c.pkl", "\x80\4\x95\0\0", "a Python pickle", "numpy.save"},
           {"d.gguf", gguf, "a GGUF file", "safetensors"},
           {"model.safetensors.index.json",
            "{\n  \"metadata\": {\"total_size\": 12},\n  \"weight_map\": {\"a\": \"b\"}}",
            "the index of a model in several safetensors files", "one of those"},
           {"e.json", "[1, 2]", "JSON", ".npy"},
           {"f.h5", "\x89HDF\r\n\x1a\n....", "an HDF5 file", "h5py"},
           {"g.onnx", std::string("\x08\x07\x12\x07pytorch\0", 12), "an ONNX model", "onnx"},
           {"h.npy.gz", "\x1f\x8b\x08....", "a file packed by gzip", "packed in it"},
           {"i.npy", "\x1f\x8b\x08....", "a file packed by gzip", "packed in it"},
           {"j.csv", "1.5,2\n3,4\n", "text", "numpy.loadtxt"},
           {"k.npy", "1.5,2\n3,4\n", "text", "numpy.loadtxt"},
           {"l.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
            "a pointer of Git LFS", "git lfs pull"},
           {"m.npz", "<!DOCTYPE html>\n<html>", "a web page", "download"},
           {"n.zip", zip_bytes({{"a.txt", "hello"}}), "a zip archive without arrays", ".npy"},
           {"o.parquet", "PAR1....", "a Parquet file", "to_numpy"}}) {
    for (const std::string& message :
         {refused(c.content, nullptr, c.name),
          message_of<DataError>([&] { read_labels(folder_.path() / c.name, {}); })}) {
      EXPECT_THAT(message, AllOf(HasSubstr(std::string(c.name) + ": is " + c.what),
                                 HasSubstr("; need "), HasSubstr(c.advice)));
    }
  }
  // A header that nobody knows, by the name.
  EXPECT_THAT(refused(std::string(64, '\1'), nullptr, "a.npy"), HasSubstr("is no .npy file"));
  EXPECT_THAT(refused(std::string(64, '\1'), nullptr, "a.npz"), HasSubstr("no list of members"));
  EXPECT_THAT(refused("", nullptr, "a.npy"), HasSubstr("is no .npy file"));
  EXPECT_THAT(refused("", nullptr, "a"), HasSubstr("ends before its header"));
}

TEST_F(ActivationFiles, TellPlacesAsNumpyDoes) {
  const std::string data(std::size_t(4 * 24), '\0');
  EXPECT_EQ(place_text(open(npy("<f4", "(6, 4)", data)).rows, 5, 3), "row 5, channel 3");
  EXPECT_EQ(place_text(open(npy("<f4", "(2, 3, 4)", data)).rows, 5, 3),
            "row 5, channel 3 ([1, 2, 3])");
  EXPECT_EQ(place_text(open(npy("<f4", "(2, 1, 3, 4)", data)).rows, 4, 0),
            "row 4, channel 0 ([1, 0, 1, 0])");
  EXPECT_EQ(place_text(open(npy("<f4", "(24,)", data)).rows, 0, 7), "row 0, channel 7");
}

TEST_F(ActivationFiles, LeaveRowsOut) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> numbers;
  for (int i = 0; i < 20; ++i) numbers.push_back(float(i));
  numbers[1] = kNaN;
  numbers[6] = numbers[9] = std::numeric_limits<float>::infinity();
  numbers[19] = -numbers[9];
  const ActivationFile some = open(npy("<f4", "(10, 2)", bytes_of_numbers(numbers)));
  Index read = 0;
  EXPECT_THAT(unsound_rows(some, 10, [&](Index rows) { read = rows; }), ElementsAre(0, 3, 4, 9));
  EXPECT_EQ(read, 10);
  EXPECT_THAT(unsound_rows(some, 4, [](Index) {}), ElementsAre(0, 3));
  for (const std::vector<Index>& left_out : std::vector<std::vector<Index>>{
           {}, {0}, {9}, {0, 3, 4, 9}, {0, 1, 2}, {1, 3, 5, 7, 9}, {2, 3, 4, 5, 6, 7, 8}}) {
    const RowSelection rows(10, left_out);
    std::vector<Index> kept;
    for (Index r = 0; r < 10; ++r) {
      if (!std::count(left_out.begin(), left_out.end(), r)) kept.push_back(r);
    }
    ASSERT_EQ(rows.size(), Index(kept.size()));
    EXPECT_EQ(rows.left_out(), Index(left_out.size()));
    for (Index first = 0; first < rows.size(); ++first) {
      EXPECT_EQ(rows.file_row(first), kept[std::size_t(first)]);
      std::vector<double> part(std::size_t(2 * (rows.size() - first)));
      rows.read(some.rows, first, MatrixView<double>(part.data(), rows.size() - first, 2));
      for (Index r = first; r < rows.size(); ++r) {
        const double there = numbers[std::size_t(2 * kept[std::size_t(r)])];
        EXPECT_EQ(part[std::size_t(2 * (r - first))], there);
      }
    }
  }
}

}  // namespace
}  // namespace harness
