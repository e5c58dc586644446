#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/runs/run_store.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {

inline std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline Spec sample_spec(std::uint64_t seed) {
  return Spec().set("arm", "layernorm").set("seed", seed).set("epsilon", 1e-8);
}

inline RunResult sample_result_of(const Spec& spec) {
  RunResult result = sample_result(spec.text("arm"), spec.unsigned_integer("seed"));
  result.spec_sha256 = spec.sha256();
  return result;
}

/// A safetensors file of one tensor with these bytes.
inline std::string kept_text(const std::string& bytes) {
  const std::string size = std::to_string(bytes.size());
  const std::string head =
      R"({"x":{"dtype":"U8","shape":[)" + size + R"(],"data_offsets":[0,)" + size + "]}}";
  return std::string(1, char(head.size())) + std::string(7, '\0') + head + bytes;
}

/// Finishes a run that keeps a file of these bytes.
inline RunResult finish_with_kept(const LockedRun& run, const std::string& bytes) {
  RunResult result = sample_result_of(run.spec());
  result.kept =
      Kept{Keep::state,
           run.keep([&](const std::filesystem::path& file) { scribble(file, kept_text(bytes)); })};
  run.finish(result);
  return result;
}

/// A child process that runs a body, which tells by its pipe how far it came.
class Child {
 public:
  explicit Child(const std::function<void(const std::function<void()>& tell)>& body) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      try {
        body([&] {
          if (write(ends[1], "x", 1) != 1) _exit(3);
        });
      } catch (const std::exception& error) {
        std::fprintf(stderr, "a child process failed: %s\n", error.what());
        _exit(2);
      }
      _exit(0);
    }
    close(ends[1]);
    told_ = ends[0];
  }
  ~Child() {
    kill_now();
    close(told_);
  }
  bool wait_until_told() {
    char byte;
    return read(told_, &byte, 1) == 1;
  }
  void kill_now() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int told_ = -1;
};

/// Tries versions of a file with one byte changed, cut short, or with a byte too many; of its
/// places every one or, for a long file, one in `stride`.
inline void for_each_damage(const std::filesystem::path& path, std::size_t stride,
                            const std::function<void()>& check) {
  const std::string whole = read_file(path);
  ASSERT_FALSE(whole.empty());
  for (std::size_t i = 0; i < whole.size(); i += stride) {
    for (const char bit : {0x01, 0x20}) {
      SCOPED_TRACE("byte " + std::to_string(i) + " flipped by " + std::to_string(bit));
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ bit);
      scribble(path, flipped);
      check();
    }
  }
  for (std::size_t size = 0; size < whole.size(); size += stride) {
    SCOPED_TRACE("cut to " + std::to_string(size) + " bytes");
    scribble(path, whole.substr(0, size));
    check();
  }
  SCOPED_TRACE("one byte too many");
  scribble(path, whole + "\n");
  check();
  scribble(path, whole);
}

}  // namespace harness
