#include "harness/base/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <thread>

#include "harness/base/files.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

using libnorm::BackendError;

/// Between two questions whether to stop: rare enough to disturb nothing that is timed.
constexpr std::chrono::milliseconds kLookEvery{20};

/// Where a child runs, with which files, and with signals as usual.
class SpawnSettings {
 public:
  explicit SpawnSettings(const ChildProcess& child) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    if (!child.folder.empty()) {
      ::posix_spawn_file_actions_addchdir_np(&actions_, child.folder.c_str());
    }
    constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, child.out.c_str(), kNew, 0600);
    if (child.errors == child.out) {
      ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    } else {
      ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, child.errors.c_str(), kNew,
                                         0600);
    }
    // This process ignores these signals. In the child, they show why it ends.
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

/// As exec takes them.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<char*> environment_without(const std::string& withheld) {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool is_withheld = !withheld.empty() && std::string_view(*entry).starts_with(withheld);
    if (!is_withheld) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

pid_t start(const ChildProcess& child) {
  std::vector<std::string> words = child.words;
  const std::vector<char*> arguments = pointers_to(words);
  const std::vector<char*> environment = environment_without(child.withheld);
  const SpawnSettings settings(child);
  pid_t pid = -1;
  if (const int error =
          ::posix_spawnp(&pid, words.front().c_str(), settings.actions(), settings.attributes(),
                         arguments.data(), environment.data())) {
    // Or it is there, and the system lets this user start no process more.
    const bool is_refused =
        error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
    throw BackendError(fmt::format("{} cannot be started ({}); need {}", child.name,
                                   reason_of(error),
                                   is_refused ? "room for one more process" : child.wanted));
  }
  return pid;
}

}  // namespace

std::optional<int> run_child(const ChildProcess& child, bool (*stops)()) {
  const pid_t pid = start(child);
  int status = 0;
  bool is_stopped = false;
  for (;;) {
    const pid_t ended = ::waitpid(pid, &status, stops == nullptr ? 0 : WNOHANG);
    const int error = errno;
    // Asked after the child: Ctrl-C ends both, and then this is no failure of the child's.
    is_stopped = is_stopped || (stops != nullptr && stops());
    if (ended == pid) break;
    if (ended < 0 && error != EINTR) {
      throw BackendError(
          fmt::format("{} its end cannot be told ({}); need children that can be waited for",
                      child.name, reason_of(error)));
    }
    if (is_stopped) ::kill(pid, SIGKILL);
    if (ended == 0) std::this_thread::sleep_for(kLookEvery);
  }
  if (is_stopped) return std::nullopt;
  return status;
}

std::string last_words(const std::filesystem::path& file, std::size_t most) {
  std::string said = is_there(file) ? read_file(file) : "";
  if (said.size() > most) said.erase(0, said.size() - most);
  for (char& letter : said) {
    if (letter == '\n' || letter == '\t') letter = ' ';
  }
  said.erase(said.find_last_not_of(' ') + 1);
  said.erase(0, said.find_first_not_of(' '));
  return libnorm::printable(said);
}

}  // namespace harness
