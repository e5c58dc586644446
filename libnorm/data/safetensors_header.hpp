#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace libnorm {

/// A file's metadata: texts by key.
using Metadata = std::map<std::string, std::string>;

/// The header's key of the metadata, which no tensor may have for a name.
inline constexpr std::string_view kMetadataName = "__metadata__";

/// The position of the first byte that is not UTF-8, or the text's size.
std::size_t utf8_end(std::string_view text);

}  // namespace libnorm
