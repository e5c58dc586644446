#include "libnorm/metrics/row_factor.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <Eigen/QR>
#include <Eigen/SVD>

namespace libnorm {
namespace {

/// Rows that one decomposition takes in at once.
constexpr Index kStretch = 1024;

using Map = Eigen::Map<Eigen::MatrixXd>;
using ConstMap = Eigen::Map<const Eigen::MatrixXd>;
using ConstRow = Eigen::Map<const Eigen::RowVectorXd>;

/// The triangle [C, C] of a matrix, which is overwritten.
Eigen::MatrixXd triangle_of(Eigen::MatrixXd& m) {
  const Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(m);
  return m.topRows(m.cols()).triangularView<Eigen::Upper>();
}

}  // namespace

RowFactor::RowFactor(Index channels) : channels_(channels) {
  if (channels < 1) {
    throw ShapeError("RowFactor: no channels (" + std::to_string(channels) + "); need at least 1");
  }
  mean_.assign(std::size_t(channels), 0.0);
  triangle_.assign(std::size_t(channels * channels), 0.0);
}

template <class T>
void RowFactor::add(const MatrixView<const T>& x, const float* count) {
  if (x.cols != channels_) {
    throw ShapeError("RowFactor::add: another width (" + shape_text(x.rows, x.cols) + "); need " +
                     std::to_string(channels_) + " columns");
  }
  const Index c = channels_;
  for (Index first = 0; first < x.rows; first += kStretch) {
    const Index rows = std::min(kStretch, x.rows - first);
    Eigen::MatrixXd stretch(rows, c);
    Eigen::VectorXd weight(rows);
    for (Index r = 0; r < rows; ++r) {
      weight[r] = count == nullptr ? 1.0 : double(count[first + r]);
      for (Index j = 0; j < c; ++j) stretch(r, j) = double(x(first + r, j));
    }
    if (!stretch.allFinite() || !weight.allFinite() || weight.minCoeff() < 0) {
      throw ValueError("RowFactor::add: rows " + std::to_string(first) + " .. " +
                       std::to_string(first + rows - 1) +
                       " hold a number that is not finite or a negative count; need neither");
    }
    const double added = weight.sum();
    if (!(added > 0)) continue;
    const Eigen::RowVectorXd mean = (weight.transpose() * stretch) / added;
    const double total = rows_ + added;
    Eigen::MatrixXd stacked(c + 1 + rows, c);
    stacked.topRows(c) = ConstMap(triangle_.data(), c, c);
    const Eigen::RowVectorXd shift = mean - ConstRow(mean_.data(), c);
    stacked.row(c) = std::sqrt(rows_ / total * added) * shift;
    stacked.bottomRows(rows) = weight.cwiseSqrt().asDiagonal() * (stretch.rowwise() - mean);
    Map(triangle_.data(), c, c) = triangle_of(stacked);
    Eigen::Map<Eigen::RowVectorXd>(mean_.data(), c) += added / total * shift;
    rows_ = total;
  }
}

template void RowFactor::add<float>(const MatrixView<const float>&, const float*);
template void RowFactor::add<double>(const MatrixView<const double>&, const float*);

void RowFactor::merge(const RowFactor& other) {
  if (other.channels_ != channels_) {
    throw ShapeError("RowFactor::merge: another width (" + std::to_string(other.channels_) +
                     "); need " + std::to_string(channels_));
  }
  if (!(other.rows_ > 0)) return;
  const Index c = channels_;
  const double total = rows_ + other.rows_;
  const Eigen::RowVectorXd shift = ConstRow(other.mean_.data(), c) - ConstRow(mean_.data(), c);
  Eigen::MatrixXd stacked(2 * c + 1, c);
  stacked.topRows(c) = ConstMap(triangle_.data(), c, c);
  stacked.middleRows(c, c) = ConstMap(other.triangle_.data(), c, c);
  stacked.row(2 * c) = std::sqrt(rows_ / total * other.rows_) * shift;
  Map(triangle_.data(), c, c) = triangle_of(stacked);
  Eigen::Map<Eigen::RowVectorXd>(mean_.data(), c) += other.rows_ / total * shift;
  rows_ = total;
}

std::vector<double> RowFactor::singular_values(Centring centring) const {
  if (!(rows_ > 0)) {
    throw ShapeError("RowFactor::singular_values: no rows were taken in (0); need at least one");
  }
  const Index c = channels_;
  Eigen::MatrixXd stacked(c + 1, c);
  stacked.topRows(c) = ConstMap(triangle_.data(), c, c);
  const double share = centring == Centring::none ? std::sqrt(rows_) : 0.0;
  stacked.row(c) = share * ConstRow(mean_.data(), c);
  const Eigen::VectorXd s = Eigen::BDCSVD<Eigen::MatrixXd>(triangle_of(stacked)).singularValues();
  const Index kept = rows_ < double(c) ? Index(std::ceil(rows_)) : c;
  return {s.data(), s.data() + kept};
}

}  // namespace libnorm
