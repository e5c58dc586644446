#pragma once

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
  /// Whether closing went well: some file systems report a failed write only here.
  bool close();

 private:
  int value_;
};

/// A folder for what is on its way, gone at the end of its scope with all that is in it.
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

/// The system's words for a value of errno.
std::string reason_of(int error);

/// Throws a DataError that names the path and the system's reason (a value of errno).
[[noreturn]] void fail_to_write(const std::filesystem::path& path, const char* action, int reason);
[[noreturn]] void fail_to_read(const std::filesystem::path& path, int reason);

/// Whether there is something at a path. Throws: DataError when that cannot be told.
bool is_there(const std::filesystem::path& path);

/// Makes a rename or a new folder inside `directory` survive a loss of power. Throws: DataError.
void sync_directory(const std::filesystem::path& directory);

/// A name in `directory` that nothing has, for what is prepared before it gets its own. A process
/// that is killed may leave it behind.
std::filesystem::path aside_in(const std::filesystem::path& directory);
/// Whether a name is one of aside_in().
bool is_aside(const std::filesystem::path& path);
/// Removes what killed processes left in a folder; its owner calls this, with the folder locked.
void remove_asides(const std::filesystem::path& directory);

/// Whether what is written to a path goes through it, as into a pipe or a terminal, and does not
/// take the place of a file.
/// Throws: DataError for what takes no content: a folder, a socket, a disk.
bool is_written_through(const std::filesystem::path& path);

/// Replaces a file so that whoever looks, at any moment, finds the old content whole or the new
/// one whole: writes beside it (aside_in), syncs, renames, syncs the folder. A file keeps its mode,
/// links are followed to their end, and what is_written_through() is written to as it is.
/// Throws: DataError with the path and the system's reason; what was prepared is gone then, and a
/// file that could not be replaced is as it was.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Replaces a file by one that `write` makes at the path it is given, in the same folder.
/// Throws: also what `write` throws.
void replace_atomically(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path&)>& write);

/// Of a file's bytes, read in pieces. Throws: DataError.
std::string file_sha256(const std::filesystem::path& path);

/// Opens a regular file for reading; nothing else is waited for. Throws: DataError with the reason.
int open_regular(const std::filesystem::path& path);

/// Most bytes of a text that is read whole: a spec, a row, a file of golden, a picture.
inline constexpr std::uintmax_t kMostText = std::uintmax_t{1} << 28;

/// The whole content of a regular file of at most `most` bytes.
/// Throws: DataError with the path and the reason, also when there is no such file.
std::string read_file(const std::filesystem::path& path, std::uintmax_t most = kMostText);

/// The first bytes of a regular file, fewer where it has fewer. Throws: DataError.
std::string read_start(const std::filesystem::path& path, std::size_t bytes);

/// Wraps JSON text as `{"name":json,\n"sha256":"..."}\n`: JSON still, and every byte is checked.
std::string seal(std::string_view name, std::string_view json);

/// The JSON text inside, or nothing when a byte differs from what seal() made.
std::optional<std::string_view> unseal(std::string_view name, std::string_view sealed);

}  // namespace harness
