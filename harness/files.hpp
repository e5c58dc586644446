#pragma once

#include <cstddef>
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

/// Throws a DataError that names the path and the system's reason (a value of errno).
[[noreturn]] void fail_to_write(const std::filesystem::path& path, const char* action, int reason);
[[noreturn]] void fail_to_read(const std::filesystem::path& path, int reason);

/// Whether there is something at a path. Throws: DataError when that cannot be told.
bool is_there(const std::filesystem::path& path);

/// Makes a rename or a new folder inside `directory` survive a loss of power. Throws: DataError.
void sync_directory(const std::filesystem::path& directory);

/// Where write_atomically() prepares the new content of a path; left behind by a process killed
/// while it did.
std::filesystem::path aside_of(const std::filesystem::path& path);

/// Replaces a file so that whoever looks, at any moment, finds the old content whole or the new
/// one whole: writes `.<name>.aside` in the same folder, syncs it, renames it, syncs the folder.
/// Two writers of one path at once must be kept apart by a lock.
/// Throws: DataError with the path and the system's reason; the aside file is gone then, and a
/// file that could not be replaced is as it was.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same for a file that `write` makes at the path it is given, in the same folder.
/// Throws: also what `write` throws.
void replace_atomically(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path&)>& write);

/// Of a file's bytes, read in pieces. Throws: DataError.
std::string file_sha256(const std::filesystem::path& path);

/// The whole content of a file.
/// Throws: DataError with the path and the system's reason, also when there is no such file.
std::string read_file(const std::filesystem::path& path);

/// Wraps JSON text as `{"name":json,\n"sha256":"..."}\n`: JSON still, and every byte is checked.
std::string seal(std::string_view name, std::string_view json);

/// The JSON text inside, or nothing when a byte differs from what seal() made.
std::optional<std::string_view> unseal(std::string_view name, std::string_view sealed);

}  // namespace harness
