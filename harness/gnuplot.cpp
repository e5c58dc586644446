#include "harness/gnuplot.hpp"

#include <fmt/format.h>
#include <gnuplot-iostream.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string_view>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::BackendError;
using libnorm::DataError;

// A gnuplot that has gone must not end this process through its pipe.
class BrokenPipeIgnored {
 public:
  BrokenPipeIgnored() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~BrokenPipeIgnored() { std::signal(SIGPIPE, before_); }
  BrokenPipeIgnored(const BrokenPipeIgnored&) = delete;
  BrokenPipeIgnored& operator=(const BrokenPipeIgnored&) = delete;

 private:
  void (*before_)(int);
};

std::string shell_quote(const std::string& text) {
  std::string quoted = "'";
  for (const char letter : text)
    quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// gnuplot-iostream reports neither a missing program nor its exit status: only what it left tells.
void check_picture(const std::filesystem::path& path, std::string_view end,
                   const std::string& said) {
  std::string bytes = read_text(path);
  if (path.extension() == ".svg") bytes.erase(bytes.find_last_not_of(" \n\r") + 1);
  if (bytes.ends_with(end)) return;
  throw BackendError(fmt::format(
      "run_gnuplot: {} is {} (gnuplot said: {}); need gnuplot 5.4 with its svg and pngcairo "
      "terminals",
      path.filename().string(), bytes.empty() ? "missing or empty" : "incomplete", said));
}

}  // namespace

std::vector<std::filesystem::path> run_gnuplot(const std::string& name, const std::string& script,
                                               const std::filesystem::path& directory) {
  using std::string_view_literals::operator""sv;
  const std::filesystem::path svg = directory / (name + ".svg"), png = directory / (name + ".png"),
                              source = directory / (name + ".gp"),
                              log = directory / (name + ".log");
  // A picture of an earlier run must not pass for one of this.
  std::error_code ignored;
  for (const auto& path : {svg, png, source, log}) std::filesystem::remove(path, ignored);
  std::filesystem::create_directories(directory, ignored);
  if (!(std::ofstream(source, std::ios::binary) << script << std::flush)) {
    throw DataError(fmt::format(
        "run_gnuplot: cannot write {}; need a directory that can be written", source.string()));
  }
  {
    const BrokenPipeIgnored guard;
    gnuplotio::Gnuplot gnuplot(fmt::format("cd {} && gnuplot -d - > {} 2>&1",
                                           shell_quote(directory.string()),
                                           shell_quote(name + ".log")));
    gnuplot << script;
  }  // closes the pipe and waits
  std::string said = read_text(log);
  std::filesystem::remove(log, ignored);
  std::ranges::replace(said, '\n', ' ');
  check_picture(svg, "</svg>", said);
  check_picture(png, "IEND\xae\x42\x60\x82"sv, said);
  if (said.find(name + " drawn") == std::string::npos) {
    throw BackendError(
        fmt::format("run_gnuplot: gnuplot stopped before the end of {} (it said: {}); "
                    "need a script that runs through",
                    source.filename().string(), said));
  }
  return {svg, png, source};
}

}  // namespace harness
