#include "harness/commands/bench_child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "harness/base/files.hpp"
#include "harness/base/stop.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::BackendError;

/// Short beside what is timed, and rare enough to disturb nothing.
constexpr std::chrono::milliseconds kLookEvery{20};

/// Where a child's output goes, and its signals as usual.
class SpawnSettings {
 public:
  SpawnSettings(const fs::path& out, const fs::path& errors) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, out.c_str(), kNew, 0600);
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, errors.c_str(), kNew, 0600);
    // Ignored in this process; there they tell why it ends.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Its wait status; nothing if a stop was requested before it ended.
std::optional<int> status_of(pid_t child, const std::string& program) {
  int status = 0;
  bool is_stopped = false;
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    // Looked at after the child: Ctrl-C ends both, and then this is no failure of the child's.
    is_stopped = is_stopped || stop_requested();
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) {
      throw BackendError(
          fmt::format("bench: the end of {} cannot be told ({}); need children that can be waited "
                      "for",
                      program, reason_of(errno)));
    }
    if (is_stopped) ::kill(child, SIGKILL);
    std::this_thread::sleep_for(kLookEvery);
  }
  if (is_stopped) return std::nullopt;
  return status;
}

std::string last_words(const fs::path& file) {
  constexpr std::size_t kMost = 300;
  std::string said = is_there(file) ? read_file(file) : "";
  if (said.size() > kMost) said.erase(0, said.size() - kMost);
  for (char& letter : said) {
    if (letter == '\n' || letter == '\t') letter = ' ';
  }
  said.erase(said.find_last_not_of(' ') + 1);
  return libnorm::printable(said);
}

}  // namespace

std::optional<ChildEnd> run_child(std::string program, std::vector<std::string> arguments) {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out", errors = folder.path() / "errors";
  std::vector<char*> words = {program.data()};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const SpawnSettings settings(out, errors);
  pid_t child = -1;
  if (const int error = ::posix_spawn(&child, program.c_str(), settings.actions(),
                                      settings.attributes(), words.data(), environ)) {
    throw BackendError(fmt::format(
        "bench: {} cannot be started ({}); need the path of another build's norm-harness", program,
        reason_of(error)));
  }
  const std::optional<int> status = status_of(child, program);
  if (!status) return std::nullopt;
  return ChildEnd{*status, is_there(out) ? read_file(out) : "", last_words(errors)};
}

}  // namespace harness
