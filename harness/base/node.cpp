#include "harness/base/node.hpp"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <string_view>
#include <system_error>

#include "harness/base/child_process.hpp"
#include "harness/base/files.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The whole of a small file of /proc; empty if it is not there, or goes while it is read, as that
/// of a process that ends.
std::string text_of(const std::string& path) try {
  return read_file(path);
} catch (const libnorm::DataError&) {
  return "";
}

std::string first_word(const std::string& text) {
  return text.substr(0, text.find_first_of(" \n"));
}

/// When a process started, in ticks since the machine did; empty if it is not there or a zombie.
std::string start_of(const std::string& pid) {
  const std::string stat = text_of("/proc/" + pid + "/stat");
  // The second field is a name in brackets, which may contain anything.
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return "";
  std::istringstream fields(stat.substr(bracket + 1));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {
    if (i == 3 && (field == "Z" || field == "X")) return "";
  }
  return field;
}

std::string boot() { return first_word(text_of("/proc/sys/kernel/random/boot_id")); }

std::string pid_namespace() {
  struct stat status = {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? std::to_string(status.st_ino) : "0";
}

/// The name of a mount point, in which a blank is written \040.
std::string decoded(const std::string& name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_code = name[i] == '\\' && i + 3 < name.size();
    text += is_code ? char(std::strtol(name.substr(i + 1, 3).c_str(), nullptr, 8)) : name[i];
    if (is_code) i += 3;
  }
  return text;
}

bool has_option(const std::string& options, std::string_view option) {
  return ("," + options + ",").find("," + std::string(option) + ",") != std::string::npos;
}

/// File systems that only one machine sees, by the number that statfs() gives them. FUSE has one
/// number for what is local and what is not.
struct LocalType {
  std::uint32_t number;
  const char* name;
};
constexpr LocalType kLocalTypes[] = {
    {0xef53, "ext4"},      {0x58465342, "xfs"},      {0x9123683e, "btrfs"}, {0x2fc12fc1, "zfs"},
    {0xf2f52010, "f2fs"},  {0xca451a4e, "bcachefs"}, {0x3153464a, "jfs"},   {0x01021994, "tmpfs"},
    {0x858458f6, "ramfs"}, {0x01021997, "9p"},       {0x4d44, "vfat"},      {0x2011bab0, "exfat"},
    {0x7366746e, "ntfs3"}, {0x794c7630, "overlay"}};

/// Whether flock() holds on all nodes, by what stands in the list of mounts.
bool locks_between_nodes(const std::string& type, const std::string& options) {
  for (const LocalType& local : kLocalTypes) {
    if (type == local.name) return true;
  }
  if (type == "fuseblk" || type == "virtiofs") return true;
  const bool is_local =
      has_option(options, "local_lock=flock") || has_option(options, "local_lock=all");
  if (type == "nfs4") return !is_local;
  if (type == "nfs") return !is_local && !has_option(options, "nolock");
  if (type == "lustre") return has_option(options, "flock");
  return type == "ceph";
}

}  // namespace

std::string node_name() {
  const std::string node = variable("SLURMD_NODENAME");
  if (!node.empty()) return node;
  std::array<char, 256> name = {};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string job_name() {
  const std::string array = variable("SLURM_ARRAY_JOB_ID");
  if (!array.empty()) return array + "_" + variable("SLURM_ARRAY_TASK_ID");
  for (const char* name : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"}) {
    if (const std::string job = variable(name); !job.empty()) return job;
  }
  return "";
}

std::optional<double> seconds_from(const std::string& text) {
  double total = 0, part = 0;
  bool has_digit = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      part = 10 * part + (c - '0');
      has_digit = true;
    } else if ((c == ':' || (c == '-' && total == 0)) && has_digit) {
      total = (total + part) * (c == ':' ? 60 : 24);
      part = 0;
      has_digit = false;
    } else {
      return std::nullopt;
    }
  }
  // Thirty years; a longer one is a mistake.
  constexpr double kMost = 1e9;
  if (!has_digit || total + part > kMost) return std::nullopt;
  return total + part;
}

double seconds_of_job() {
  const double end = std::atof(variable("SLURM_JOB_END_TIME").c_str());
  if (end > 0) {
    const double start = std::atof(variable("SLURM_JOB_START_TIME").c_str());
    const double left = std::max(0.0, end - double(std::time(nullptr)));
    // The clock of this node may be late.
    return start > 0 && start < end ? std::min(left, end - start) : left;
  }
  const std::string job = variable("SLURM_JOB_ID");
  if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) return -1;
  const TemporaryFolder folder;
  const ChildProcess squeue{"squeue:",
                            "squeue in a folder of PATH",
                            {"squeue", "--noheader", "--format=%L", "--jobs=" + job},
                            folder.path() / "out",
                            folder.path() / "errors"};
  const std::optional<int> status = run_child(squeue);
  if (!status || *status != 0) {
    throw libnorm::BackendError("squeue: cannot tell the end of job " + job + " (" +
                                last_words(folder.path() / "errors") +
                                "); say it with --until H:MM:SS");
  }
  return seconds_from(first_word(text_of((folder.path() / "out").string()))).value_or(-1);
}

std::string process_identity() {
  const std::string pid = std::to_string(::getpid());
  return boot() + " " + pid_namespace() + " " + pid + " " + start_of("self");
}

bool is_known_dead(const std::string& identity) {
  std::istringstream fields(identity);
  std::string its_boot, its_namespace, pid, start;
  if (!(fields >> its_boot >> its_namespace >> pid >> start)) return false;
  if (its_boot != boot() || its_namespace != pid_namespace()) return false;
  if (pid.find_first_not_of("0123456789") != std::string::npos) return false;
  return start_of(pid) != start;
}

FileSystem file_system_from(std::uint32_t number, const std::string& mounts,
                            const std::string& path) {
  for (const LocalType& local : kLocalTypes) {
    if (local.number == number) return {local.name, true};
  }
  FileSystem found;
  std::istringstream lines(mounts);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string device, encoded, type, options;
    if (!(fields >> device >> encoded >> type >> options)) continue;
    const std::string point = decoded(encoded);
    const bool is_above = point == "/" || path == point || path.starts_with(point + "/");
    // A later mount at the same place hides an earlier one.
    if (!is_above || point.size() < longest) continue;
    longest = point.size();
    found = {type, locks_between_nodes(type, options)};
  }
  return found;
}

FileSystem file_system_of(const std::filesystem::path& folder) {
  // The list of mounts lacks what holds the root of a chroot; statfs() is right there too, but does
  // not tell how a network's file system was mounted.
  struct statfs about = {};
  const bool is_known = ::statfs(folder.c_str(), &about) == 0;
  std::error_code error;
  const std::filesystem::path path = std::filesystem::weakly_canonical(folder, error);
  if (error) return {};
  return file_system_from(is_known ? std::uint32_t(about.f_type) : 0, text_of("/proc/self/mounts"),
                          path.string());
}

}  // namespace harness
