#pragma once

#include <string_view>
#include <vector>

namespace harness {

/// A file of harness/claims/catalogue, as the build found it.
struct ClaimText {
  std::string_view name;
  std::string_view text;
};

/// All of them, by name. embed_claims.cmake writes the source, in which the files' bytes are
/// numbers: no text of theirs is program text.
std::vector<ClaimText> claim_texts();

}  // namespace harness
