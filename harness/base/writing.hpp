#pragma once

#include <filesystem>

#include "libnorm/core/error.hpp"

namespace harness {

/// A file cannot be written, and no other one could: the disk is full, or the folder is closed to
/// writers.
class WriteError : public libnorm::DataError {
 public:
  using libnorm::DataError::DataError;
};

/// While it lives, this process's files are replaced without a sync of each, so that thousands of
/// them take seconds. finish() syncs the whole file system of a folder. After a loss of power
/// before that, files may be torn, which their checksums tell.
class DeferredSync {
 public:
  DeferredSync();
  ~DeferredSync();
  DeferredSync(const DeferredSync&) = delete;
  DeferredSync& operator=(const DeferredSync&) = delete;
  /// Throws: WriteError.
  void finish(const std::filesystem::path& folder);
};

}  // namespace harness
