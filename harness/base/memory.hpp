#pragma once

#include <filesystem>
#include <string>

namespace harness {

/// Bytes that this process can still take: what the machine has available (MemAvailable), or less
/// where a limit leaves less of it: of the process (ulimit -v), or of its control groups (of both
/// versions).
/// root: where /proc and /sys are, for tests.
double free_memory(const std::filesystem::path& root = "/");

/// `3.2 GB`, of 10^9 bytes.
std::string bytes_text(double bytes);

}  // namespace harness
