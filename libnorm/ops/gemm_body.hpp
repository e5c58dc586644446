#pragma once

#include "libnorm/core/workspace.hpp"
#include "libnorm/ops/gemm_tile_body.hpp"

namespace libnorm {

/// Segments that a visit of a tile of C takes in, one after the other: C is then in the first-level
/// cache for all but the first, and so is their part of a panel of B.
inline constexpr Index kVisit = 2;
/// Sizes of the blocks of C that small products are cut into.
inline constexpr Index kRowBlock = 144;
inline constexpr Index kColumnBlock = 128;

/// Numbers from a packed panel's start to the next, for each of its columns.
LIBNORM_INLINE Index panel_terms(Index terms) {
  return (terms + kSegment - 1) / kSegment * kSegment;
}

/// C = A B + bias, or C = C + A B + bias.
template <class T>
struct GemmProduct {
  Factor<T> a, b;
  MatrixView<T> c;
  const T* bias = nullptr;
  Output output = Output::overwrite;
  /// Panels of all of B (PackPanelsBody), or null.
  const T* panels = nullptr;
};

/// A block of C: rows [row, row_end) and columns [col, col_end), and the product that it is of.
template <class Tag, class T>
struct GemmBlockOf : GemmProduct<T> {
  using Tile = GemmTile<Tag, T>;
  using GemmProduct<T>::a, GemmProduct<T>::b, GemmProduct<T>::c, GemmProduct<T>::bias,
      GemmProduct<T>::output, GemmProduct<T>::panels;
  Index row, row_end, col, col_end;

  LIBNORM_INLINE void multiply() const {
    const bool packs_a = a.col_stride != 1;
    // Of a panel that only one tile needs nothing is gained by packing it.
    const bool in_place = panels == nullptr && row_end - row <= Tile::kRows && b.col_stride == 1;
    const Index width = (col_end - col + Tile::kWidth - 1) / Tile::kWidth * Tile::kWidth;
    const Index own_b = panels == nullptr ? kVisit * kSegment * width : 0;
    const Index own_a = packs_a ? kVisit * tiles() * kPackedTile<Tag, T> : 0;
    T* const packed_b = static_cast<T*>(workspace(sizeof(T) * std::size_t(own_a + own_b)));
    T* const packed_a = packed_b + own_b;
    Index first = 0;
    do {
      const Index left = a.cols - first;
      const Index terms = left < kVisit * kSegment ? left : kVisit * kSegment;
      if (panels == nullptr) pack_b(first, terms, in_place, packed_b);
      if (packs_a) {
        for (Index k = 0; k < terms; k += kSegment) {
          const Index some = terms - k < kSegment ? terms - k : kSegment;
          pack_rows<Tag>(a, row, row_end - row, first + k, some,
                         packed_a + k / kSegment * tiles() * kPackedTile<Tag, T>);
        }
      }
      visit(first, terms, in_place, packs_a ? packed_a : nullptr, packed_b);
      first += terms;
    } while (first < a.cols);
  }

 private:
  LIBNORM_INLINE Index tiles() const { return (row_end - row + Tile::kRows - 1) / Tile::kRows; }

  static LIBNORM_INLINE Index packed_rows(Index left) {
    return left < Tile::kRows ? left : Index(Tile::kRows);
  }

  LIBNORM_INLINE void pack_b(Index first, Index terms, bool in_place, T* packed) const {
    for (Index j = col; j < col_end; j += Tile::kWidth) {
      const Index cols = col_end - j < Tile::kWidth ? col_end - j : Tile::kWidth;
      if (in_place && cols == Tile::kWidth) continue;
      pack_panel<Tag>(b, first, terms, j, cols, packed + (j - col) * kVisit * kSegment);
    }
  }

  LIBNORM_INLINE void fetch_rows(Index begin, Index first, Index terms) const {
    const Index end = begin + Tile::kRows < row_end ? begin + Tile::kRows : row_end;
    for (Index i = begin; i < end; ++i) prefetch(a.data + i * a.row_stride + first, terms);
  }

  /// Fetches what the next visit packs into the second-level cache: a share with each tile.
  struct Prefetcher {
    const GemmBlockOf& block;
    Index k;
    bool fetches_a, fetches_b;
    Index tiles = (block.row_end - block.row + Tile::kRows - 1) / Tile::kRows *
                  ((block.col_end - block.col + Tile::kWidth - 1) / Tile::kWidth);
    Index share = (kVisit * kSegment + tiles - 1) / tiles;
    Index end = k + kVisit * kSegment < block.a.cols ? k + kVisit * kSegment : block.a.cols;

    LIBNORM_INLINE void fetch() {
      for (Index i = 0; i < share && k < end; ++i, ++k) {
        if (fetches_a) {
          prefetch(block.a.data + block.row + k * block.a.col_stride, block.row_end - block.row);
        }
        if (fetches_b && block.b.col_stride == 1) {
          prefetch(block.b.data + block.col + k * block.b.row_stride, block.col_end - block.col);
        }
      }
    }
  };

