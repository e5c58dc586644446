#pragma once

#include <string>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/verdict.hpp"

namespace harness {

/// Writes the scope of each verdict of a claim: what its word holds over. The first is the
/// published definition's: `fails as published and in 4 of 17 definitions, holds in 8, too small in
/// 5; turns with slice radius; at the end of training`.
void add_scopes(const Claim& claim, std::vector<Verdict>& verdicts);

/// `holds`, `fails`, `too small`, `open` or `not checked`: an outcome as defined, in words that are
/// no verdict.
std::string plain_word(Outcome as_defined);

}  // namespace harness
