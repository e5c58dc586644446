#include "harness/base/zip_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <zlib.h>

namespace harness {
namespace {

using libnorm::Index;
using libnorm::StoredBytes;

constexpr int kStored = 0, kDeflated = 8;
/// These values mean that zip64 has the size or place elsewhere.
constexpr std::uint64_t kElsewhere32 = 0xFFFFFFFF, kElsewhere16 = 0xFFFF;
constexpr const char* kWhole = "the whole file, as numpy.savez writes it";

/// A record, lowest bytes first. Its length was checked, so all that is read lies inside.
class Record {
 public:
  explicit Record(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t at, std::size_t width) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t(bytes_[at + i]) << (8 * i);
    return value;
  }
  std::uint64_t u16(std::size_t at) const { return number(at, 2); }
  std::uint64_t u32(std::size_t at) const { return number(at, 4); }
  std::uint64_t u64(std::size_t at) const { return number(at, 8); }
  bool begins(std::string_view signature) const {
    return bytes_.size() >= 4 && std::memcmp(bytes_.data(), signature.data(), 4) == 0;
  }
  std::string text(std::size_t at, std::size_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, size};
  }
  Record from(std::size_t at) const { return Record(bytes_.subspan(at)); }
  Record first(std::size_t size) const { return Record(bytes_.first(size)); }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

/// Where the list of members lies.
struct Directory {
  std::uint64_t count = 0, size = 0, begin = 0;
  /// Where the part after it begins.
  std::uint64_t end = 0;
};

std::vector<std::byte> read_bytes(const StoredBytes& file, Index offset, Index size) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.read(offset, bytes);
  return bytes;
}

/// The record at the end of the file; only a comment may follow it.
Directory find_directory(const StoredBytes& file) {
  constexpr Index kEnd = 22, kLongestComment = 65535, kLocator = 20, kEnd64 = 56;
  const Index size = std::min(file.size(), kEnd + kLongestComment), from = file.size() - size;
  const std::vector<std::byte> bytes = read_bytes(file, from, size);
  const Record tail(bytes);
  Index at = size - kEnd;
  while (at >= 0 && !(tail.from(std::size_t(at)).begins("PK\5\6") &&
                      Index(tail.u16(std::size_t(at) + 20)) == size - kEnd - at)) {
    --at;
  }
  if (at < 0) file.fail("no list of members at its end", kWhole);
  const Record end = tail.from(std::size_t(at));
  Directory directory{end.u16(10), end.u32(12), end.u32(16), std::uint64_t(from + at)};
  const bool wide = directory.count == kElsewhere16 || directory.size == kElsewhere32 ||
                    directory.begin == kElsewhere32;
  if (at >= kLocator && wide) {
    const Record locator = tail.from(std::size_t(at - kLocator));
    const std::uint64_t place = locator.u64(8);
    if (locator.begins("PK\6\7") && std::uint64_t(from + at - kLocator) >= kEnd64 &&
        place <= std::uint64_t(from + at - kLocator - kEnd64)) {
      const std::vector<std::byte> end64 = read_bytes(file, Index(place), kEnd64);
      const Record record(end64);
      if (!record.begins("PK\6\6")) file.fail("a damaged end (zip64)", kWhole);
      directory = {record.u64(32), record.u64(40), record.u64(48), place};
    }
  }
  if (directory.begin > directory.end || directory.size > directory.end - directory.begin) {
    file.fail("a list of members that does not fit the file", kWhole);
  }
  if (directory.size > std::uint64_t(kLongestZipDirectory)) {
    file.fail("too long a list of members (" + std::to_string(directory.size) + " bytes)",
              "at most " + std::to_string(kLongestZipDirectory));
  }
  return directory;
}

/// Reads sizes and place of a member from its extra fields, if zip64 has them there.
/// Returns: false if they should be there and are not.
bool read_zip64(const Record& extra, const std::array<std::uint64_t*, 3>& numbers) {
  const auto elsewhere = [](const std::uint64_t* n) { return *n == kElsewhere32; };
  if (std::none_of(numbers.begin(), numbers.end(), elsewhere)) return true;
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    const std::uint64_t id = extra.u16(at), size = extra.u16(at + 2);
    at += 4;
    if (size > extra.size() - at) return false;
    if (id == 1) {
      const Record field = extra.from(at).first(size);
      std::size_t place = 0;
      for (std::uint64_t* number : numbers) {
        if (!elsewhere(number)) continue;
        if (place + 8 > field.size()) return false;
        *number = field.u64(place);
        place += 8;
      }
      return true;
    }
    at += size;
  }
  // Without such a field, the number is what it says.
  return true;
}

