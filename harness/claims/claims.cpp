#include "harness/claims/claims.hpp"

#include <algorithm>
#include <iterator>

#include "harness/claims/claim_file.hpp"
#include "harness/claims/claim_texts.hpp"

namespace harness {

const std::vector<Claim>& claims() {
  static const std::vector<Claim> list = [] {
    std::vector<Claim> all;
    for (const ClaimText& file : claim_texts()) {
      for (Claim& claim : read_claims(file.text, std::string(file.name))) {
        all.push_back(std::move(claim));
      }
    }
    return all;
  }();
  return list;
}

std::vector<Claim> claims_of(std::string_view study) {
  std::vector<Claim> list;
  std::copy_if(claims().begin(), claims().end(), std::back_inserter(list),
               [&](const Claim& claim) { return claim.study == study; });
  return list;
}

}  // namespace harness
