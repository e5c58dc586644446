#pragma once

#include <array>
#include <utility>

#include "libnorm/core/pack.hpp"
#include "libnorm/core/workspace.hpp"
#include "libnorm/ops/gemm.hpp"

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
    Index a_row_stride, a_col_stride;
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
    });
    const T* a = s.a;
    const T* b = s.b;
    for (Index k = 0; k < s.terms; ++k, a += s.a_col_stride, b += s.b_stride) {
      V row[regs];
      unroll<regs>([&](auto r) LIBNORM_ALWAYS { row[r] = Reg::load(b + r * Reg::kLanes); });
      unroll<rows>([&](auto i) LIBNORM_ALWAYS {
        const V element = Reg::broadcast(a[i * s.a_row_stride]);
        unroll<regs>([&](auto r)
                         LIBNORM_ALWAYS { acc[i][r] = Reg::fma(element, row[r], acc[i][r]); });
      });
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
/// to[k * to_stride + j] = from[j * from_stride + k] for k, j in 0..7.
LIBNORM_INLINE void transpose_8x8(const float* from, Index from_stride, float* to,
                                  Index to_stride) {
  __m256 r[8], pairs[8], quads[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) r[j] = _mm256_loadu_ps(from + j * from_stride);
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
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    _mm256_storeu_ps(to + k * to_stride, _mm256_permute2f128_ps(quads[k], quads[k + 4], 0x20));
    _mm256_storeu_ps(to + (k + 4) * to_stride,
                     _mm256_permute2f128_ps(quads[k], quads[k + 4], 0x31));
  }
}
#endif

/// Copies b[first .. first + terms, col .. col + cols] to rows of kWidth, zeros behind them.
template <class Tag, class T>
LIBNORM_INLINE void pack_panel(const Factor<T>& b, Index first, Index terms, Index col, Index cols,
                               T* packed) {
  constexpr Index width = GemmTile<Tag, T>::kWidth;
  const T* source = b.data + first * b.row_stride + col * b.col_stride;
  if (b.col_stride == 1 && cols == width) {
    for (Index k = 0; k < terms; ++k) {
      std::memcpy(packed + k * width, source + k * b.row_stride, sizeof(T[width]));
    }
    return;
  }
  Index done = 0;
#if defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>) {
    if (b.row_stride == 1 && cols == width) {
      for (; done + 8 <= terms; done += 8) {
        for (Index j = 0; j < width; j += 8) {
          transpose_8x8(source + done + j * b.col_stride, b.col_stride, packed + done * width + j,
                        width);
        }
      }
    }
  }
#endif
  for (Index k = done; k < terms; ++k) {
    for (Index j = 0; j < width; ++j) {
      packed[k * width + j] = j < cols ? source[k * b.row_stride + j * b.col_stride] : T(0);
    }
  }
}

/// Copies a[row .. row + rows, first .. first + terms], whose rows lie next to each other, so that
/// each tile finds its rows in ascending order of k. Memory is read along its lines.
template <class Tag, class T>
LIBNORM_INLINE void pack_rows(const Factor<T>& a, Index row, Index rows, Index first, Index terms,
                              T* packed) {
  constexpr Index height = GemmTile<Tag, T>::kRows;
  for (Index k = 0; k < terms; ++k) {
    const T* source = a.data + row + (first + k) * a.col_stride;
    Index i = 0;
    for (; i + height <= rows; i += height) {
      std::memcpy(packed + i * kSegment + k * height, source + i, sizeof(T[height]));
    }
    for (Index r = i; r < rows; ++r) packed[i * kSegment + k * height + r - i] = source[r];
  }
}

/// Rows that share a packed panel of B, few enough that their part of A stays in a core's cache;
/// and columns that share one pass over A.
inline constexpr Index kRowBlock = 144;
inline constexpr Index kColumnBlock = 128;

/// Prefetches the cache lines of `count` numbers for packing.
template <class T>
LIBNORM_INLINE void prefetch(const T* p, Index count) {
  constexpr Index kLine = 64 / Index(sizeof(T));
  for (Index i = 0; i < count; i += kLine) __builtin_prefetch(p + i, 0, 2);
}

