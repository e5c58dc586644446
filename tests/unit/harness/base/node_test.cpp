#include "harness/base/node.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <sstream>
#include <string>
#include <thread>

namespace harness {
namespace {

TEST(Node, KnowsWhichFileSystemsLockBetweenNodes) {
  const std::string mounts =
      "/dev/sda / ext4 rw 0 0\n"
      "server:/home /home nfs4 rw,vers=4.2 0 0\n"
      "server:/old /old nfs rw,vers=3,nolock 0 0\n"
      "server:/near /near nfs4 rw,local_lock=flock 0 0\n"
      "mds:/l /lustre lustre rw,flock 0 0\n"
      "mds:/l /lustre/scratch lustre rw,localflock 0 0\n"
      "beegfs /mnt/two\\040words beegfs rw 0 0\n";
  const auto locks = [&](const char* path) {
    return file_system_from(0, mounts, path).locks_between_nodes;
  };
  EXPECT_TRUE(locks("/tmp/store"));
  EXPECT_TRUE(locks("/home/me/store"));
  EXPECT_FALSE(locks("/old/store"));
  EXPECT_FALSE(locks("/near/store"));
  EXPECT_TRUE(locks("/lustre/store"));
  EXPECT_FALSE(locks("/lustre/scratch"));
  EXPECT_FALSE(locks("/mnt/two words/store"));
  EXPECT_EQ(file_system_from(0, mounts, "/mnt/two words/store").type, "beegfs");
  EXPECT_TRUE(locks("/homestead")) << "it is not in /home";
  EXPECT_FALSE(file_system_from(0, "", "/x").locks_between_nodes);
}

// In a chroot the list of mounts lacks what holds its root, or is empty.
TEST(Node, KnowsALocalFileSystemThatIsNotListed) {
  constexpr std::uint32_t kExt4 = 0xef53, kNfs = 0x6969;
  EXPECT_TRUE(file_system_from(kExt4, "", "/tmp/store").locks_between_nodes);
  EXPECT_EQ(file_system_from(kExt4, "proc /proc proc rw 0 0\n", "/tmp/store").type, "ext4");
  EXPECT_FALSE(file_system_from(kNfs, "", "/tmp/store").locks_between_nodes);
  EXPECT_TRUE(file_system_of("/dev/shm").locks_between_nodes);
}

TEST(Node, ReadsTimesAsSchedulersWriteThem) {
  EXPECT_EQ(seconds_from("90"), 90);
  EXPECT_EQ(seconds_from("1:30"), 90);
  EXPECT_EQ(seconds_from("2:00:01"), 7201);
  EXPECT_EQ(seconds_from("1-02:00:00"), 26 * 3600);
  for (const char* none : {"", "UNLIMITED", "NOT_SET", "1:", ":1", "-5", "1:2-3", "1e3"}) {
    EXPECT_FALSE(seconds_from(none)) << none;
  }
}

TEST(Node, KnowsThatAProcessHasEndedOnlyOfItsOwnMachine) {
  const std::string own = process_identity();
  EXPECT_FALSE(is_known_dead(own));
  EXPECT_FALSE(is_known_dead("another-boot 1 1 1"));
  EXPECT_FALSE(is_known_dead(""));
  // Another process has the id of one that ended.
  EXPECT_TRUE(is_known_dead(own.substr(0, own.rfind(' ')) + " 1"));
}

TEST(Node, KnowsThatAProcessHasEndedWhileItEnds) {
  std::istringstream words(process_identity());
  std::string boot, space;
  words >> boot >> space;
  for (int i = 0; i < 100; ++i) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::usleep(2000);
      _exit(0);
    }
    // Alive or not, it did not start then.
    const std::string its = boot + " " + space + " " + std::to_string(pid) + " 1";
    std::thread reaper([&] { waitpid(pid, nullptr, 0); });
    EXPECT_NO_THROW({
      for (int k = 0; k < 300; ++k) EXPECT_TRUE(is_known_dead(its));
    });
    reaper.join();
  }
}

}  // namespace
}  // namespace harness
