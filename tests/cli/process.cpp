#include "tests/cli/process.hpp"

#include <cstdlib>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace cli {
namespace {

int code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string command(const std::filesystem::path& directory, const std::string& arguments) {
  return "cd '" + directory.string() + "' && exec '" NORM_HARNESS "' " + arguments;
}

}  // namespace

Outcome run(const std::filesystem::path& directory, const std::string& arguments,
            const std::string& before) {
  const Scratch scratch;
  const std::string line = before + command(directory, arguments) + " >'" +
                           (scratch / "out").string() + "' 2>'" + (scratch / "err").string() + "'";
  const int status = std::system(("bash -c \"" + line + "\"").c_str());
  return {code_of(status), read(scratch / "out"), read(scratch / "err")};
}

pid_t start(const std::filesystem::path& directory, const std::string& arguments) {
  const std::string line = command(directory, arguments) + " >/dev/null 2>&1";
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/bash", "bash", "-c", line.c_str(), nullptr);
    _exit(127);
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) throw std::runtime_error("waitpid failed");
  return code_of(status);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace cli
