#include "harness/base/files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "harness/base/sha256.hpp"
#include "harness/base/writing.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;

constexpr std::string_view kAside = ".libnorm-aside-";
constexpr int kMostLinks = 40;
constexpr std::size_t kPiece = std::size_t{1} << 16;

/// How many DeferredSync live.
std::atomic<int> deferred = 0;

/// Returns: 0, or -1 with errno.
int sync_file(int file) { return deferred > 0 ? 0 : ::fsync(file); }

/// While it lives, a reader that leaves a pipe does not end this process.
class BrokenPipeIgnored {
 public:
  BrokenPipeIgnored() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~BrokenPipeIgnored() { std::signal(SIGPIPE, before_); }
  BrokenPipeIgnored(const BrokenPipeIgnored&) = delete;
  BrokenPipeIgnored& operator=(const BrokenPipeIgnored&) = delete;

 private:
  void (*before_)(int);
};

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// Returns: 0, or the reason of the failure.
int write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Copies owner and mode of the replaced file, as far as the system allows.
/// Returns: 0, or the reason of the failure.
int take_after(int file, const struct stat& old) {
  struct stat now = {};
  if (::fstat(file, &now) != 0) return errno;
  // Only the root user may give a file away; for others it stays their own.
  if (now.st_uid != old.st_uid || now.st_gid != old.st_gid) {
    [[maybe_unused]] const int ignored = ::fchown(file, old.st_uid, old.st_gid);
  }
  if (now.st_mode == old.st_mode) return 0;
  return ::fchmod(file, old.st_mode & 07777) == 0 ? 0 : errno;
}

/// Writes and syncs a new file. Returns: 0, or the reason of the failure.
int write_new(const fs::path& path, std::span<const std::byte> bytes, const struct stat* old) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) return errno;
  int reason = write_all(file.get(), bytes);
  if (reason == 0 && old != nullptr) reason = take_after(file.get(), *old);
  if (reason == 0 && sync_file(file.get()) != 0) reason = errno;
  if (reason == 0 && !file.close()) reason = errno;
  return reason;
}

void write_through(const fs::path& path, std::span<const std::byte> bytes) {
  // O_NONBLOCK, so as not to wait for a reader of a pipe.
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0 && errno == ENXIO) {
    throw DataError("file: cannot write " + path.string() +
                    " (no process reads from it); need a reader at its other end");
  }
  if (file.get() < 0) fail_to_write(path, "open", errno);
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0 || ::fcntl(file.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    fail_to_write(path, "write", errno);
  }
  const BrokenPipeIgnored guard;
  if (const int reason = write_all(file.get(), bytes)) fail_to_write(path, "write", reason);
  if (!file.close()) fail_to_write(path, "write", errno);
}

/// Appends at most so many bytes. Returns: how many were read, 0 at the end.
std::size_t read_some(int file, const fs::path& path, std::string& content, std::size_t most) {
  const std::size_t before = content.size();
  content.resize(before + most);
  ssize_t count = -1;
  do {
    count = ::read(file, content.data() + before, most);
  } while (count < 0 && errno == EINTR);
  if (count < 0) fail_to_read(path, errno);
  content.resize(before + static_cast<std::size_t>(count));
  return static_cast<std::size_t>(count);
}

/// The target of a chain of links, whether it exists or not.
fs::path end_of_links(const fs::path& path) {
  fs::path end = path;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    const fs::path next = fs::read_symlink(end, error);
    if (error) return end;  // it is no link
    end = end.parent_path() / next;
  }
  fail_to_write(path, "write", ELOOP);
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

bool Descriptor::close() { return ::close(std::exchange(value_, -1)) == 0; }

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  fs::path folder = fs::temp_directory_path(error);
  if (error) folder = "/tmp";
  std::string name = (folder / "libnorm-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail_to_write(name, "make", errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string reason_of(int error) {
  return error == 0 ? "the system gives no reason" : std::strerror(error);
}

void fail_to_write(const fs::path& path, const char* action, int reason) {
  throw WriteError("file: cannot " + std::string(action) + " " + path.string() + " (" +
                   reason_of(reason) + "); need a folder that can be written to, with room");
}

void fail_to_read(const fs::path& path, int reason) {
  throw DataError("file: cannot read " + path.string() + " (" + reason_of(reason) +
                  "); need a readable file");
}

