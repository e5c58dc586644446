#include "harness/activations/activation_file.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/activations/file_kind.hpp"
#include "harness/base/zip_file.hpp"
#include "libnorm/data/npy.hpp"
#include "libnorm/data/safetensors.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::Index;
using libnorm::NpyNumbers;
using libnorm::ValueError;
using Bytes = std::shared_ptr<const libnorm::StoredBytes>;

std::string text_of(const std::filesystem::path& path) { return libnorm::printable(path.string()); }

/// An array of a file, and whether it can be read as what was asked for.
struct Candidate {
  std::string name;
  std::vector<Index> shape;
  bool readable;
};

/// The first few arrays that can be read, for a message.
std::string listed(const std::vector<Candidate>& all) {
  constexpr int kMost = 8;
  std::string text;
  int count = 0;
  for (const auto& [name, shape, readable] : all) {
    if (!readable || count++ >= kMost) continue;
    text += fmt::format("{}{} [{}]", text.empty() ? "" : ", ", libnorm::shown(name),
                        fmt::join(shape, ", "));
  }
  if (count > kMost) text += fmt::format(" and {} more", count - kMost);
  return text.empty() ? "none" : text;
}

/// The array that is named, or else the only one that can be read. noun: `tensor`. right: what
/// could be read.
std::string chosen(const std::vector<Candidate>& all, const std::filesystem::path& path,
                   const ArrayChoice& choice, const char* noun, const std::string& right) {
  if (choice.name) {
    for (const Candidate& c : all) {
      if (c.name == *choice.name) return c.name;
    }
    throw ValueError(fmt::format("--{}: {} has no {} {}; use one of {}", choice.option,
                                 text_of(path), noun, libnorm::shown(*choice.name), listed(all)));
  }
  std::vector<std::string> readable;
  for (const Candidate& c : all) {
    if (c.readable) readable.push_back(c.name);
  }
  if (readable.empty()) {
    throw DataError(fmt::format("measure: {}: no {} that can be read ({} in all); need {}",
                                text_of(path), noun, all.size(), right));
  }
  if (readable.size() > 1) {
    throw ValueError(fmt::format("--{}: {} holds several; name one of {}", choice.option,
                                 text_of(path), listed(all)));
  }
  return readable[0];
}

/// Arrays of a .npz file: its members whose names end in .npy, which is left out of the name.
class NpzFile {
 public:
  explicit NpzFile(std::shared_ptr<const libnorm::OpenFile> file)
      : name_(file->name()), zip_(std::move(file)) {}

  const ZipFile& zip() const { return zip_; }

  std::vector<Candidate> candidates(NpyNumbers wanted) const {
    std::vector<Candidate> all;
    for (const ZipMember& member : zip_.members()) {
      if (!member.name.ends_with(kEnding)) continue;
      const std::string name = member.name.substr(0, member.name.size() - kEnding.size());
      libnorm::NpySummary summary = libnorm::summarize_npy(open(member, name));
      all.push_back({name, std::move(summary.shape), summary.numbers == wanted});
    }
    return all;
  }

  /// Nothing if there is no such array.
  Bytes open(const std::string& name) const {
    for (const ZipMember& member : zip_.members()) {
      if (member.name == name + std::string(kEnding)) return open(member, name);
    }
    return nullptr;
  }

 private:
  static constexpr std::string_view kEnding = ".npy";

  Bytes open(const ZipMember& member, const std::string& name) const {
    return zip_.open(member, fmt::format("{}, array {}", name_, libnorm::shown(name)));
  }

  std::string name_;
  ZipFile zip_;
};

[[noreturn]] void refuse(const ForeignKind& kind, const std::filesystem::path& path) {
  throw DataError(
      fmt::format("measure: {}: is {}; need {}", text_of(path), kind.what, kind.advice));
}

/// A .npy file, or the array asked for of a .npz file; `choice` gets its name. Nothing for other
/// kinds of file.
Bytes open_npy_bytes(const std::filesystem::path& path, NpyNumbers wanted, ArrayChoice& choice) {
  const auto file = std::make_shared<const libnorm::OpenFile>(path, "measure");
  if (const auto kind = foreign_kind(*file, path)) refuse(*kind, path);
  const bool is_npy = begins_as_npy(*file);
  const std::string extension = path.extension().string();
  if (begins_as_zip(*file) || (extension == ".npz" && !is_npy)) {
    const NpzFile npz(file);
    if (const auto kind = foreign_kind(npz.zip())) refuse(*kind, path);
    if (const Bytes array = choice.name ? npz.open(*choice.name) : nullptr) return array;
    choice.name = chosen(npz.candidates(wanted), path, choice, "array",
                         wanted == NpyNumbers::real ? "one of float16, bfloat16, float32 or float64"
                                                    : "one of integers");
    return npz.open(*choice.name);
  }
  if (!is_npy && extension != ".npy") return nullptr;
  if (choice.name) {
    throw ValueError(fmt::format("--{}: {} is a .npy file, which holds one array and no names",
                                 choice.option, text_of(path)));
  }
  return file;
}

