#pragma once

#include <string_view>
#include <vector>

namespace libnorm {

/// Tags of the instruction sets that bodies are compiled for; this one exists on every machine. The
/// tag is part of every name that is instantiated for a set, so that no linker can merge code for
/// two sets.
struct Scalar {
  /// Width of a register.
  static constexpr int kBytes = 16;
};
/// AVX2 with FMA, the floor for speed.
struct Avx2 {
  /// Width of a register.
  static constexpr int kBytes = 32;
};
/// AVX-512 F, DQ, VL and BW.
struct Avx512 {
  /// Width of a register.
  static constexpr int kBytes = 64;
};

/// One lane to a thread: 32 lanes are a warp of a CUDA device.
struct Cuda {};

/// The processor's instruction sets as a value.
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
