#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>

#include "harness/base/files.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

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

TEST(WriteAtomically, NoSpaceLeftIsSaid) {
  EXPECT_THAT(message_of<DataError>([] { write_atomically("/dev/full", "new"); }),
              AllOf(HasSubstr("/dev/full"), HasSubstr("No space left on device")));
}

TEST(WriteAtomically, AFolderStaysOne) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "taken";
  fs::create_directory(path);
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(path, "new"); }),
              HasSubstr("it is a folder"));
  fs::create_symlink(path, scratch.path() / "link");
  EXPECT_THROW(write_atomically(scratch.path() / "link", "new"), DataError);
  EXPECT_THAT(names_in(scratch.path()), testing::UnorderedElementsAre("taken", "link"));
  EXPECT_TRUE(fs::is_directory(path));
}

TEST(WriteAtomically, FollowsLinksToTheirEnd) {
  const ScratchFolder scratch;
  fs::create_directory(scratch.path() / "far");
  const fs::path target = scratch.path() / "far" / "file", link = scratch.path() / "link";
  fs::create_symlink("far/file", link);
  fs::create_symlink(link, scratch.path() / "second");
  // At first there is nothing at their end.
  for (const std::string content : {"first", "second"}) {
    write_atomically(scratch.path() / "second", content);
    EXPECT_EQ(read_file(target), content);
  }
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(target)));
  EXPECT_THAT(names_in(scratch.path() / "far"), testing::ElementsAre("file"));
  fs::create_symlink("round", scratch.path() / "round");
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(scratch.path() / "round", "new"); }),
              HasSubstr("Too many levels of symbolic links"));
}

TEST(WriteAtomically, APipeIsWrittenThroughIfSomebodyReads) {
  const ScratchFolder scratch;
  const fs::path pipe = scratch.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(is_written_through(pipe));
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(pipe, "new"); }),
              HasSubstr("no process reads from it"));
  const std::string content(300000, 'x');  // more than a pipe holds
  std::string read;
  std::thread reader([&] {
    std::ifstream file(pipe);
    read.assign(std::istreambuf_iterator<char>(file), {});
  });
  while (true) {
    try {
      write_atomically(pipe, content);
      break;
    } catch (const DataError&) {  // the reader has not opened it yet
    }
  }
  reader.join();
  EXPECT_EQ(read, content);
  EXPECT_TRUE(fs::is_fifo(pipe));
  // Neither a reader that goes away nor a device ends the process or changes its kind.
  std::thread hasty([&] { const Descriptor end(::open(pipe.c_str(), O_RDONLY)); });
  std::string message;
  while (message.find("Broken pipe") == std::string::npos) {
    message = message_of<DataError>([&] { write_atomically(pipe, content); });
    if (message.find("nobody reads") != std::string::npos) continue;
  }
  hasty.join();
  EXPECT_TRUE(fs::is_fifo(pipe));
  write_atomically("/dev/null", "new");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(WriteAtomically, ASocketIsRefused) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "socket";
  ASSERT_EQ(mknod(path.c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_THAT(message_of<DataError>([&] { write_atomically(path, "new"); }),
              HasSubstr("it is a socket"));
  EXPECT_TRUE(fs::is_socket(path));
}

TEST(WriteAtomically, AFileKeepsItsMode) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "file";
  for (const auto mode : {fs::perms{0600}, fs::perms{0444}, fs::perms{0775}}) {
    write_atomically(path, "old");
    fs::permissions(path, mode);
    write_atomically(path, "new");
    EXPECT_EQ(fs::status(path).permissions(), mode);
    EXPECT_EQ(read_file(path), "new");
  }
}

TEST(WriteAtomically, TakesNoNameThatSomebodyHas) {
  const ScratchFolder scratch;
  // As long as a name can be.
  const fs::path path = scratch.path() / std::string(255, 'n');
  write_atomically(path, "long");
  EXPECT_EQ(read_file(path), "long");
  const fs::path next = aside_in(scratch.path());
  const std::string name = next.filename().string();
  const std::size_t dash = name.rfind('-') + 1;
  const int count = std::stoi(name.substr(dash));
  for (int i = 1; i < 4; ++i) {
    scribble(scratch.path() / (name.substr(0, dash) + std::to_string(count + i)), "somebody's");
  }
  write_atomically(path, "longer");
  EXPECT_EQ(read_file(path), "longer");
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(read_file(scratch.path() / (name.substr(0, dash) + std::to_string(count + i))),
              "somebody's");
  }
  remove_asides(scratch.path());
  EXPECT_EQ(names_in(scratch.path()).size(), 1u);
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
              HasSubstr("it is a folder"));
  // A file that opens, and fails on the way.
  EXPECT_THAT(message_of<DataError>([&] { read_file("/proc/self/mem"); }),
              HasSubstr("Input/output error"));
  EXPECT_THAT(message_of<DataError>([&] { read_start("/proc/self/mem", 6); }),
              HasSubstr("Input/output error"));
}

TEST(ReadFile, WaitsForNothingAndTakesNoMoreThanItIsFor) {
  const ScratchFolder scratch;
  ASSERT_EQ(mkfifo((scratch.path() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(message_of<DataError>([&] { read_file(scratch.path() / "pipe"); }),
              HasSubstr("it is a pipe"));
  EXPECT_THAT(message_of<DataError>([] { read_file("/dev/zero"); }), HasSubstr("it is a device"));
  const fs::path path = scratch.path() / "file";
  scribble(path, "12345");
  EXPECT_EQ(read_file(path, 5), "12345");
  EXPECT_THAT(message_of<DataError>([&] { read_file(path, 4); }),
              HasSubstr("is too large (5 bytes); need at most 4"));
  EXPECT_EQ(read_start(path, 3), "123");
  EXPECT_EQ(read_start(path, 9), "12345");
  fs::resize_file(path, std::uintmax_t{1} << 40);
  EXPECT_THAT(message_of<DataError>([&] { read_file(path); }),
              HasSubstr("is too large (1099511627776 bytes)"));
  // The size of a file of /proc is 0, whatever it holds.
  EXPECT_THAT(read_file("/proc/self/status"), HasSubstr("Name:"));
  EXPECT_THROW(read_file("/proc/self/status", 5), DataError);
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