/// Reads the first member of `list`. Returns: how many bytes it took; 0 if it is malformed.
std::size_t read_member(const Record& list, const Directory& directory, ZipMember& member) {
  constexpr std::size_t kFixed = 46;
  if (list.size() < kFixed || !list.begins("PK\1\2")) return 0;
  const std::size_t name = list.u16(28), extra = list.u16(30), comment = list.u16(32);
  if (list.size() - kFixed < name + extra + comment) return 0;
  std::uint64_t size = list.u32(24), packed = list.u32(20), header = list.u32(42);
  if (!read_zip64(list.from(kFixed + name).first(extra), {&size, &packed, &header})) return 0;
  constexpr std::uint64_t kLargest = std::numeric_limits<Index>::max();
  if (size > kLargest || header > directory.begin || packed > directory.begin - header) return 0;
  member = {list.text(kFixed, name),
            int(list.u16(10)),
            (list.u16(8) & 1) != 0,
            Index(packed),
            Index(size),
            std::uint32_t(list.u32(16)),
            Index(header)};
  return kFixed + name + extra + comment;
}

std::vector<ZipMember> read_members(const StoredBytes& file, const Directory& directory) {
  const std::vector<std::byte> bytes =
      read_bytes(file, Index(directory.begin), Index(directory.size));
  std::vector<ZipMember> members;
  for (Record list(bytes); list.size() > 0;) {
    const std::size_t taken = read_member(list, directory, members.emplace_back());
    if (taken == 0) {
      file.fail("a damaged list of members (entry " + std::to_string(members.size()) + ")", kWhole);
    }
    list = list.from(taken);
  }
  if (members.size() != directory.count) {
    file.fail(
        "another number of members than its end says (" + std::to_string(members.size()) + ")",
        std::to_string(directory.count));
  }
  return members;
}

void refuse_overlaps(const StoredBytes& file, std::vector<ZipMember>& members) {
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.header < b.header; });
  for (std::size_t i = 1; i < members.size(); ++i) {
    if (members[i].header - members[i - 1].header >= members[i - 1].packed + 30) continue;
    file.fail("members that overlap (" + libnorm::shown(members[i - 1].name) + " and " +
                  libnorm::shown(members[i].name) + ")",
              "one behind the other");
  }
}

