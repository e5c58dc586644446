#pragma once

#include <filesystem>
#include <string>

namespace harness {

/// Bytes that this process can still allocate: the machine's MemAvailable, or less if a limit of
/// the process (ulimit -v) or of its control groups (either version) leaves less. root: the folder
/// of /proc and /sys, for tests.
double free_memory(const std::filesystem::path& root = "/");

/// `3.2 GB`, of 10^9 bytes.
std::string bytes_text(double bytes);

}  // namespace harness
