#include "harness/base/sha256.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

EVP_MD_CTX* as_evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void require(bool done, const char* step) {
  if (!done) {
    throw libnorm::BackendError(std::string("sha256: OpenSSL failed to ") + step +
                                "; need an OpenSSL that offers SHA-256");
  }
}

}  // namespace

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(as_evp(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr, "make a context");
  require(EVP_DigestInit_ex(as_evp(context_.get()), EVP_sha256(), nullptr) == 1, "start");
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(as_evp(context_.get()), bytes.data(), bytes.size()) == 1, "take bytes");
  return *this;
}

Sha256& Sha256::update(std::string_view bytes) { return update(std::as_bytes(std::span(bytes))); }

std::string Sha256::hex() const {
  // Finishing ends a context, so a copy is finished and this one stays usable.
  const std::unique_ptr<void, Free> copy(EVP_MD_CTX_new());
  require(copy != nullptr, "make a context");
  require(EVP_MD_CTX_copy_ex(as_evp(copy.get()), as_evp(context_.get())) == 1, "copy a context");
  std::array<unsigned char, 32> digest{};
  require(EVP_DigestFinal_ex(as_evp(copy.get()), digest.data(), nullptr) == 1, "finish");

  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) { return Sha256().update(bytes).hex(); }

std::string sha256_hex(std::string_view bytes) { return Sha256().update(bytes).hex(); }

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace harness
