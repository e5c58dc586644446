#include "libnorm/data/output_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>

#include "libnorm/core/error.hpp"

namespace libnorm {

namespace fs = std::filesystem;

OutputFile::OutputFile(const fs::path& path, std::string format)
    : format_(std::move(format)), path_(path), target_(path) {
  std::error_code ignored;
  // By hand, since a link may lead to what does not exist yet.
  constexpr int kMostLinks = 40;
  for (int i = 0; i < kMostLinks && fs::is_symlink(target_, ignored); ++i) {
    target_ = target_.parent_path() / fs::read_symlink(target_, ignored);
  }
  const fs::file_status old = fs::status(target_, ignored);
  if (old.type() == fs::file_type::not_found || old.type() == fs::file_type::regular) {
    aside_ = target_;
    aside_ += ".part-" + std::to_string(::getpid());
  }
  errno = 0;
  stream_.open(aside_.empty() ? target_ : aside_, std::ios::binary | std::ios::trunc);
  if (stream_ && !aside_.empty() && fs::exists(old)) {
    fs::permissions(aside_, old.permissions(), ignored);
  }
}

OutputFile::~OutputFile() {
  if (aside_.empty()) return;
  stream_.close();
  std::error_code ignored;
  fs::remove(aside_, ignored);
}

void OutputFile::finish() {
  stream_.close();
  if (!stream_) fail(errno);
  if (aside_.empty()) return;
  std::error_code failed;
  fs::rename(aside_, target_, failed);
  if (failed) fail(failed.value());
  aside_.clear();
}

void OutputFile::fail(int reason) const {
  throw DataError(format_ + ": cannot write " + path_.string() + " (" +
                  (reason == 0 ? "the system gives no reason" : std::strerror(reason)) +
                  "); need a folder that can be written to, with room");
}

}  // namespace libnorm
