#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/stored_numbers.hpp"

/// A zip file byte by byte, sharing no code with what reads it.
namespace libnorm::test {

/// A member, and what may be wrong with it.
struct Zipped {
  std::string name, data;
  /// In deflate's blocks that are not compressed.
  bool deflated = false;
  /// Its sizes in zip64's field; and behind its bytes, with none in its own header.
  bool wide = false, described = false;
  bool encrypted = false;
  /// Another method than the one that is used.
  int method = -1;
  /// What it says to be its size.
  std::optional<std::int64_t> size = {};
  /// Where it says to be, and what its own header calls it.
  std::optional<std::uint64_t> at = {};
  std::optional<std::string> local_name = {};
};

inline std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += char(value >> (8 * i) & 255);
  return text;
}

inline std::uint32_t crc_of(const std::string& data) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

inline std::string deflated(const std::string& data) {
  std::string blocks;
  constexpr std::size_t kMost = 65535;
  for (std::size_t at = 0; at == 0 || at < data.size(); at += kMost) {
    const std::string part = data.substr(at, kMost);
    blocks += char(at + kMost >= data.size() ? 1 : 0);
    blocks += little(part.size(), 2) + little(~part.size(), 2) + part;
  }
  return blocks;
}

inline std::string zip_bytes(const std::vector<Zipped>& members, const std::string& comment = "") {
  std::string file, list;
  bool any_wide = false;
  for (const Zipped& m : members) {
    const std::string packed = m.deflated ? deflated(m.data) : m.data;
    const std::uint64_t size = m.size ? std::uint64_t(*m.size) : m.data.size();
    const std::uint64_t begin = m.at.value_or(file.size());
    const bool wide = m.wide || size > 0xFFFFFFFEu;
    any_wide = any_wide || wide;
    const std::string flags = little((m.encrypted ? 1u : 0u) | (m.described ? 8u : 0u), 2);
    const std::string method = little(std::uint64_t(m.method >= 0 ? m.method
                                                    : m.deflated  ? 8
                                                                  : 0),
                                      2);
    const std::string crc = little(crc_of(m.data), 4);
    const auto sizes = [&](bool elsewhere) {
      return little(elsewhere ? 0xFFFFFFFFu : packed.size(), 4) +
             little(elsewhere ? 0xFFFFFFFFu : size, 4);
    };
    const std::string extra = wide ? little(1, 2) + little(24, 2) + little(size, 8) +
                                         little(packed.size(), 8) + little(begin, 8)
                                   : "";
    // A field that nobody knows comes first.
    const std::string strange = little(0x7075, 2) + little(3, 2) + "abc";
    const std::string local_name = m.local_name.value_or(m.name);
    const std::string none(12, '\0');
    file += "PK\3\4" + little(45, 2) + flags + method + little(0, 4) +
            (m.described ? none : crc + sizes(wide)) + little(local_name.size(), 2) +
            little(strange.size() + extra.size(), 2) + local_name + strange + extra + packed;
    if (m.described)
      file += "PK\7\10" + crc + little(packed.size(), wide ? 8 : 4) + little(size, wide ? 8 : 4);
    list += "PK\1\2" + little(45, 2) + little(45, 2) + flags + method + little(0, 4) + crc +
            sizes(wide) + little(m.name.size(), 2) + little(strange.size() + extra.size(), 2) +
            little(4, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
            little(wide ? 0xFFFFFFFFu : begin, 4) + m.name + strange + extra + "note";
  }
  const std::uint64_t begin = file.size(), end = begin + list.size(), count = members.size();
  file += list;
  if (any_wide) {
    file += "PK\6\6" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 4) + little(0, 4) +
            little(count, 8) + little(count, 8) + little(list.size(), 8) + little(begin, 8);
    file += "PK\6\7" + little(0, 4) + little(end, 8) + little(1, 4);
  }
  return file + "PK\5\6" + little(0, 2) + little(0, 2) + little(any_wide ? 0xFFFF : count, 2) +
         little(any_wide ? 0xFFFF : count, 2) + little(any_wide ? 0xFFFFFFFFu : list.size(), 4) +
         little(any_wide ? 0xFFFFFFFFu : begin, 4) + little(comment.size(), 2) + comment;
}

/// numpy.savez and numpy.savez_compressed of x = arange(6, dtype "f4").reshape(2, 3) and
/// y = [0, 1], by NumPy 2.4.
/// @{
inline const std::string kNumpyStored = from_hex(
    "504b03042d0000000000000021004fe9002affffffffffffffff05001400782e6e7079010010009800000000"
    "0000009800000000000000934e554d5059010076007b276465736372273a20273c6634272c2027666f727472"
    "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c2033292c207d2020202020202020"
    "2020202020202020202020202020202020202020202020202020202020202020202020202020202020202020"
    "2020202020200a000000000000803f0000004000004040000080400000a040504b03042d0000000000000021"
    "007e6afbc9ffffffffffffffff05001400792e6e70790100100090000000000000009000000000000000934e"
    "554d5059010076007b276465736372273a20273c6938272c2027666f727472616e5f6f72646572273a204661"
    "6c73652c20277368617065273a2028322c292c207d2020202020202020202020202020202020202020202020"
    "202020202020202020202020202020202020202020202020202020202020202020202020200a000000000000"
    "00000100000000000000504b01022d032d0000000000000021004fe9002a9800000098000000050000000000"
    "000000000000800100000000782e6e7079504b01022d032d0000000000000021007e6afbc990000000900000"
    "000500000000000000000000008001cf000000792e6e7079504b050600000000020002006600000096010000"
    "0000");
inline const std::string kNumpyDeflated = from_hex(
    "504b03042d0000000800000021004fe9002affffffffffffffff05001400782e6e7079010010009800000000"
    "00000055000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a2aea3a09e965f5452"
    "9498179f5f94920a12774bcc294e058a17672416a402f91a463a0ac69a3a0ab50a64032e063068b007120e40"
    "04c40d40bcc00100504b03042d0000000800000021007e6afbc9ffffffffffffffff05001400792e6e707901"
    "001000900000000000000049000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a1"
    "aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a463a9a3a0ab50a14002e0628"
    "6084d200504b01022d032d0000000800000021004fe9002a5500000098000000050000000000000000000000"
    "800100000000782e6e7079504b01022d032d0000000800000021007e6afbc949000000900000000500000000"
    "0000000000000080018c000000792e6e7079504b05060000000002000200660000000c0100000000");
/// @}

}  // namespace libnorm::test