std::vector<Candidate> tensors_of(const libnorm::SafetensorsFile& file) {
  std::vector<Candidate> tensors;
  for (const libnorm::StoredTensor& t : file.tensors()) {
    tensors.push_back({t.name, t.shape, t.format().has_value()});
  }
  return tensors;
}

/// Whether a name comes before another, with stretches of digits in both compared as numbers.
bool is_before(std::string_view a, std::string_view b) {
  const auto digits = [](std::string_view text) {
    return std::min(text.find_first_not_of("0123456789"), text.size());
  };
  while (!a.empty() && !b.empty()) {
    const std::size_t in_a = digits(a), in_b = digits(b);
    if (in_a > 0 && in_b > 0) {
      const auto value = [](std::string_view text) {
        return text.substr(std::min(text.find_first_not_of('0'), text.size()));
      };
      const std::string_view x = value(a.substr(0, in_a)), y = value(b.substr(0, in_b));
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      a.remove_prefix(in_a);
      b.remove_prefix(in_b);
    } else {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

}  // namespace

std::string ActivationFile::name() const {
  if (!tensor) return text_of(path);
  return fmt::format("{}, {} {}", text_of(path), is_npz ? "array" : "tensor",
                     libnorm::shown(*tensor));
}

ActivationFile open_activations(const std::filesystem::path& path, const ArrayChoice& choice) {
  const auto open = [&]() -> ActivationFile {
    ArrayChoice found = choice;
    if (const Bytes bytes = open_npy_bytes(path, NpyNumbers::real, found)) {
      return {path, found.name, true, libnorm::NpyFile(bytes)};
    }
    const libnorm::SafetensorsFile file(path);
    const std::string name =
        chosen(tensors_of(file), path, choice, "tensor", "one of F16, BF16, F32 or F64");
    return {path, name, false, file.rows(name)};
  };
  ActivationFile file = open();
  if (file.rows.rows() < 1 || file.rows.cols() < 1) {
    throw DataError(fmt::format("measure: {}: no numbers (shape [{}]); need a row at least",
                                file.name(), fmt::join(file.rows.shape(), ", ")));
  }
  return file;
}

std::vector<std::string> matrix_names(const std::filesystem::path& path) {
  const auto file = std::make_shared<const libnorm::OpenFile>(path, "measure");
  if (const auto kind = foreign_kind(*file, path)) refuse(*kind, path);
  if (begins_as_npy(*file)) return {};
  std::vector<Candidate> all;
  if (begins_as_zip(*file)) {
    const NpzFile npz(file);
    if (const auto kind = foreign_kind(npz.zip())) refuse(*kind, path);
    all = npz.candidates(NpyNumbers::real);
  } else {
    all = tensors_of(libnorm::SafetensorsFile(path));
  }
  std::vector<std::string> names;
  for (const Candidate& c : all) {
    if (!c.readable || c.shape.size() < 2) continue;
    Index rows = 1;
    for (std::size_t d = 0; d + 1 < c.shape.size(); ++d) rows *= c.shape[d];
    if (rows >= 2 && c.shape.back() >= 1) names.push_back(c.name);
  }
  if (names.empty()) {
    throw DataError(
        fmt::format("measure: {}: no matrix that can be read ({} arrays in all); need "
                    "one of two rows at least",
                    text_of(path), all.size()));
  }
  std::sort(names.begin(), names.end(), is_before);
  return names;
}

std::vector<std::int64_t> read_labels(const std::filesystem::path& path,
                                      const ArrayChoice& choice) {
  ArrayChoice found = choice;
  if (const Bytes bytes = open_npy_bytes(path, NpyNumbers::whole, found)) {
    return libnorm::read_npy_integers(bytes);
  }
  throw DataError(
      fmt::format("measure: {}: no labels; need integers in a .npy or .npz file", text_of(path)));
}

}  // namespace harness
