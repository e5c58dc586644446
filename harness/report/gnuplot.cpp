#include "harness/report/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "harness/base/files.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::BackendError;

/// The environment without the variables from which gnuplot takes settings.
std::vector<char*> plain_environment() {
  std::vector<char*> plain;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("GNU")) plain.push_back(*entry);
  }
  plain.push_back(nullptr);
  return plain;
}

/// How a child of this process is started: where, with which files, and with signals as usual.
class SpawnSettings {
 public:
  SpawnSettings(const fs::path& folder, const char* log) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
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

/// Runs `gnuplot -d file` in a folder, without a shell and without settings files (-d).
/// Returns: its wait status.
int run_in(const fs::path& folder, std::string file, const char* log) {
  std::string program = "gnuplot", option = "-d";
  char* const arguments[] = {program.data(), option.data(), file.data(), nullptr};
  const std::vector<char*> environment = plain_environment();
  const SpawnSettings settings(folder, log);
  pid_t child = -1;
  if (const int error = ::posix_spawnp(&child, program.c_str(), settings.actions(),
                                       settings.attributes(), arguments, environment.data())) {
    throw BackendError(fmt::format(
        "gnuplot: cannot be started ({}); need gnuplot 5.4 or later in a folder of PATH",
        reason_of(error)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) != child) {
    if (errno == EINTR) continue;
    throw BackendError(
        fmt::format("gnuplot: its end cannot be told ({}); need children that can be waited for",
                    reason_of(errno)));
  }
  return status;
}

/// The end of gnuplot's output, on one line.
std::string last_words(const fs::path& log) {
  constexpr std::size_t kMost = 400;
  std::string said = is_there(log) ? read_file(log) : "";
  if (said.size() > kMost) said.erase(0, said.size() - kMost);
  for (char& letter : said) {
    if (letter == '\n' || letter == '\t') letter = ' ';
  }
  said.erase(said.find_last_not_of(' ') + 1);
  said.erase(0, said.find_first_not_of(' '));
  return libnorm::printable(said);
}

/// gnuplot does not report that it cannot write, so this checks that there is room.
void require_room(const fs::path& folder) {
  const std::string some(std::size_t{1} << 22, ' ');
  write_atomically(folder / "room", some);
}

void require_success(int status, const std::string& script, const fs::path& folder,
                     const std::string& said) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  require_room(folder);
  const std::string end = WIFSIGNALED(status)
                              ? fmt::format("was ended by signal {}, {}", WTERMSIG(status),
                                            ::strsignal(WTERMSIG(status)))
                              : fmt::format("failed with exit code {}", WEXITSTATUS(status));
  throw BackendError(
      fmt::format("gnuplot: {} in {} (it said: {}); need gnuplot 5.4 or later with its svg and "
                  "pngcairo terminals",
                  end, script, said));
}

/// The picture's bytes, which must end as those of a complete picture.
std::string whole_picture(const fs::path& path, std::string_view end, const std::string& said) {
  std::string bytes = is_there(path) ? read_file(path) : "";
  std::string_view text = bytes;
  if (path.extension() == ".svg") text = text.substr(0, text.find_last_not_of(" \n\r") + 1);
  if (text.ends_with(end)) return bytes;
  require_room(path.parent_path());
  throw BackendError(fmt::format("gnuplot: {} is {} (it said: {}); need a whole picture",
                                 path.filename().string(),
                                 bytes.empty() ? "missing or empty" : "incomplete", said));
}

}  // namespace

std::string gnuplot_literal(std::string_view text) {
  std::string literal = "'";
  char before = '\'';
  for (const char letter : libnorm::printable(text)) {
    // A quote inside is written twice. But gnuplot 5.4 takes two adjacent quotes, or one at the
    // start, for the end of the literal: such quotes become another character.
    if (letter != '\'') {
      literal += letter;
    } else {
      literal += before == '\'' ? "\u2019" : "''";
    }
    before = letter;
  }
  return literal + "'";
}

std::string gnuplot_comment(std::string_view text) {
  // A backslash at the end would join the next line to this one.
  return "# " + libnorm::printable(text) + (text.ends_with('\\') ? ".\n" : "\n");
}

std::vector<fs::path> run_gnuplot(const std::string& name, const std::string& script,
                                  const fs::path& directory) {
  using std::string_view_literals::operator""sv;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail_to_write(directory, "make", error.value());

  const TemporaryFolder folder;
  const std::string source = name + ".gp";
  write_atomically(folder.path() / source, script);
  const int status = run_in(folder.path(), source, "log");
  const std::string said = last_words(folder.path() / "log");
  require_success(status, source, folder.path(), said);
  const std::string svg = whole_picture(folder.path() / (name + ".svg"), "</svg>", said);
  const std::string png =
      whole_picture(folder.path() / (name + ".png"), "IEND\xae\x42\x60\x82"sv, said);
  if (said.find(name + " drawn") == std::string::npos) {
    throw BackendError(
        fmt::format("gnuplot: it stopped before the end of {} (it said: {}); need a script that "
                    "runs through",
                    source, said));
  }
  const std::vector<fs::path> paths = {directory / (name + ".svg"), directory / (name + ".png"),
                                       directory / source};
  write_atomically(paths[0], svg);
  write_atomically(paths[1], png);
  write_atomically(paths[2], script);
  return paths;
}

}  // namespace harness
