#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "harness/files.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using testing::AllOf;
using testing::HasSubstr;

TEST(WriteAtomically, ReplacesAndLeavesNothingBeside) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "file";
  write_atomically(path, "old");
  write_atomically(path, std::string("new\0er", 6));
  EXPECT_EQ(read_file(path), std::string("new\0er", 6));
  write_atomically(path, "");
  EXPECT_EQ(read_file(path), "");
  EXPECT_THAT(names_in(scratch.path()), testing::ElementsAre("file"));
}

TEST(WriteAtomically, ADiskThatFillsUpMidwayLeavesTheOldFileWhole) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "file";
  write_atomically(path, "old");
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = message_of<DataError>([&] { write_atomically(path, std::string(1000000, 'x')); });
  }
  EXPECT_THAT(message, AllOf(HasSubstr(path.string()), HasSubstr("File too large")));
  EXPECT_EQ(read_file(path), "old");
  EXPECT_THAT(names_in(scratch.path()), testing::ElementsAre("file"));
  write_atomically(path, std::string(1000000, 'x'));
  EXPECT_EQ(read_file(path).size(), 1000000u);
}

TEST(WriteAtomically, NoSpaceLeftIsSaidAndLeavesTheOldFileWhole) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "file";
  write_atomically(path, "old");
  // The name that is written to first leads to a device that is always full.
  fs::create_symlink("/dev/full", scratch.path() / ".file.aside");
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(path, "new"); }),
              AllOf(HasSubstr(path.string()), HasSubstr("No space left on device")));
  EXPECT_EQ(read_file(path), "old");
  EXPECT_THAT(names_in(scratch.path()), testing::ElementsAre("file"));
}

TEST(WriteAtomically, ARenameThatFailsLeavesNothingBeside) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "taken";
  fs::create_directory(path);
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(path, "new"); }),
              HasSubstr("Is a directory"));
  EXPECT_THAT(names_in(scratch.path()), testing::ElementsAre("taken"));
}

TEST(WriteAtomically, NamesAPathThatCannotBe) {
  const ScratchFolder scratch;
  scribble(scratch.path() / "file", "");
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(scratch.path() / "file" / "x", "a"); }),
              HasSubstr("Not a directory"));
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(scratch.path() / "no" / "x", "a"); }),
              HasSubstr("No such file or directory"));
}

TEST(ReadFile, SaysWhichFileCannotBeRead) {
  const ScratchFolder scratch;
  EXPECT_THAT(message_of<DataError>([&] { read_file(scratch.path() / "none"); }),
              AllOf(HasSubstr((scratch.path() / "none").string()), HasSubstr("No such file")));
  EXPECT_THAT(message_of<DataError>([&] { read_file(scratch.path()); }),
              HasSubstr("Is a directory"));
}

TEST(Seal, IsJsonAndKnowsItsName) {
  const std::string sealed = seal("row", "{\"a\": 1}");
  EXPECT_EQ(sealed.substr(0, 30),
            "{\"row\":{\"a\": 1},\n\"sha256\":\"" + sha256_hex("{\"a\": 1}").substr(0, 3));
  EXPECT_EQ(unseal("row", sealed), "{\"a\": 1}");
  EXPECT_EQ(unseal("manifest", sealed), std::nullopt);
  EXPECT_EQ(unseal("row", ""), std::nullopt);
}

TEST(Seal, BreaksWithAnyBitAndAtAnyLength) {
  const std::string sealed = seal("row", "{\"seed\": 1, \"arm\": \"none\"}\n");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = sealed;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_EQ(unseal("row", flipped), std::nullopt) << "bit " << bit << " of byte " << i;
    }
    EXPECT_EQ(unseal("row", sealed.substr(0, i)), std::nullopt) << "cut to " << i;
  }
  EXPECT_EQ(unseal("row", sealed + "\n"), std::nullopt);
}

}  // namespace
}  // namespace harness
