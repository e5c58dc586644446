#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace libnorm {

/// A file that is written beside its path and takes its name once it is whole, so that a failure or
/// a kill leaves the old file as it was. A link's target is replaced, and keeps its mode; a pipe or
/// a device is written to directly.
class OutputFile {
 public:
  /// format: the first word of errors.
  OutputFile(const std::filesystem::path& path, std::string format);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  /// Removes what was not finished.
  ~OutputFile();

  /// Where the content goes. It need not be checked before the end.
  std::ostream& stream() { return stream_; }
  /// Gives the file its name. Throws: DataError if any of it could not be written.
  void finish();

 private:
  [[noreturn]] void fail(int reason) const;

  std::string format_;
  std::filesystem::path path_, target_;
  /// Empty where the target is written to directly.
  std::filesystem::path aside_;
  std::ofstream stream_;
};

}  // namespace libnorm
