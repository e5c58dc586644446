#include "tests/cli/process.hpp"

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "harness/runs/run_store.hpp"

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

Outcome shell(const std::filesystem::path& directory, const std::string& script) {
  const Scratch scratch;
  write(scratch / "script", "cd '" + directory.string() + "'\nH='" NORM_HARNESS "'\n" + script);
  const auto name = [&](const char* file) { return "'" + (scratch / file).string() + "'"; };
  const int status =
      std::system(("bash " + name("script") + " >" + name("out") + " 2>" + name("err")).c_str());
  return {code_of(status), read(scratch / "out"), read(scratch / "err")};
}

pid_t start(const std::filesystem::path& directory, const std::string& arguments,
            const std::string& before, const std::filesystem::path& to) {
  const std::string line = before + command(directory, arguments) + " >'" + to.string() + "' 2>&1";
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

bool appears(const std::filesystem::path& path) {
  for (int i = 0; i < 2000 && !std::filesystem::exists(path); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return std::filesystem::exists(path);
}

std::filesystem::path only_run(const std::filesystem::path& store) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(store / "runs")) {
    found.push_back(entry.path());
  }
  if (found.size() != 1) throw std::runtime_error("need one run in " + store.string());
  return found[0];
}

std::vector<std::string> weights(const std::filesystem::path& store) {
  std::vector<std::string> hashes;
  for (const harness::RunResult& result :
       harness::Store(store, harness::Access::reading).results()) {
    hashes.push_back(result.weights_sha256);
  }
  return hashes;
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
