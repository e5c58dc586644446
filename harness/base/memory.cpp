#include "harness/base/memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include <fmt/format.h>

namespace harness {
namespace {

namespace fs = std::filesystem;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// The number behind a name at the beginning of a line, as in meminfo and memory.stat.
std::optional<double> number_of(const fs::path& file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    double number = 0;
    if (words >> word >> number && word == name) return number;
  }
  return std::nullopt;
}

/// The number in a file; nothing if the file is missing or holds `max`.
std::optional<double> number_in(const fs::path& file) {
  std::ifstream text(file);
  double number = 0;
  if (text >> number) return number;
  return std::nullopt;
}

double available(const fs::path& root) {
  if (const auto kilobytes = number_of(root / "proc/meminfo", "MemAvailable:")) {
    return *kilobytes * 1024;
  }
  return double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGE_SIZE));
}

double left_of_address_space(const fs::path& root) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  const double pages = number_in(root / "proc/self/statm").value_or(0);
  return double(limit.rlim_cur) - pages * double(sysconf(_SC_PAGE_SIZE));
}

/// The names of a control group's files.
struct GroupFiles {
  const char *limit, *usage, *reclaimable;
};

/// What a control group, and all groups around it, leave. Caches that the kernel can reclaim do not
/// count as used.
double left_in_groups(const fs::path& mount, fs::path group, const GroupFiles& files) {
  double left = kNoLimit;
  for (group = group.relative_path();; group = group.parent_path()) {
    const fs::path folder = mount / group;
    if (const auto limit = number_in(folder / files.limit)) {
      const double used = number_in(folder / files.usage).value_or(0);
      const double cached = number_of(folder / "memory.stat", files.reclaimable).value_or(0);
      left = std::min(left, *limit - std::max(0.0, used - cached));
    }
    if (group.empty()) return left;
  }
}

double left_of_groups(const fs::path& root) {
  double left = kNoLimit;
  std::ifstream lines(root / "proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    // `0::/path` of version 2, `4:memory:/path` of version 1.
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path group = line.substr(second + 1), mount = root / "sys/fs/cgroup";
    if (kinds == ",,") {
      const GroupFiles files{"memory.max", "memory.current", "inactive_file"};
      left = std::min({left, left_in_groups(mount, group, files),
                       left_in_groups(mount / "unified", group, files)});
    } else if (kinds.find(",memory,") != std::string::npos) {
      left = std::min(left, left_in_groups(mount / "memory", group,
                                           {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                            "total_inactive_file"}));
    }
  }
  return left;
}

}  // namespace

double free_memory(const fs::path& root) {
  const double left =
      std::min({available(root), left_of_address_space(root), left_of_groups(root)});
  return std::max(0.0, left);
}

std::string bytes_text(double bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (bytes /= 1e3; bytes >= 1e3 && unit + 1 < std::size(kUnits); bytes /= 1e3) ++unit;
  return fmt::format("{:.3g} {}", bytes, kUnits[unit]);
}

}  // namespace harness
