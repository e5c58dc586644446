#include "libnorm/metrics/activations/row_gram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/gram_body.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {
namespace {

/// What the bodies leave of one stretch of rows.
struct Square {
  std::vector<double> means, sums, tops, square;
};

struct Stretch {
  Index rows, cols, shard_rows;
  double scale = 1;

  Index shards() const { return (rows + shard_rows - 1) / shard_rows; }
};

/// Sizes that are no multiple of a segment, a tile or a block.
constexpr Stretch kStretches[] = {
    {1, 1, 512},     {3, 5, 512},     {700, 17, 512, 0.25}, {1100, 23, 512},
    {513, 128, 512}, {300, 150, 300}, {260, 257, 512},      {1025, 130, 512, 4},
};

std::vector<double> counts(Index rows) {
  std::vector<double> count;
  for (Index r = 0; r < rows; ++r) count.push_back(double(r % 4));
  count[0] = 0.5;
  return count;
}

template <class T>
Square by_bodies(const Stretch& stretch, const MatrixView<const T>& x,
                 const std::vector<double>& count) {
  const Index c = stretch.cols, shards = stretch.shards(), outputs = shards * gram_pairs(c);
  const Index padded = gram_blocks(c) * kGramBlock;
  Square result;
  result.means.assign(std::size_t(shards * c), std::nan(""));
  result.tops = result.sums = result.means;
  result.square.assign(std::size_t(c * c), 0.0);
  std::vector<double> root, weight(std::size_t(shards), 0.0), blocks, start(x.row(0), x.row(0) + c);
  blocks.assign(std::size_t(outputs * kGramBlock * kGramBlock), std::nan(""));
  for (Index r = 0; r < stretch.rows; ++r) {
    root.push_back(std::sqrt(count[std::size_t(r)]));
    weight[std::size_t(r / stretch.shard_rows)] += count[std::size_t(r)];
  }
  launch(outputs, 1,
         GramBody<T>{{x, count.data(), root.data(), start.data(), weight.data(), stretch.scale,
                      stretch.shard_rows, result.means.data(), result.sums.data(),
                      result.tops.data(), blocks.data()}});
  std::vector<double> shift(std::size_t(shards * padded), 0.0);
  for (Index s = 0; s < shards; ++s) {
    for (Index j = 0; j < c; ++j) {
      shift[std::size_t(s * padded + j)] = result.means[std::size_t(s * c + j)] - 0.125;
    }
  }
  launch(c, 1,
         GramJoinBody{c, shards, blocks.data(), shift.data(), weight.data(), padded,
                      result.square.data()});
  return result;
}

/// The same by plain loops, in the order that is documented; nothing of it is shared.
template <class T>
Square by_loops(const Stretch& stretch, const MatrixView<const T>& x,
                const std::vector<double>& count) {
  const Index c = stretch.cols, shards = stretch.shards();
  Square result;
  result.square.assign(std::size_t(c * c), 0.0);
  for (Index s = 0; s < shards; ++s) {
    const Index first = s * stretch.shard_rows;
    const Index end = std::min(first + stretch.shard_rows, stretch.rows);
    double n = 0;
    for (Index r = first; r < end; ++r) n += count[std::size_t(r)];
    std::vector<double> mean;
    for (Index j = 0; j < c; ++j) {
      double sum = 0;
      for (Index r = first; r < end; ++r) {
        sum = std::fma(count[std::size_t(r)], double(x(r, j)) - double(x(0, j)), sum);
      }
      result.sums.push_back(sum);
      // A shard of which no row counts has a mean all the same.
      mean.push_back((double(x(0, j)) + (n > 0 ? sum / n : 0.0)) * stretch.scale);
    }
    result.means.insert(result.means.end(), mean.begin(), mean.end());
    const auto centred = [&](Index r, Index j) {
      return (double(x(r, j)) * stretch.scale - mean[std::size_t(j)]) *
             std::sqrt(count[std::size_t(r)]);
    };
    for (Index i = 0; i < c; ++i) {
      for (Index j = i; j < c; ++j) {
        double total = 0;
        for (Index k = first; k < end; k += 128) {
          double segment = 0;
          for (Index r = k; r < std::min(k + 128, end); ++r) {
            segment = std::fma(centred(r, i), centred(r, j), segment);
          }
          total = k == first ? segment : total + segment;
        }
        double& to = result.square[std::size_t(i * c + j)];
        to += total;
        if (shards > 1) {
          to += (n * (mean[std::size_t(i)] - 0.125)) * (mean[std::size_t(j)] - 0.125);
        }
      }
    }
  }
  return result;
}

template <class T>
void expect_the_order() {
  for (const Stretch& stretch : kStretches) {
    SCOPED_TRACE(shape_text(stretch.rows, stretch.cols));
    // Rows further apart than they are wide.
    const Index stride = stretch.cols + 3;
    const std::vector<double> wide = normals(stretch.rows * stride, 21);
    const std::vector<T> numbers(wide.begin(), wide.end());
    const MatrixView<const T> x(numbers.data(), stretch.rows, stretch.cols, stride);
    const std::vector<double> count = counts(stretch.rows);
    const Square want = by_loops(stretch, x, count);
    double top = 0;
    for (Index r = 0; r < stretch.rows; ++r) {
      for (Index j = 0; j < stretch.cols; ++j) top = std::max(top, std::abs(double(x(r, j))));
    }
    for_each_isa([&] {
      for (const int threads : {1, 3}) {
        with_threads(threads, [&] {
          const Square have = by_bodies(stretch, x, count);
          EXPECT_EQ(have.sums, want.sums) << threads;
          EXPECT_EQ(have.means, want.means) << threads;
          EXPECT_EQ(have.square, want.square) << threads;
          EXPECT_EQ(*std::max_element(have.tops.begin(), have.tops.end()), top);
        });
      }
    });
  }
}

TEST(GramBody, SumsFloatsInTheOrderThatIsDocumented) { expect_the_order<float>(); }
TEST(GramBody, SumsDoublesInTheOrderThatIsDocumented) { expect_the_order<double>(); }

TEST(GramBody, SaysThatANumberIsNotFinite) {
  for (const double bad : {kInfinity, -kInfinity, std::nan("")}) {
    // In a whole register, and behind the last one.
    for (const Index at : {5, 36}) {
      std::vector<double> x(37 * 3, 1.0);
      x[std::size_t(37 + at)] = bad;
      const Square found = by_bodies<double>({3, 37, 512}, rows_in(x, 37), {1, 1, 1});
      EXPECT_EQ(found.tops[std::size_t(at)], kInfinity) << bad;
    }
  }
}

TEST(RowGram, HasTheSameBitsWithEveryInstructionSet) {
  const std::vector<double> wide = normals(9000 * 37, 22);
  const std::vector<float> x(wide.begin(), wide.end());
  std::vector<double> first;
  for_each_isa([&] {
    RowGram gram(37);
    gram.add(MatrixView<const float>(x.data(), 9000, 37));
    const ActivationSpectrum spectrum = gram.spectrum(Centring::mean);
    EXPECT_EQ(spectrum.path, SpectrumPath::gram);
    if (first.empty()) first = spectrum.singular_values;
    EXPECT_EQ(spectrum.singular_values, first);
  });
}

// Q diag(s), Q with orthonormal columns of Hadamard's kind: the values are s sqrt(rows), whatever
// their spread.
TEST(RowGram, KnowsConditionedSpectra) {
  constexpr Index kRows = 4096, kCols = 12;
  for (const double least : {1e-1, 1e-3, 1e-4, 1e-6, 1e-9}) {
    std::vector<double> s, x;
    for (Index j = 0; j < kCols; ++j) s.push_back(std::pow(least, double(j) / (kCols - 1)));
    for (Index r = 0; r < kRows; ++r) {
      for (Index j = 0; j < kCols; ++j) {
        // Row r, column 2^j of a matrix of Hadamard, which is centred.
        const double sign = (r >> j) & 1 ? -1 : 1;
        x.push_back(sign * s[std::size_t(j)]);
      }
    }
    RowGram gram(kCols);
    gram.add(rows_in(x, kCols));
    for (const Centring centring : {Centring::none, Centring::mean}) {
      const ActivationSpectrum found = gram.spectrum(centring);
      EXPECT_EQ(found.path, least >= 1e-4 ? SpectrumPath::gram : SpectrumPath::qr) << least;
      for (std::size_t j = 0; j < s.size(); ++j) {
        const double want = s[j] * 64;
        // As SpectrumPath says.
        const double off = found.path == SpectrumPath::gram ? 64 / (2 * s[j]) : 64;
        EXPECT_NEAR(found.singular_values[j], want, kCols * 1.2e-16 * off * 4) << least << " " << j;
      }
    }
  }
}

}  // namespace
}  // namespace libnorm::test
