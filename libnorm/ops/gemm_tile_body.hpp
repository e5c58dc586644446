#pragma once

#include <array>
#include <cstring>
#include <utility>

#include "libnorm/core/pack.hpp"
#include "libnorm/ops/gemm.hpp"

// A product's tile of C in registers, and the packing of its factors.

namespace libnorm {

/// Register tile of the product: rows by two registers of columns, so that the accumulators, one
/// row of B and one broadcast element of A fill the register file.
template <class IsaTag>
inline constexpr int kTileRows = 4;
template <>
inline constexpr int kTileRows<Avx2> = 6;
template <>
inline constexpr int kTileRows<Avx512> = 12;

template <class Tag, class T>
struct GemmTile {
  using Reg = Register<Tag, T>;
  using V = typename Reg::V;
  static constexpr int kRows = kTileRows<Tag>;
  static constexpr int kWidth = 2 * Reg::kLanes;

  struct Segment {
    const T* a;
    /// Elements from a row of A to the next; 0: rows are packed (pack_rows).
    Index a_row_stride;
    const T* b;
    Index b_stride;
    Index terms;
    T* c;
    Index c_stride;
    Index cols;
    const T* bias;
    bool add;
  };
  using Kernel = void (*)(const Segment&);

  /// One tile of C over one segment. Reads whole registers of B; writes `cols` columns of C.
  template <int rows, int regs>
  static void run(const Segment& s) {
    V acc[rows][regs];
    unroll<rows>([&](auto i) LIBNORM_ALWAYS {
      unroll<regs>([&](auto r) LIBNORM_ALWAYS { acc[i][r] = V{}; });
      __builtin_prefetch(s.c + i * s.c_stride, 1);
      if constexpr (regs > 1) __builtin_prefetch(s.c + i * s.c_stride + Reg::kLanes, 1);
    });
    const T* b = s.b;
    const auto chain = [&](const T* a, Index row_stride, Index col_stride) LIBNORM_ALWAYS {
    // Few enough turns that the loop's end is foreseen.
#pragma GCC unroll 4
      for (Index k = 0; k < s.terms; ++k, a += col_stride, b += s.b_stride) {
        V row[regs];
        unroll<regs>([&](auto r) LIBNORM_ALWAYS { row[r] = Reg::load(b + r * Reg::kLanes); });
        unroll<rows>([&](auto i) LIBNORM_ALWAYS {
          const V element = Reg::broadcast(a[i * row_stride]);
          unroll<regs>([&](auto r)
                           LIBNORM_ALWAYS { acc[i][r] = Reg::fma(element, row[r], acc[i][r]); });
        });
      }
    };
    if (s.a_row_stride == 0) {
      chain(s.a, 1, kRows);
    } else {
      chain(s.a, s.a_row_stride, 1);
    }
    if (s.cols == regs * Reg::kLanes) {
      unroll<rows>([&](auto i) LIBNORM_ALWAYS {
        unroll<regs>([&](auto r) LIBNORM_ALWAYS {
          T* c = s.c + i * s.c_stride + r * Reg::kLanes;
          V total = acc[i][r];
          if (s.add) total = Reg::load(c) + total;
          if (s.bias != nullptr) total = total + Reg::load(s.bias + r * Reg::kLanes);
          Reg::store(c, total);
        });
      });
      return;
    }
    T totals[rows][regs * Reg::kLanes];
    unroll<rows>([&](auto i) LIBNORM_ALWAYS {
      unroll<regs>([&](auto r)
                       LIBNORM_ALWAYS { Reg::store(totals[i] + r * Reg::kLanes, acc[i][r]); });
    });
    for (int i = 0; i < rows; ++i) {
      T* c = s.c + i * s.c_stride;
      for (Index j = 0; j < s.cols; ++j) {
        T x = totals[i][j];
        if (s.add) x = c[j] + x;
        if (s.bias != nullptr) x = x + s.bias[j];
        c[j] = x;
      }
    }
  }

  template <int regs, int... rows>
  static constexpr std::array<Kernel, sizeof...(rows)> table(std::integer_sequence<int, rows...>) {
    return {&run<rows + 1, regs>...};
  }
  /// The kernel for 1 .. kRows rows and one or two registers of columns.
  static Kernel kernel(Index rows, Index cols) {
    static constexpr auto kOne = table<1>(std::make_integer_sequence<int, kRows>{});
    static constexpr auto kTwo = table<2>(std::make_integer_sequence<int, kRows>{});
    return cols <= Reg::kLanes ? kOne[rows - 1] : kTwo[rows - 1];
  }
};

#if defined(__AVX2__)
/// to[k * to_stride + j] = from[j * from_stride + k] for j < 8 and k < min(8, terms), with 0 for j
/// from `lines` on.
LIBNORM_INLINE void transpose_8x8(const float* from, Index from_stride, Index lines, Index terms,
                                  float* to, Index to_stride) {
  __m256 r[8], pairs[8], quads[8];
  if (lines >= 8 && terms >= 8) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) r[j] = _mm256_loadu_ps(from + j * from_stride);
  } else {
    const __m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32(terms < 8 ? int(terms) : 8),
                                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      r[j] = j < lines ? _mm256_maskload_ps(from + j * from_stride, some) : _mm256_setzero_ps();
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 8; j += 2) {
    pairs[j] = _mm256_unpacklo_ps(r[j], r[j + 1]);
    pairs[j + 1] = _mm256_unpackhi_ps(r[j], r[j + 1]);
  }