  /// All tiles over the terms [first, first + terms), panel by panel: a panel stays in the
  /// first-level cache, and A's rows stream by.
  LIBNORM_INLINE void visit(Index first, Index terms, bool in_place, const T* packed_a,
                            const T* packed_b) const {
    typename Tile::Segment s;
    Prefetcher next{*this, first + terms, packed_a != nullptr, panels == nullptr};
    s.c_stride = c.stride;
    s.a_row_stride = packed_a == nullptr ? a.row_stride : 0;
    // Tiles of the same height, or one row less: a low one's chains are too few to hide their
    // latency.
    const Index few = (row_end - row) / tiles(), more = (row_end - row) % tiles();
    for (Index j = col; j < col_end; j += Tile::kWidth) {
      s.cols = col_end - j < Tile::kWidth ? col_end - j : Tile::kWidth;
      const bool is_in_place = in_place && s.cols == Tile::kWidth;
      const T* panel = packed_b + (j - col) * kVisit * kSegment;
      if (panels != nullptr) panel = panels + j * panel_terms(b.rows) + first * Tile::kWidth;
      if (is_in_place) panel = b.data + first * b.row_stride + j;
      s.b_stride = is_in_place ? b.row_stride : Index(Tile::kWidth);
      const T* const bias_here = bias == nullptr ? nullptr : bias + j;
      for (Index tile = 0, i = row, rows; i < row_end; ++tile, i += rows) {
        rows = packed_a == nullptr ? few + (tile < more) : packed_rows(row_end - i);
        const auto kernel = Tile::kernel(rows, s.cols);
        s.c = c.data + i * c.stride + j;
        next.fetch();
        // The first panel's tiles find A's next rows in memory, the others in a cache.
        if (packed_a == nullptr && j == col) fetch_rows(i + rows, first, terms);
        for (Index k = 0; k == 0 || k < terms; k += kSegment) {
          s.terms = terms - k < kSegment ? terms - k : kSegment;
          s.a = packed_a == nullptr
                    ? a.data + i * a.row_stride + (first + k) * a.col_stride
                    : packed_a + (k / kSegment * tiles() + tile) * kPackedTile<Tag, T>;
          s.b = panel + k * s.b_stride;
          s.add = output == Output::add || first + k > 0;
          s.bias = first + k + s.terms >= a.cols ? bias_here : nullptr;
          kernel(s);
        }
      }
    }
  }
};

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
        GemmBlockOf<Tag, T>{{a, b, c, nullptr, output}, row, row_end, col, col_end}.multiply();
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

/// Columns of B that one output packs: panels of every instruction set.
inline constexpr Index kPackedColumns = 32;

/// Copies B to panels of GemmTile::kWidth columns, each with all its terms; one output is
/// kPackedColumns columns.
template <class T>
struct PackPanelsBody {
  static constexpr const char* kWork = "packing";
  static constexpr bool kOnProcessorAlone = true;
  Factor<T> b;
  T* panels;

  template <class W>
  void operator()(W, Index output) const {
    using Tag = typename W::Tag;
    constexpr Index width = GemmTile<Tag, T>::kWidth;
    static_assert(kPackedColumns % width == 0);
    const Index begin = output * kPackedColumns;
    const Index end = begin + kPackedColumns < b.cols ? begin + kPackedColumns : b.cols;
    for (Index col = begin; col < end; col += width) {
      const Index cols = end - col < width ? end - col : width;
      pack_panel<Tag>(b, 0, b.rows, col, cols, panels + col * panel_terms(b.rows));
    }
  }
};

/// One output is a block of C.
template <class T>
struct GemmBody {
  static constexpr const char* kWork = "products";
  static constexpr bool kOnProcessorAlone = true;
  GemmProduct<T> product;
  Index row_block, column_block;
  Index column_blocks;

  template <class W>
  void operator()(W, Index block) const {
    const Index row = block / column_blocks * row_block;
    const Index col = block % column_blocks * column_block;
    const Index rows = product.c.rows, cols = product.c.cols;
    const Index row_end = row + row_block < rows ? row + row_block : rows;
    const Index col_end = col + column_block < cols ? col + column_block : cols;
    GemmBlockOf<typename W::Tag, T>{product, row, row_end, col, col_end}.multiply();
  }
};

/// The same where one output is a row of C, and B's panels are there; rows in a block of their own.
template <class T>
struct GemmRowsBody {
  static constexpr const char* kWork = "products";
  static constexpr bool kOnProcessorAlone = true;
  static constexpr bool kIsRowwise = true;
  GemmProduct<T> product;

  template <class W>
  void run_rows(W, Index row, Index row_end) const {
    GemmBlockOf<typename W::Tag, T>{product, row, row_end, 0, product.c.cols}.multiply();
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
