#include "harness/results/environment.hpp"

#include <fstream>

#include "libnorm/core/device.hpp"
#include "libnorm/core/isa.hpp"
#include "libnorm/core/version.hpp"
#include "libnorm/data/printable.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return libnorm::printable(line.substr(colon + 2));
  }
  return "unknown";
}

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

}  // namespace

Environment environment(int threads) {
  Environment e;
  e.version = libnorm::kVersionText;
  e.numerics = kNumerics;
  e.compiler = compiler();
  e.flags = LIBNORM_BUILD_FLAGS;
  e.cpu = cpu_name();
  e.isa = libnorm::isa_name(libnorm::active_isa());
  e.threads = threads;
  e.device = libnorm::describe_device(libnorm::current_device());
  const std::string gemm = libnorm::describe_gemm();
  if (!gemm.empty()) e.device += ", products by " + gemm;
  return e;
}

}  // namespace harness