/// Unpacks a member from its beginning on.
class Unpacking {
 public:
  Unpacking(const StoredBytes& file, const ZipMember& member, Index begin)
      : file_(file), deflated_(member.method == kDeflated), at_(begin), left_(member.packed) {
    // A raw stream, without zlib's header and checksum.
    if (deflated_ && inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Unpacking(const Unpacking&) = delete;
  Unpacking& operator=(const Unpacking&) = delete;
  ~Unpacking() {
    if (deflated_) inflateEnd(&stream_);
  }

  /// How many bytes were taken, and their checksum.
  /// @{
  Index taken() const { return taken_; }
  std::uint32_t crc() const { return crc_; }
  /// @}

  /// Fills `into` as far as there are bytes. Returns: how many, or nothing for damaged ones.
  std::optional<std::size_t> take(std::span<std::byte> into) {
    std::size_t count = 0;
    while (count < into.size()) {
      // zlib counts in 32 bits.
      const auto piece = into.subspan(count, std::min(into.size() - count, kPiece));
      const auto more = deflated_ ? inflate_some(piece) : copy_some(piece);
      if (!more) return std::nullopt;
      if (*more == 0) break;
      crc_ = std::uint32_t(crc32(crc_, reinterpret_cast<const Bytef*>(piece.data()), uInt(*more)));
      count += *more;
    }
    taken_ += Index(count);
    return count;
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 16;

  std::optional<std::size_t> copy_some(std::span<std::byte> into) {
    const auto count = std::size_t(std::min(left_, Index(into.size())));
    file_.read(at_, into.first(count));
    at_ += Index(count);
    left_ -= Index(count);
    return count;
  }

  std::optional<std::size_t> inflate_some(std::span<std::byte> into) {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = uInt(into.size());
    for (int status = Z_OK; status == Z_OK && stream_.avail_out > 0;) {
      if (stream_.avail_in == 0) {
        stream_.avail_in = uInt(*copy_some(packed_));
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
      }
      status = ::inflate(&stream_, Z_NO_FLUSH);
      // A buffer error means that the packed bytes end before the member does.
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return std::nullopt;
    }
    return into.size() - stream_.avail_out;
  }

  const StoredBytes& file_;
  bool deflated_;
  /// The packed bytes that are still to come.
  Index at_, left_;
  z_stream stream_{};
  std::array<std::byte, kPiece> packed_;
  Index taken_ = 0;
  std::uint32_t crc_ = 0;
};

class MemberBytes : public StoredBytes {
 public:
  MemberBytes(std::shared_ptr<const StoredBytes> file, ZipMember member, Index begin,
              std::string name)
      : StoredBytes(std::move(name), file->where(), member.size),
        file_(std::move(file)),
        member_(std::move(member)),
        begin_(begin) {}

  void read(Index offset, std::span<std::byte> into) const override {
    if (into.empty()) return;
    const std::lock_guard lock(mutex_);
    // After an error, unpacking starts again too.
    std::unique_ptr<Unpacking> unpacking = std::move(unpacking_);
    if (!unpacking || offset < unpacking->taken()) {
      unpacking = std::make_unique<Unpacking>(*file_, member_, begin_);
    }
    std::array<std::byte, 1 << 14> passed;
    while (unpacking->taken() < offset) {
      const Index most = std::min(Index(passed.size()), offset - unpacking->taken());
      fill(*unpacking, std::span(passed).first(std::size_t(most)));
    }
    fill(*unpacking, into);
    unpacking_ = std::move(unpacking);
  }

 private:
  void fill(Unpacking& from, std::span<std::byte> into) const {
    const auto count = from.take(into);
    if (!count) fail("cannot be unpacked (damaged)", kWhole);
    if (*count < into.size()) fail("ends before its size", kWhole);
    if (from.taken() < size()) return;
    std::byte beyond{};
    const std::uint32_t crc = from.crc();
    if (from.taken() > size() || from.take(std::span(&beyond, 1)).value_or(1) > 0) {
      fail("is longer than its size", kWhole);
    }
    if (crc != member_.crc) fail("differs from its checksum (damaged)", kWhole);
  }

  std::shared_ptr<const StoredBytes> file_;
  ZipMember member_;
  Index begin_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Unpacking> unpacking_;
};

}  // namespace

ZipFile::ZipFile(std::shared_ptr<const libnorm::OpenFile> file) : file_(std::move(file)) {
  const Directory directory = find_directory(*file_);
  directory_ = Index(directory.begin);
  members_ = read_members(*file_, directory);
  refuse_overlaps(*file_, members_);
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(members_.begin(), members_.end(), by_name);
  const auto twice = std::adjacent_find(members_.begin(), members_.end(), std::not_fn(by_name));
  if (twice != members_.end()) {
    file_->fail("member " + libnorm::shown(twice->name) + " a second time", "each name once");
  }
}

std::shared_ptr<const StoredBytes> ZipFile::open(const ZipMember& member,
                                                 const std::string& name) const {
  constexpr Index kHeader = 30;
  const auto fail = [&](const std::string& wrong, const std::string& right) {
    file_->fail("member " + libnorm::shown(member.name) + ' ' + wrong, right);
  };
  if (member.encrypted) fail("is encrypted", "a file without a password");
  if (member.method != kStored && member.method != kDeflated) {
    fail("is packed in a way that is not read (method " + std::to_string(member.method) + ")",
         "stored or deflated, as numpy.savez and numpy.savez_compressed write it");
  }
  const auto misplaced = [&] { fail("is not where the list of members says", kWhole); };
  if (directory_ - member.header < kHeader) misplaced();
  const std::vector<std::byte> bytes = read_bytes(*file_, member.header, kHeader);
  const Record header(bytes);
  const Index name_size = Index(header.u16(26)),
              begin = member.header + kHeader + name_size + Index(header.u16(28));
  if (!header.begins("PK\3\4") || int(header.u16(8)) != member.method || begin > directory_ ||
      member.packed > directory_ - begin) {
    misplaced();
  }
  const std::vector<std::byte> own = read_bytes(*file_, member.header + kHeader, name_size);
  if (Record(own).text(0, own.size()) != member.name) misplaced();
  if (member.method == kStored && member.packed != member.size) {
    fail("has two sizes, and is not packed", kWhole);
  }
  return std::make_shared<const MemberBytes>(file_, member, begin, name);
}

}  // namespace harness
