#include "harness/base/sha256.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace harness {
namespace {

// The examples of FIPS 180-4 as NIST publishes them (SHA256.pdf, and the message of a million 'a').
TEST(Sha256, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  const std::string text = "The quick brown fox jumps over the lazy dog, and so on, past one block";
  const std::string whole = sha256_hex(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Sha256().update(text.substr(0, cut)).update(text.substr(cut)).hex(), whole) << cut;
  }
}

TEST(Sha256, GoesOnAfterADigestWasAskedFor) {
  Sha256 hash;
  hash.update("a");
  EXPECT_EQ(hash.hex(), sha256_hex("a"));
  EXPECT_EQ(hash.hex(), sha256_hex("a"));
  EXPECT_EQ(hash.update("bc").hex(), sha256_hex("abc"));
}

TEST(Sha256, TakesBytesWithZeros) {
  const std::vector<float> values = {0.0f, 1.0f};
  const std::string bytes("\0\0\0\0\0\0\x80\x3f", 8);
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span(values))), sha256_hex(bytes));
  EXPECT_NE(sha256_hex(std::string(1, '\0')), sha256_hex(""));
}

TEST(Sha256, KnowsItsOwnSpelling) {
  const std::string hash = sha256_hex("");
  EXPECT_TRUE(is_sha256_hex(hash));
  EXPECT_FALSE(is_sha256_hex(hash.substr(1)));
  EXPECT_FALSE(is_sha256_hex(hash + "0"));
  EXPECT_FALSE(is_sha256_hex("E" + hash.substr(1)));
  EXPECT_FALSE(is_sha256_hex("g" + hash.substr(1)));
}

}  // namespace
}  // namespace harness
