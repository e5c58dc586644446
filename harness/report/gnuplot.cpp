#include "harness/report/gnuplot.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstring>
#include <optional>

#include "harness/base/child_process.hpp"
#include "harness/base/files.hpp"
#include "harness/base/stop.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::BackendError;

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
      fmt::format("gnuplot: {} in {} (it said: {}); need gnuplot 5.4 or later with its svg, "
                  "pngcairo and pdfcairo terminals",
                  end, script, said));
}

/// How the bytes of a complete picture end.
std::string_view end_of(const fs::path& path) {
  using std::string_view_literals::operator""sv;
  if (path.extension() == ".svg") return "</svg>";
  return path.extension() == ".pdf" ? "%%EOF" : "IEND\xae\x42\x60\x82"sv;
}

/// The picture's bytes, which must end as those of a complete picture.
std::string whole_picture(const fs::path& path, const std::string& said) {
  std::string bytes = is_there(path) ? read_file(path) : "";
  std::string_view text = bytes;
  if (path.extension() != ".png") text = text.substr(0, text.find_last_not_of(" \n\r") + 1);
  if (text.ends_with(end_of(path))) return bytes;
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
                                  const std::vector<std::string>& kinds, KeepScript keep,
                                  const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail_to_write(directory, "make", error.value());

  // A signal ends gnuplot, and this process after the folder is gone.
  stop_on_signals();
  const Unsaved until_the_folder_is_gone;
  const TemporaryFolder folder;
  const std::string source = name + ".gp";
  write_atomically(folder.path() / source, script);
  // Without settings: neither of files (-d) nor of the environment.
  const ChildProcess gnuplot{.name = "gnuplot:",
                             .wanted = "gnuplot 5.4 or later in a folder of PATH",
                             .words = {"gnuplot", "-d", source},
                             .out = "log",
                             .errors = "log",
                             .folder = folder.path(),
                             .withheld = "GNU"};
  const std::optional<int> status = run_child(gnuplot, &stop_requested);
  check_stop();
  const std::string said = last_words(folder.path() / "log");
  require_success(status.value(), source, folder.path(), said);
  std::vector<std::string> pictures;
  for (const std::string& kind : kinds) {
    pictures.push_back(whole_picture(folder.path() / (name + "." + kind), said));
  }
  if (said.find(name + " drawn") == std::string::npos) {
    throw BackendError(
        fmt::format("gnuplot: it stopped before the end of {} (it said: {}); need a script that "
                    "runs through",
                    source, said));
  }
  std::vector<fs::path> paths;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    paths.push_back(directory / (name + "." + kinds[i]));
    write_atomically(paths.back(), pictures[i]);
  }
  if (keep == KeepScript::yes) {
    paths.push_back(directory / source);
    write_atomically(paths.back(), script);
  }
  return paths;
}

}  // namespace harness
