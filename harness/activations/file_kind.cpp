#include "harness/activations/file_kind.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "libnorm/data/safetensors.hpp"

namespace harness {
namespace {

using libnorm::Index;
using namespace std::string_view_literals;

constexpr const char* kReadable = "a .npy, .npz or safetensors file";
constexpr const char* kFromTorch =
    "a .npy, .npz or safetensors file, as torch.load and then numpy.save(\"x.npy\", "
    "x.float().numpy()) or safetensors.torch.save_file({\"x\": x}, path) write it";
constexpr const char* kFromPickle =
    "a .npy or .npz file, as numpy.save writes it of an array of numbers";
constexpr const char* kFromHdf =
    "a .npy file, as numpy.save(\"x.npy\", h5py.File(path)[name][()]) writes it";
constexpr const char* kFromText =
    "a .npy file, as numpy.save(\"x.npy\", numpy.loadtxt(path, delimiter=\",\")) writes it";
constexpr const char* kFromTable =
    "a .npy file, as numpy.save(\"x.npy\", table.to_numpy()) writes it";
constexpr const char* kUnpacked = "the file that is packed in it";

/// Bytes that files of a kind have at a place.
struct Signature {
  std::size_t place;
  std::string_view bytes;
  const char *what, *advice;
};
constexpr Signature kSignatures[] = {
    {0, "\x80\x02\x8a\x0al\xfc\x9c"sv, "a PyTorch checkpoint of before 1.6", kFromTorch},
    {0, "\x80\2"sv, "a Python pickle", kFromPickle},
    {0, "\x80\3"sv, "a Python pickle", kFromPickle},
    {0, "\x80\4"sv, "a Python pickle", kFromPickle},
    {0, "\x80\5"sv, "a Python pickle", kFromPickle},
    {0, "GGUF"sv, "a GGUF file", "the weights before they were quantized, as safetensors"},
    {0, "lmgg"sv, "a GGML file", "the weights before they were quantized, as safetensors"},
    {0, "tjgg"sv, "a GGML file", "the weights before they were quantized, as safetensors"},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file", kFromHdf},
    {0, "CDF\1"sv, "a NetCDF file", kReadable},
    {0, "CDF\2"sv, "a NetCDF file", kReadable},
    {0, "MATLAB 5.0"sv, "a MATLAB file",
     "a .npy file, as numpy.save(\"x.npy\", scipy.io.loadmat(path)[name]) writes it"},
    {0, "PAR1"sv, "a Parquet file", kFromTable},
    {0, "ARROW1"sv, "an Arrow file", kFromTable},
    {0, "FEA1"sv, "a Feather file", kFromTable},
    {4, "TFL3"sv, "a TensorFlow Lite model", kReadable},
    {0, "\x1f\x8b"sv, "a file packed by gzip", kUnpacked},
    {0, "BZh"sv, "a file packed by bzip2", kUnpacked},
    {0, "\xfd\x37zXZ\0"sv, "a file packed by xz", kUnpacked},
    {0, "\x28\xb5\x2f\xfd"sv, "a file packed by Zstandard", kUnpacked},
    {0, "\x04\x22\x4d\x18"sv, "a file packed by LZ4", kUnpacked},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", kUnpacked},
    {0, "Rar!\x1a\7"sv, "a RAR archive", kUnpacked},
    {257, "ustar"sv, "a tar archive", kUnpacked},
    {0, "SQLite format 3\0"sv, "an SQLite database", kReadable},
    {0, "\x89PNG\r\n\x1a\n"sv, "a PNG picture", kReadable},
    {0, "\xff\xd8\xff"sv, "a JPEG picture", kReadable},
    {0, "%PDF-"sv, "a PDF document", kReadable},
    {0,
     "\x7f"
     "ELF"sv,
     "a program", kReadable},
    {0, "version https://git-lfs.github.com/"sv, "a pointer of Git LFS, not the file itself",
     "the file, as git lfs pull brings it"},
};

/// The kind of a file by its name, if the bytes do not tell.
struct Ending {
  std::string_view extension;
  const char *what, *advice;
};
constexpr Ending kEndings[] = {
    {".onnx", "an ONNX model",
     "a .npy file, as numpy.save(\"x.npy\", onnx.numpy_helper.to_array(tensor)) writes it"},
    {".pb", "a TensorFlow graph", kReadable},
    {".ckpt", "a checkpoint", kFromTorch},
    {".pt", "a PyTorch checkpoint", kFromTorch},
    {".pth", "a PyTorch checkpoint", kFromTorch},
    {".bin", "raw bytes, or a checkpoint",
     "a .npy file, as numpy.save(\"x.npy\", numpy.fromfile(path, dtype).reshape(rows, -1)) writes "
     "it"},
    {".raw", "raw bytes",
     "a .npy file, as numpy.save(\"x.npy\", numpy.fromfile(path, dtype).reshape(rows, -1)) writes "
     "it"},
    {".msgpack", "a Flax checkpoint", kReadable},
};

/// The first bytes of a file, or all if it has fewer.
std::string start_of(const libnorm::StoredBytes& file, Index most) {
  std::string start(std::size_t(std::min(file.size(), most)), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  return start;
}

bool begins_as_safetensors(std::string_view start) {
  if (start.size() < 9 || start[8] != '{') return false;
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(start[i]);
  return length <= std::uint64_t(libnorm::kLongestSafetensorsHeader);
}

/// Whether these bytes are text; the last character may be cut.
bool is_text(std::string_view start) {
  const auto steers = [](char c) {
    return (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  };
  return !start.empty() && std::none_of(start.begin(), start.end(), steers) &&
         libnorm::utf8_end(start) + 3 >= start.size();
}

std::optional<ForeignKind> kind_of_text(std::string_view start) {
  constexpr std::string_view kSpace = " \t\r\n";
  if (start.starts_with("\xef\xbb\xbf")) start.remove_prefix(3);
  start.remove_prefix(std::min(start.find_first_not_of(kSpace), start.size()));
  if (start.starts_with('{') && (start.find("\"weight_map\"") != std::string_view::npos ||
                                 start.find("\"total_size\"") != std::string_view::npos)) {
    return ForeignKind{"the index of a model in several safetensors files",
                       "one of those, as it lists them"};
  }
  if (start.starts_with('{') || start.starts_with('[')) return ForeignKind{"JSON", kReadable};
  if (start.starts_with('<')) {
    return ForeignKind{"a web page or other markup", "the file itself; a download may have failed"};
  }
  return ForeignKind{"text", kFromText};
}

}  // namespace

bool begins_as_npy(const libnorm::StoredBytes& file) { return start_of(file, 6) == "\x93NUMPY"sv; }

bool begins_as_zip(const libnorm::StoredBytes& file) {
  const std::string start = start_of(file, 4);
  return start == "PK\3\4"sv || start == "PK\5\6"sv;
}

std::optional<ForeignKind> foreign_kind(const libnorm::StoredBytes& file,
                                        const std::filesystem::path& path) {
  const std::string start = start_of(file, 4096);
  if (begins_as_npy(file) || begins_as_zip(file) || begins_as_safetensors(start)) {
    return std::nullopt;
  }
  for (const auto& [place, bytes, what, advice] : kSignatures) {
    if (start.size() >= place + bytes.size() && start.compare(place, bytes.size(), bytes) == 0) {
      return ForeignKind{what, advice};
    }
  }
  const std::string extension = path.extension().string();
  for (const auto& [ending, what, advice] : kEndings) {
    if (extension == ending && !start.empty()) return ForeignKind{what, advice};
  }
  if (is_text(start)) return kind_of_text(start);
  return std::nullopt;
}

std::optional<ForeignKind> foreign_kind(const ZipFile& zip) {
  const auto& members = zip.members();
  const auto any = [&](auto matches) {
    return std::any_of(members.begin(), members.end(),
                       [&](const ZipMember& m) { return matches(std::string_view(m.name)); });
  };
  if (any([](std::string_view name) {
        return name == "data.pkl" || name.ends_with("/data.pkl");
      })) {
    return ForeignKind{"a PyTorch checkpoint", kFromTorch};
  }
  if (any([](std::string_view name) { return name.ends_with(".npy"); })) return std::nullopt;
  if (any([](std::string_view name) { return name == "model.weights.h5"; })) {
    return ForeignKind{"a Keras model", kReadable};
  }
  return ForeignKind{"a zip archive without arrays",
                     "one with .npy members, as numpy.savez writes it"};
}

}  // namespace harness
