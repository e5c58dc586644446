#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// How the first values of a parameter are drawn: PyTorch's defaults, or a constant.
enum class Initial { zero, one, constant, normal, uniform };

/// One named tensor in a flat vector.
struct Parameter {
  /// `blocks.0.ffn.linear1.weight`
  std::string name;
  /// 1 where it is a vector.
  Index rows = 0;
  /// Numbers of a row.
  Index cols = 0;
  /// Position of its first number in the flat vector; rows follow each other.
  Index offset = 0;
  /// How its first values are drawn.
  Initial initial = Initial::zero;
  /// Half-width of the uniform distribution, or the constant.
  double bound = 0;
  /// Standard deviation of the normal distribution.
  double deviation = 1;
  /// First values of rows from scaled_row on are multiplied by `scale`.
  /// @{
  Index scaled_row = 0;
  double scale = 1;
  /// @}

  /// Number of elements.
  Index size() const { return rows * cols; }
  /// Whether it is a matrix; each row is a filter: the weights of one output, or a token's
  /// embedding.
  bool is_matrix() const { return rows > 1 && cols > 1; }
};

/// The tensors of a model, by name and in one flat vector, in the order of declaration.
class ParameterList {
 public:
  /// Adds a tensor; returns its offset. Throws: ValueError for a duplicate name.
  Index add(std::string name, Index rows, Index cols, Initial initial, double bound = 0);

  /// Multiplies the first values of the tensor at `offset`, from row `first_row` on.
  /// Throws: ValueError where no tensor begins there.
  void scale_initial(Index offset, Index first_row, double scale);

  /// All matrices are drawn from a normal distribution of this standard deviation, and vectors that
  /// were drawn begin with 0; what begins with a constant, as norms do, stays. Factors of
  /// scale_initial stay too.
  void draw_matrices(double deviation);

  /// For each number whether it is in a matrix: those that weight decay is for by the common
  /// recipe, which leaves out biases and the numbers of norms.
  std::vector<bool> in_matrices() const;

  /// All tensors, in the order of declaration and so of their offsets.
  const std::vector<Parameter>& all() const { return list_; }
  /// Throws: ValueError for an unknown name.
  const Parameter& find(const std::string& name) const;
  /// Size of the flat vector.
  Index size() const { return size_; }

  /// First values. Each tensor has its own random stream, chosen by its name, so that tensors of
  /// the same name and shape have the same first values in every model.
  template <class T>
  void draw(std::uint64_t seed, T* values) const;

 private:
  std::vector<Parameter> list_;
  /// Places in the list.
  std::unordered_map<std::string, std::size_t> by_name_;
  Index size_ = 0;
};

}  // namespace libnorm
