#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/claims/claims.hpp"

namespace harness {

/// Reads the claims of a TOML text: one claim, or several in `[[claim]]`. harness/USAGE.md has the
/// keys. `name` is the file's, for messages.
/// Throws: DataError for text that is not TOML or no claim: one sentence, with line and column.
std::vector<Claim> read_claims(std::string_view text, const std::string& name);

/// The same of a file. Throws: also DataError if it cannot be read.
std::vector<Claim> read_claim_file(const std::string& path);

}  // namespace harness
