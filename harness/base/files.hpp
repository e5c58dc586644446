#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace harness {

/// An open file, closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  int get() const { return value_; }
  /// Returns: whether closing succeeded. Some file systems report a failed write only then.
  bool close();

 private:
  int value_;
};

/// A temporary folder, removed with its content at the end of its scope.
class TemporaryFolder {
 public:
  /// Throws: DataError if it cannot be made.
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The system's text for a value of errno.
std::string reason_of(int error);

/// Throws: DataError that names the path and the system's reason (a value of errno).
[[noreturn]] void fail_to_write(const std::filesystem::path& path, const char* action, int reason);
[[noreturn]] void fail_to_read(const std::filesystem::path& path, int reason);

/// Whether a path exists. Throws: DataError if that cannot be determined.
bool is_there(const std::filesystem::path& path);

/// Syncs `directory`, so that a rename or a new folder inside it survives a loss of power. Throws:
/// DataError.
void sync_directory(const std::filesystem::path& directory);

/// An unused temporary name in `directory`. A killed process may leave the file behind.
std::filesystem::path aside_in(const std::filesystem::path& directory);
/// Whether a name was made by aside_in().
bool is_aside(const std::filesystem::path& path);
/// Removes temporary files of killed processes; the caller must hold the folder's lock.
void remove_asides(const std::filesystem::path& directory);

/// Whether a path is written to directly, such as a pipe or a terminal, and not replaced like a
/// file. Throws: DataError for a path that cannot be written: a folder, a socket, a disk.
bool is_written_through(const std::filesystem::path& path);

/// Replaces a file so that at any moment it has either the old content or the new: writes a
/// temporary file (aside_in), syncs, renames, syncs the folder. A file keeps its mode, links are
/// followed, and a path that is_written_through() is written directly. Throws: DataError with the
/// path and the system's reason; the temporary file is then removed and the old file unchanged.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same for a file that `write` makes at the path passed to it, in the same folder.
/// Throws: also what `write` throws.
void replace_atomically(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path&)>& write);

/// SHA-256 of a file's bytes, read in pieces. Throws: DataError.
std::string file_sha256(const std::filesystem::path& path);

/// `a folder`, `a pipe`, `a link`: what is no regular file, from its st_mode.
const char* kind_of(mode_t mode);

/// Opens a regular file for reading; does not block on other kinds. Throws: DataError with the
/// reason.
int open_regular(const std::filesystem::path& path);

/// The most bytes of a file that is read as a whole: a spec, a result, a file of golden, a picture.
inline constexpr std::uintmax_t kMostText = std::uintmax_t{1} << 28;

/// The whole content of a regular file of at most `most` bytes.
/// Throws: DataError with the path and the reason, also when there is no such file.
std::string read_file(const std::filesystem::path& path, std::uintmax_t most = kMostText);

/// The first bytes of a regular file, or all if it has fewer. Throws: DataError.
std::string read_start(const std::filesystem::path& path, std::size_t bytes);

/// Wraps JSON text as `{"name":json,\n"sha256":"..."}\n`: still JSON, and the hash covers every
/// byte.
std::string seal(std::string_view name, std::string_view json);

/// The JSON text inside, or nothing if any byte has changed since seal().
std::optional<std::string_view> unseal(std::string_view name, std::string_view sealed);

}  // namespace harness