bool is_there(const fs::path& path) {
  std::error_code error;
  // Also a link to what is not there now, such as a volume that is not mounted.
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return false;
  if (error) fail_to_read(path, error.value());
  return true;
}

fs::path aside_in(const fs::path& directory) {
  static std::atomic<unsigned> count = 0;
  while (true) {
    fs::path path = directory / (std::string(kAside) + std::to_string(::getpid()) + "-" +
                                 std::to_string(count++));
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0) return path;
  }
}

bool is_aside(const fs::path& path) { return path.filename().string().starts_with(kAside); }

void remove_asides(const fs::path& directory) {
  std::vector<fs::path> left;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (is_aside(entry.path())) left.push_back(entry.path());
  }
  for (const fs::path& path : left) fs::remove(path, ignored);
}

DeferredSync::DeferredSync() { ++deferred; }
DeferredSync::~DeferredSync() { --deferred; }

void DeferredSync::finish(const fs::path& folder) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() < 0 || ::syncfs(file.get()) != 0) fail_to_write(folder, "sync", errno);
}

void sync_directory(const fs::path& directory) {
  if (deferred > 0) return;
  const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) fail_to_write(directory, "open", errno);
  // EINVAL: a file system that has no such thing as syncing a folder.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) fail_to_write(directory, "sync", errno);
}

bool is_written_through(const fs::path& path) {
  struct stat status = {};
  // If the path cannot be examined, writing will tell.
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return false;
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) return true;
  throw DataError("file: cannot write " + path.string() + " (it is " + kind_of(status.st_mode) +
                  "); need the name of a file, or of a pipe");
}

void write_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  if (is_written_through(path)) return write_through(path, bytes);
  const fs::path end = end_of_links(path);
  struct stat old = {};
  const bool replaces = ::stat(end.c_str(), &old) == 0;
  const fs::path aside = aside_in(folder_of(end));
  int reason = write_new(aside, bytes, replaces ? &old : nullptr);
  if (reason == 0 && ::rename(aside.c_str(), end.c_str()) != 0) reason = errno;
  if (reason != 0) {
    ::unlink(aside.c_str());
    fail_to_write(path, "write", reason);
  }
  sync_directory(folder_of(end));
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  write_atomically(path, std::as_bytes(std::span(bytes)));
}

void replace_atomically(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  const fs::path aside = aside_in(folder_of(path));
  try {
    write(aside);
    Descriptor file(::open(aside.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 || sync_file(file.get()) != 0 || !file.close() ||
        ::rename(aside.c_str(), path.c_str()) != 0) {
      fail_to_write(path, "write", errno);
    }
  } catch (const DataError& error) {
    ::unlink(aside.c_str());
    // The message must name the file, not its temporary copy.
    std::string text = error.what();
    const std::size_t at = text.find(aside.string());
    if (at != std::string::npos) text.replace(at, aside.string().size(), path.string());
    throw WriteError(text);
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

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISLNK(mode)) return "a link";
  return "a device";
}

int open_regular(const fs::path& path) {
  // O_NONBLOCK, so as not to wait for a writer of a pipe.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file < 0) fail_to_read(path, errno);
  struct stat status = {};
  const int reason = ::fstat(file, &status) == 0 ? 0 : errno;
  if (reason == 0 && S_ISREG(status.st_mode)) return file;
  ::close(file);
  if (reason != 0) fail_to_read(path, reason);
  throw DataError("file: cannot read " + path.string() + " (it is " + kind_of(status.st_mode) +
                  "); need a regular file");
}

std::string read_file(const fs::path& path, std::uintmax_t most) {
  const Descriptor file(open_regular(path));
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail_to_read(path, errno);
  // The size is only a hint: files of /proc say 0, and others may grow.
  std::uintmax_t size = static_cast<std::uintmax_t>(status.st_size);
  std::string content;
  while (size <= most) {
    if (read_some(file.get(), path, content, kPiece) == 0) return content;
    size = std::max<std::uintmax_t>(size, content.size());
  }
  throw DataError("file: " + path.string() + " is too large (" + std::to_string(size) +
                  " bytes); need at most " + std::to_string(most));
}

std::string read_start(const fs::path& path, std::size_t bytes) {
  const Descriptor file(open_regular(path));
  std::string content;
  while (content.size() < bytes) {
    if (read_some(file.get(), path, content, bytes - content.size()) == 0) break;
  }
  return content;
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
