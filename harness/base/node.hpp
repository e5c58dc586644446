#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace harness {

/// The name of this machine: Slurm's name of the node, else the host's.
std::string node_name();

/// The scheduler's name of the job that this process is part of, as `12_3`; empty outside of one.
/// Slurm, PBS, LSF and Grid Engine are known.
std::string job_name();

/// Seconds of a time as schedulers write it: `SECONDS`, `M:SS`, `H:MM:SS` or `D-HH:MM:SS`; nothing
/// for another text.
std::optional<double> seconds_from(const std::string& text);

/// Seconds until the end that Slurm has set for the job of this process; negative outside of one,
/// or if it has no end. Slurm before 23.02 says it only through `squeue`.
double seconds_of_job();

/// Identifies this process uniquely, across machines and restarts: `boot pid-namespace pid start`.
std::string process_identity();

/// Whether a process with this identity is known to have ended: it ran on this machine, since its
/// last start, and is no longer there. A process of another machine is never known to have ended.
bool is_known_dead(const std::string& identity);

/// Where a folder is stored, and how the file system locks files.
struct FileSystem {
  /// As in /proc/self/mounts: `nfs4`, `ext4` (also for ext2 and ext3); `unknown` if it cannot be
  /// determined.
  std::string type = "unknown";
  /// Whether flock() is seen by all nodes that can see the folder.
  bool locks_between_nodes = false;
};
FileSystem file_system_of(const std::filesystem::path& folder);

/// The same from statfs()'s number of the type and the text of a file like /proc/self/mounts, for
/// an absolute path.
FileSystem file_system_from(std::uint32_t number, const std::string& mounts,
                            const std::string& path);

}  // namespace harness
