// Is it collapsing? The metrics of activations that numpy.save wrote:
//   measure_activations FILE.npy
//
// Rows are read and taken in a few at a time, so that the file may be larger than memory.

#include <algorithm>
#include <cstdio>
#include <vector>

#include "libnorm/data/npy.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"

namespace {

void measure(const char* path) {
  // [B, T, C] is read as [B T, C]: each position is a row.
  const libnorm::NpyFile file(path);
  libnorm::RowGram gram(file.cols());
  libnorm::ChannelMoments moments(file.cols());

  constexpr libnorm::Index kRows = 4096;
  std::vector<float> memory(std::size_t(kRows * file.cols()));
  for (libnorm::Index first = 0; first < file.rows(); first += kRows) {
    const libnorm::Index count = std::min(kRows, file.rows() - first);
    const libnorm::MatrixView<float> rows(memory.data(), count, file.cols());
    file.read(first, rows);
    gram.add<float>(rows);
    moments.add<float>(rows);
  }

  // What the next layer sees, and then what differs from row to row. Where all rows are nearly
  // alike, the first has rank one, and the second says what is left.
  for (const auto centring : {libnorm::Centring::none, libnorm::Centring::mean}) {
    std::printf("%s\n", libnorm::text_of(gram.spectrum(centring)).c_str());
  }
  std::printf("%s", libnorm::text_of(libnorm::values_of(moments)).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: measure_activations FILE.npy\n");
    return 2;
  }
  try {
    measure(argv[1]);
  } catch (const libnorm::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}
