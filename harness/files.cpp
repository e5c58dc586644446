#include "harness/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "harness/sha256.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// Writes and syncs a file; returns 0 or the reason why not.
int write_whole(const fs::path& path, std::span<const std::byte> bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return errno;
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return errno;
  return file.close() ? 0 : errno;
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

bool Descriptor::close() { return ::close(std::exchange(value_, -1)) == 0; }

void fail_to_write(const fs::path& path, const char* action, int reason) {
  throw DataError("store: cannot " + std::string(action) + " " + path.string() + " (" +
                  std::strerror(reason) + "); need a folder that can be written to, with room");
}

void fail_to_read(const fs::path& path, int reason) {
  throw DataError("store: cannot read " + path.string() + " (" + std::strerror(reason) +
                  "); need a file that is there and can be read");
}

bool is_there(const fs::path& path) {
  std::error_code error;
  const bool there = fs::exists(path, error);
  if (error) fail_to_read(path, error.value());
  return there;
}

fs::path aside_of(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".aside");
}

void sync_directory(const fs::path& directory) {
  const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) fail_to_write(directory, "open", errno);
  // EINVAL: a file system that has no such thing as syncing a folder.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) fail_to_write(directory, "sync", errno);
}

void write_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  const fs::path aside = aside_of(path);
  int reason = write_whole(aside, bytes);
  if (reason == 0 && ::rename(aside.c_str(), path.c_str()) != 0) reason = errno;
  if (reason != 0) {
    ::unlink(aside.c_str());
    fail_to_write(path, "write", reason);
  }
  sync_directory(folder_of(path));
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  write_atomically(path, std::as_bytes(std::span(bytes)));
}

void replace_atomically(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  const fs::path aside = aside_of(path);
  try {
    write(aside);
    Descriptor file(::open(aside.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 || ::fsync(file.get()) != 0 || !file.close() ||
        ::rename(aside.c_str(), path.c_str()) != 0) {
      fail_to_write(path, "write", errno);
    }
  } catch (...) {
    ::unlink(aside.c_str());
    throw;
  }
  sync_directory(folder_of(path));
}

std::string file_sha256(const fs::path& path) {
  const libnorm::OpenFile file(path, "store");
  Sha256 hash;
  std::vector<std::byte> piece(std::size_t{1} << 20);
  for (libnorm::Index at = 0; at < file.size(); at += libnorm::Index(piece.size())) {
    piece.resize(std::min(piece.size(), std::size_t(file.size() - at)));
    file.read(at, piece);
    hash.update(piece);
  }
  return hash.hex();
}

std::string read_file(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail_to_read(path, errno);
  std::string content;
  std::vector<char> buffer(std::size_t{1} << 16);
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_to_read(path, errno);
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::string seal(std::string_view name, std::string_view json) {
  const std::string content(json);
  return "{\"" + std::string(name) + "\":" + content + ",\n\"sha256\":\"" + sha256_hex(content) +
         "\"}\n";
}

std::optional<std::string_view> unseal(std::string_view name, std::string_view sealed) {
  const std::size_t head = name.size() + 4;       // {"name":
  constexpr std::size_t kTail = 2 + 10 + 64 + 3;  // ,\n "sha256":" hash "}\n
  if (sealed.size() < head + kTail) return std::nullopt;
  const std::string_view json = sealed.substr(head, sealed.size() - head - kTail);
  if (sealed != seal(name, json)) return std::nullopt;
  return json;
}

}  // namespace harness
