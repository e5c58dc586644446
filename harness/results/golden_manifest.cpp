#include "harness/results/golden_manifest.hpp"

#include "harness/base/files.hpp"
#include "harness/results/golden_files.hpp"
#include "harness/results/result_json.hpp"

namespace harness {
namespace {

using nlohmann::json;

int format_of(JsonObjectReader& members) {
  // Format 1 had no number.
  if (!members.has("format")) return 1;
  const json& format = members.take("format");
  if (format == kGoldenFormat) return kGoldenFormat;
  fail_golden(kManifestFile, "is of a format that this version does not read (" + format.dump() +
                                 "; it reads 1 and " + std::to_string(kGoldenFormat) +
                                 "): take the version that wrote it");
}

ListedFile listed_file(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  ListedFile file;
  file.sha256 = members.text("sha256");
  const json& bytes = members.take("bytes");
  if (!bytes.is_number_unsigned()) fail_golden(where, "has bytes that are no number");
  file.bytes = bytes.get<std::uintmax_t>();
  if (members.has("seeds")) file.seeds = members.text("seeds");
  members.require_none_left();
  return file;
}

}  // namespace

std::uintmax_t Manifest::bytes() const {
  std::uintmax_t sum = 0;
  for (const auto& item : files) sum += item.second.bytes;
  return sum;
}

Manifest read_manifest(const std::string& text) {
  const auto content = unseal("manifest", text);
  if (!content) fail_golden(kManifestFile, "is torn or edited (its checksum does not hold)");
  const std::string where = "golden: " + std::string(kManifestFile);
  const json value = parse_json(*content, where);
  JsonObjectReader members(value, where);
  Manifest manifest;
  manifest.format = format_of(members);
  const json& files = members.take("files");
  JsonObjectReader listed(files, where + ": files");
  for (const auto& item : files.items()) {
    ListedFile& file = manifest.files[item.key()];
    if (manifest.format == 1) {
      file.sha256 = listed.text(item.key());
    } else {
      file = listed_file(listed.take(item.key()), where + ": " + item.key());
    }
  }
  const json& blessings = members.take("blessings");
  if (!blessings.is_array()) fail_golden(kManifestFile, "has blessings that are no list");
  for (const json& item : blessings) {
    JsonObjectReader blessing(item, where + ": blessings");
    const std::string experiment = blessing.text("experiment");
    manifest.blessings.push_back({experiment, blessing.text("because")});
    blessing.require_none_left();
  }
  if (manifest.format > 1 && members.take("bytes") != manifest.bytes()) {
    fail_golden(kManifestFile, "has bytes that are not the sum of its files'");
  }
  members.require_none_left();
  return manifest;
}

std::string render(const Manifest& manifest) {
  json files = json::object();
  for (const auto& [path, file] : manifest.files) {
    files[path] = {{"sha256", file.sha256}, {"bytes", file.bytes}};
    if (!file.seeds.empty()) files[path]["seeds"] = file.seeds;
  }
  json blessings = json::array();
  for (const Blessing& blessing : manifest.blessings) {
    blessings.push_back({{"experiment", blessing.experiment}, {"because", blessing.because}});
  }
  const json value = {{"format", kGoldenFormat},
                      {"bytes", manifest.bytes()},
                      {"files", files},
                      {"blessings", blessings}};
  return seal("manifest", value.dump(2));
}

std::string seeds_text(const std::vector<std::uint64_t>& seeds) {
  std::string text;
  for (std::size_t first = 0; first < seeds.size();) {
    std::size_t last = first;
    while (last + 1 < seeds.size() && seeds[last + 1] == seeds[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(seeds[first]);
    if (last > first) text += ".." + std::to_string(seeds[last]);
    first = last + 1;
  }
  return text;
}

}  // namespace harness
