#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libnorm/data/stored_rows.hpp"

namespace harness {

/// The most bytes of a zip file's list of members.
inline constexpr libnorm::Index kLongestZipDirectory = libnorm::Index{1} << 26;

/// A file inside a zip file.
struct ZipMember {
  /// The name in the archive.
  std::string name;
  int method = 0;
  bool encrypted = false;
  /// Bytes in the archive, and unpacked.
  libnorm::Index packed = 0, size = 0;
  std::uint32_t crc = 0;
  /// Position of its local header.
  libnorm::Index header = 0;
};

/// A zip file, as numpy.savez and numpy.savez_compressed write it, zip64 too.
///
/// Throws: DataError, when it is opened, with file and reason, for a list of members that is
/// damaged or has duplicate names, and for members that overlap.
/// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
class ZipFile {
 public:
  explicit ZipFile(std::shared_ptr<const libnorm::OpenFile> file);

  /// In the order of their names' bytes.
  const std::vector<ZipMember>& members() const { return members_; }

  /// A member's bytes, unpacked while they are read and never held as a whole: reading unpacks the
  /// bytes before too, and reading backwards starts again. Threads may share an object; they wait
  /// for each other.
  ///
  /// name: the member's name in errors.
  /// Throws: DataError for a member that is not stored or deflated, or not where the list says.
  /// Reads throw for damaged bytes; the read of the last byte compares the checksum.
  std::shared_ptr<const libnorm::StoredBytes> open(const ZipMember& member,
                                                   const std::string& name) const;

 private:
  std::shared_ptr<const libnorm::OpenFile> file_;
  /// End of the members.
  libnorm::Index directory_ = 0;
  std::vector<ZipMember> members_;
};

}  // namespace harness
