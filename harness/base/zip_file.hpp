#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libnorm/data/stored_rows.hpp"

namespace harness {

/// Bytes that the list of a zip file's members may have.
inline constexpr libnorm::Index kLongestZipDirectory = libnorm::Index{1} << 26;

/// A file inside a zip file.
struct ZipMember {
  /// As the archive has it.
  std::string name;
  int method = 0;
  bool encrypted = false;
  /// Bytes in the archive, and unpacked.
  libnorm::Index packed = 0, size = 0;
  std::uint32_t crc = 0;
  /// Where its own header begins.
  libnorm::Index header = 0;
};

/// A zip file, as numpy.savez and numpy.savez_compressed write it, zip64 too.
///
/// Throws, when it is opened: DataError with file and reason, for a list of members that is damaged
/// or names one twice, and for members that overlap.
/// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
class ZipFile {
 public:
  explicit ZipFile(std::shared_ptr<const libnorm::OpenFile> file);

  /// In the order of their names' bytes.
  const std::vector<ZipMember>& members() const { return members_; }

  /// A member's bytes, unpacked as they are read and never whole: what lies before those wanted is
  /// unpacked too, and going back begins anew. Threads may share them, and take turns.
  ///
  /// name: what errors call it.
  /// Throws: DataError for one that is not stored or deflated, or not where the list says; later,
  /// when read, for damaged bytes: where its last byte is read, the checksum is compared.
  std::shared_ptr<const libnorm::StoredBytes> open(const ZipMember& member,
                                                   const std::string& name) const;

 private:
  std::shared_ptr<const libnorm::OpenFile> file_;
  /// Members end here.
  libnorm::Index directory_ = 0;
  std::vector<ZipMember> members_;
};

}  // namespace harness
