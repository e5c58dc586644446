#pragma once

#include <string_view>
#include <vector>

namespace libnorm {

/// Instruction sets a body is compiled for; this one is what every machine has. A tag is the last
/// word in every name that code for one set instantiates, so that no linker can merge code for two
/// of them.
struct Scalar {
  /// Of a register.
  static constexpr int kBytes = 16;
};
/// AVX2 with FMA, the floor for speed.
struct Avx2 {
  /// Of a register.
  static constexpr int kBytes = 32;
};
/// AVX-512 F, DQ, VL and BW.
struct Avx512 {
  /// Of a register.
  static constexpr int kBytes = 64;
};

/// One lane to a thread: 32 lanes are a warp of a CUDA device.
struct Cuda {};

/// Those of the processor as a value.
enum class Isa { scalar, avx2, avx512 };

/// `scalar`, `avx2` or `avx512`.
std::string_view isa_name(Isa isa);

/// The sets that both this build and this processor have, narrowest first.
std::vector<Isa> available_isas();

/// The set that `launch` uses: the widest available, or the one named by the environment variable
/// LIBNORM_ISA (scalar, avx2, avx512). Results do not depend on it.
/// Throws: ValueError for an unknown name, BackendError for a set the machine lacks.
Isa active_isa();

/// Uses `isa` from now on, for tests and benchmarks. Not to be called while a launch is running.
/// Throws: BackendError for a set the machine lacks.
void set_active_isa(Isa isa);

}  // namespace libnorm