#pragma GCC unroll 2
  for (int j = 0; j < 8; j += 4) {
    quads[j] = _mm256_shuffle_ps(pairs[j], pairs[j + 2], 0x44);
    quads[j + 1] = _mm256_shuffle_ps(pairs[j], pairs[j + 2], 0xee);
    quads[j + 2] = _mm256_shuffle_ps(pairs[j + 1], pairs[j + 3], 0x44);
    quads[j + 3] = _mm256_shuffle_ps(pairs[j + 1], pairs[j + 3], 0xee);
  }
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) {
    if (k >= terms) break;
    const __m256 whole = k < 4 ? _mm256_permute2f128_ps(quads[k], quads[k + 4], 0x20)
                               : _mm256_permute2f128_ps(quads[k - 4], quads[k], 0x31);
    _mm256_storeu_ps(to + k * to_stride, whole);
  }
}
#endif

/// Copies b[first .. first + terms, col .. col + cols] to rows of kWidth, zeros behind them.
template <class Tag, class T>
LIBNORM_INLINE void pack_panel(const Factor<T>& b, Index first, Index terms, Index col, Index cols,
                               T* packed) {
  using Reg = typename GemmTile<Tag, T>::Reg;
  constexpr Index width = GemmTile<Tag, T>::kWidth;
  const T* source = b.data + first * b.row_stride + col * b.col_stride;
  if (b.col_stride == 1) {
    for (Index k = 0; k < terms; ++k, source += b.row_stride, packed += width) {
      if (cols == width) {
        std::memcpy(packed, source, sizeof(T[width]));
        continue;
      }
      for (Index j = 0; j < width; j += Reg::kLanes) {
        Reg::store(packed + j, Reg::load_some(source + j, cols - j, T(0)));
      }
    }
    return;
  }
#if defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>) {
    if (b.row_stride == 1) {
      for (Index k = 0; k < terms; k += 8) {
        for (Index j = 0; j < width; j += 8) {
          transpose_8x8(source + k + j * b.col_stride, b.col_stride, cols - j, terms - k,
                        packed + k * width + j, width);
        }
      }
      return;
    }
  }
#endif
  for (Index k = 0; k < terms; ++k) {
    for (Index j = 0; j < width; ++j) {
      packed[k * width + j] = j < cols ? source[k * b.row_stride + j * b.col_stride] : T(0);
    }
  }
}

/// Numbers from a packed tile's rows to the next tile's: what is packed last writes some more.
template <class Tag, class T>
inline constexpr Index kPackedTile = kSegment* GemmTile<Tag, T>::kRows + 16;

/// Copies a[row .. row + rows, first .. first + terms] so that each tile finds its rows in
/// ascending order of k. Where rows lie next to each other, memory is read along its lines.
template <class Tag, class T>
LIBNORM_INLINE void pack_rows(const Factor<T>& a, Index row, Index rows, Index first, Index terms,
                              T* packed) {
  constexpr Index height = GemmTile<Tag, T>::kRows, whole = (height + 7) / 8 * 8;
  const Index tiles = rows / height;
  // Of these, whole registers can be read, and be written over the next k's numbers.
  const Index whole_tiles = tiles - (tiles * height + whole - height > rows ? 1 : 0);
  for (Index k = 0; k < terms; ++k) {
    const T* source = a.data + row * a.row_stride + (first + k) * a.col_stride;
    T* to = packed + k * height;
    if (a.row_stride != 1) {
      for (Index i = 0; i < rows; ++i) {
        to[i / height * kPackedTile<Tag, T> + i % height] = source[i * a.row_stride];
      }
      continue;
    }
    Index tile = 0;
    for (; tile < whole_tiles; ++tile, source += height, to += kPackedTile<Tag, T>) {
      std::memcpy(to, source, sizeof(T[whole]));
    }
    for (; tile < tiles; ++tile, source += height, to += kPackedTile<Tag, T>) {
      std::memcpy(to, source, sizeof(T[height]));
    }
    for (Index i = tiles * height; i < rows; ++i) to[i - tiles * height] = *source++;
  }
}

/// Prefetches the cache lines of `count` numbers for packing.
template <class T>
LIBNORM_INLINE void prefetch(const T* p, Index count) {
  constexpr Index kLine = 64 / Index(sizeof(T));
  for (Index i = 0; i < count; i += kLine) __builtin_prefetch(p + i, 0, 2);
}

}  // namespace libnorm