/// Rows [row, row_end) and columns [col, col_end) of the product, on this thread; at most
/// kRowBlock rows and kColumnBlock columns. A panel of B that only one tile needs is not packed.
template <class Tag, class T>
LIBNORM_INLINE void multiply_block(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
                                   const T* bias, Output output, Index row, Index row_end,
                                   Index col, Index col_end) {
  using Tile = GemmTile<Tag, T>;
  T* const packed_b = static_cast<T*>(workspace(sizeof(T[kSegment * (kColumnBlock + kRowBlock)])));
  T* const packed_a = packed_b + kSegment * kColumnBlock;
  const Index panels = (col_end - col + Tile::kWidth - 1) / Tile::kWidth;
  const bool one_tile = row_end - row <= Tile::kRows;
  const bool pack_a = a.row_stride == 1 && a.col_stride != 1 && panels > 1;
  Index first = 0;
  do {
    const Index terms = a.cols - first < kSegment ? a.cols - first : kSegment;
    const bool last = first + terms >= a.cols;
    for (Index p = 0; p < panels; ++p) {
      const Index j = col + p * Tile::kWidth;
      const Index cols = col_end - j < Tile::kWidth ? col_end - j : Tile::kWidth;
      if (one_tile && b.col_stride == 1 && cols == Tile::kWidth) continue;
      pack_panel<Tag>(b, first, terms, j, cols, packed_b + p * kSegment * Tile::kWidth);
    }
    if (pack_a) pack_rows<Tag>(a, row, row_end - row, first, terms, packed_a);
    for (Index i = row; i < row_end; i += Tile::kRows) {
      const Index rows = row_end - i < Tile::kRows ? row_end - i : Tile::kRows;
      // A share of the next segment's rows, while this tile is computed.
      for (Index k = first + kSegment + (i - row) * kSegment / (row_end - row);
           pack_a && k < a.cols &&
           k < first + kSegment + (i - row + Tile::kRows) * kSegment / (row_end - row);
           ++k) {
        prefetch(a.data + row + k * a.col_stride, row_end - row);
        if (b.col_stride == 1) prefetch(b.data + col + k * b.row_stride, col_end - col);
      }
      typename Tile::Segment s;
      s.a = pack_a ? packed_a + (i - row) * kSegment
                   : a.data + i * a.row_stride + first * a.col_stride;
      s.a_row_stride = pack_a ? 1 : a.row_stride;
      s.a_col_stride = pack_a ? Index(Tile::kRows) : a.col_stride;
      s.terms = terms;
      s.c_stride = c.stride;
      s.add = output == Output::add || first > 0;
      for (Index p = 0; p < panels; ++p) {
        const Index j = col + p * Tile::kWidth;
        s.cols = col_end - j < Tile::kWidth ? col_end - j : Tile::kWidth;
        const bool in_place = one_tile && b.col_stride == 1 && s.cols == Tile::kWidth;
        s.b = in_place ? b.data + first * b.row_stride + j : packed_b + p * kSegment * Tile::kWidth;
        s.b_stride = in_place ? b.row_stride : Index(Tile::kWidth);
        s.c = c.data + i * c.stride + j;
        s.bias = bias != nullptr && last ? bias + j : nullptr;
        Tile::kernel(rows, s.cols)(s);
      }
    }
    first += kSegment;
  } while (first < a.cols);
}

template <class Tag, class T>
__attribute__((noinline)) void multiply_duals(const Factor<T>& a, const Factor<T>& b,
                                              const MatrixView<T>& c, Output output);

/// The whole of a small product, on this thread.
template <class Tag, class T>
LIBNORM_INLINE void multiply(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
                             Output output = Output::overwrite) {
  if constexpr (is_dual<T>) {
    multiply_duals<Tag, T>(a, b, c, output);
  } else {
    for (Index row = 0; row < a.rows; row += kRowBlock) {
      const Index row_end = row + kRowBlock < a.rows ? row + kRowBlock : a.rows;
      for (Index col = 0; col < b.cols; col += kColumnBlock) {
        const Index col_end = col + kColumnBlock < b.cols ? col + kColumnBlock : b.cols;
        multiply_block<Tag, T>(a, b, c, nullptr, output, row, row_end, col, col_end);
      }
    }
  }
}

/// The same for duals. Not inlined, since three products at each call take long to compile.
template <class Tag, class T>
void multiply_duals(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c, Output output) {
  const auto part = [](const auto& x, const auto& y, const auto& z, Output o) {
    multiply<Tag, Real<T>>(x, y, z, o);
  };
  part(value_part(a), value_part(b), value_part(c), output);
  part(value_part(a), tangent_part(b), tangent_part(c), output);
  part(tangent_part(a), value_part(b), tangent_part(c), Output::add);
}

/// One output is a block of C.
template <class T>
struct GemmBody {
  static constexpr bool kOnProcessorAlone = true;
  Factor<T> a, b;
  MatrixView<T> c;
  const T* bias;
  Output output;
  Index row_block, column_block;
  Index column_blocks;

  template <class W>
  void operator()(W, Index block) const {
    const Index row = block / column_blocks * row_block;
    const Index col = block % column_blocks * column_block;
    const Index row_end = row + row_block < a.rows ? row + row_block : a.rows;
    const Index col_end = col + column_block < b.cols ? col + column_block : b.cols;
    multiply_block<typename W::Tag, T>(a, b, c, bias, output, row, row_end, col, col_end);
  }
};

/// Fused multiply-adds on registers alone; one output is 4096 rounds of 32 of them.
template <class T>
struct PeakBody {
  static constexpr bool kOnProcessorAlone = true;
  T* out;

  template <class W>
  void operator()(W, Index i) const {
    using Reg = Register<typename W::Tag, T>;
    typename Reg::V acc[kChains];
    unroll<kChains>([&](auto j) LIBNORM_ALWAYS { acc[j] = Reg::broadcast(T(j)); });
    const auto x = Reg::broadcast(T(0.5)), y = Reg::broadcast(out[i]);
    for (int round = 0; round < kRounds; ++round) {
      unroll<kChains>([&](auto j) LIBNORM_ALWAYS { acc[j] = Reg::fma(acc[j], x, y); });
    }
    auto total = acc[0];
    unroll<kChains - 1>([&](auto j) LIBNORM_ALWAYS { total = total + acc[j + 1]; });
    out[i] = total[0];
  }

  static constexpr int kChains = 12;
  static constexpr int kRounds = 4096;
};

}  // namespace libnorm
