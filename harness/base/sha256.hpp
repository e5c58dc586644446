#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace harness {

/// SHA-256 of bytes added in pieces of any size.
/// Source: FIPS 180-4, by OpenSSL.
class Sha256 {
 public:
  /// Throws: BackendError if OpenSSL does not provide SHA-256.
  Sha256();

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view bytes);

  /// The hash of all bytes so far, as 64 lower-case hexadecimal digits. More bytes may follow.
  std::string hex() const;

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

/// The hash of bytes. Pass floats as `std::as_bytes(std::span(values))`.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view bytes);

/// Whether the text is 64 lower-case hexadecimal digits.
bool is_sha256_hex(std::string_view text);

}  // namespace harness
