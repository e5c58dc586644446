#include "libnorm/models/block.hpp"

#include <cmath>

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gelu.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {

template <class T>
Residual<T>::Residual(const BlockOptions& options, const std::string& name,
                      ParameterList& parameters, ParameterList& running)
    : placement_(options.normalization.placement),
      norm_(options.normalization.norm, options.channels, name + ".", parameters, running) {
  if (placement_ == Placement::sandwich) {
    out_norm_.emplace(options.normalization.norm, options.channels, name + "_out.", parameters,
                      running);
  }
  if (options.normalization.residual_scale != ResidualScale::none) {
    scale_.emplace(options.normalization.scale_norm(), options.channels, name + "_scale.",
                   parameters, running);
  }
  const double alpha = std::sqrt(std::sqrt(2.0 * double(options.blocks)));
  alpha_.assign(1, T(Real<T>(alpha)));
  alpha_less_one_.assign(1, T(Real<T>(alpha - 1)));
}

template <class T>
MatrixView<const T> Residual<T>::enter(const Pass<T>& pass, RowSet set,
                                       const MatrixView<const T>& x) {
  return enters() ? norm_.forward(pass, set, x) : x;
}

template <class T>
MatrixView<const T> Residual<T>::leave(const Pass<T>& pass, RowSet set,
                                       const MatrixView<const T>& x,
                                       const MatrixView<const T>& branch) {
  MatrixView<const T> b = branch;
  if (out_norm_) b = out_norm_->forward(pass, set, b);
  if (scale_) b = scale_->forward(pass, set, b);
  if (placement_ == Placement::post) {
    output_view_ = norm_.forward(pass, set, x, b);
  } else if (placement_ == Placement::deep) {
    const auto sum = deep_sum_.view(x.rows, x.cols);
    add_scaled_rows<T>(b, x, alpha_.read(), 1, sum);
    output_view_ = norm_.forward(pass, set, sum);
  } else {
    const auto sum = output_.view(x.rows, x.cols);
    add_rows<T>(x, b, sum);
    output_view_ = sum;
  }
  return output_view_;
}

template <class T>
MatrixView<const T> Residual<T>::sum_backward(const MatrixView<const T>& d_y,
                                              const MatrixView<T>& d_sum, Pointer<T> gradient) {
  if (enters()) return d_y;
  norm_.backward(d_y, d_sum, gradient);
  return d_sum;
}

template <class T>
MatrixView<const T> Residual<T>::branch_backward(const MatrixView<const T>& d_sum,
                                                 Pointer<T> gradient, BlockScratch<T>& scratch) {
  MatrixView<const T> d = d_sum;
  if (scale_) {
    const auto d_scaled = scratch.d_branch.view(d.rows, d.cols);
    scale_->backward(d, d_scaled, gradient);
    d = d_scaled;
  } else if (placement_ == Placement::deep) {
    // The sum's gradient is about to be multiplied by alpha.
    const auto copy = scratch.d_branch.view(d.rows, d.cols);
    copy_rows<T>(d, copy);
    d = copy;
  }
  if (out_norm_) {
    const auto d_out = scratch.d_out.view(d.rows, d.cols);
    out_norm_->backward(d, d_out, gradient);
    d = d_out;
  }
  return d;
}

template <class T>
void Residual<T>::skip_backward(const MatrixView<T>& d_sum) {
  if (placement_ == Placement::deep) {
    // The gradient of the scale still has to read d_sum as it is.
    run_queued_rows();
    add_scaled_rows<T>(d_sum, d_sum, alpha_less_one_.read(), 1, d_sum);
  }
}

template <class T>
Block<T>::Block(const BlockOptions& options, const std::string& name, ParameterList& parameters,
                ParameterList& running)
    : options_(options),
      attention_(options, name, parameters, running),
      residual1_(options, name + "norm1", parameters, running),
      weight1_(parameters.add(name + "ffn.linear1.weight", options.hidden, options.channels,
                              Initial::uniform, 1.0 / std::sqrt(double(options.channels)))),
      ffn_bias1_(parameters.add(name + "ffn.linear1.bias", 1, options.hidden, Initial::uniform,
                                1.0 / std::sqrt(double(options.channels)))),
      weight2_(parameters.add(name + "ffn.linear2.weight", options.channels, options.hidden,
                              Initial::uniform, 1.0 / std::sqrt(double(options.hidden)))),
      ffn_bias2_(parameters.add(name + "ffn.linear2.bias", 1, options.channels, Initial::uniform,
                                1.0 / std::sqrt(double(options.hidden)))),
      residual2_(options, name + "norm2", parameters, running) {
  if (options.normalization.placement == Placement::deep) {
    const double beta = 1 / std::sqrt(std::sqrt(8.0 * double(options.blocks)));
    parameters.scale_initial(weight1_, 0, beta);
    parameters.scale_initial(weight2_, 0, beta);
    attention_.scale_initial(parameters, beta);
  }
}

template <class T>
BlockInput<T> Block<T>::enter_attention(const Pass<T>& pass, const BlockInput<T>& input,
                                        RowSet set) {
  if (!residual1_.enters()) return input;
  BlockInput<T> entered = input;
  const bool has_unique_rows = input.unique_rows.data != input.rows.data;
  entered.unique_rows =
      residual1_.enter(pass, has_unique_rows ? RowSet::prediction : set, input.unique_rows);
  entered.rows = entered.unique_rows;
  if (set == RowSet::prediction) {
    if (!norm1_of_rows_) norm1_of_rows_ = residual1_.norm();
    entered.rows = norm1_of_rows_->forward(pass, set, input.rows);
  } else if (has_unique_rows) {
    entered.rows = input.rows;  // Of these the attention takes the number alone.
  }
  return entered;
}

template <class T>
MatrixView<const T> Block<T>::forward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                                      BlockScratch<T>& scratch) {
  const Index n = input.rows.rows, c = options_.channels, h = options_.hidden;
  entered_ = enter_attention(pass, input, set);
  const auto branch = scratch.branch.view(n, c);
  attention_.forward(pass, entered_, set, scratch, branch);
  const MatrixView<const T> middle = residual1_.leave(pass, set, input.rows, branch);

  entered2_ = residual2_.enter(pass, set, middle);
  const auto hidden = hidden_.view(n, h);
  scratch.products.multiply(plain(entered2_),
                            transposed(weight_matrix<T>(pass.weights + weight1_, h, c)), hidden,
                            pass.weights + ffn_bias1_);
  gelu<T>(hidden, hidden, slope_.view(n, h));
  hidden_view_ = hidden;
  const auto branch2 = scratch.branch.view(n, c);
  scratch.products.multiply(plain(hidden_view_),
                            transposed(weight_matrix<T>(pass.weights + weight2_, c, h)), branch2,
                            pass.weights + ffn_bias2_);
  return residual2_.leave(pass, set, middle, branch2);
}

/// d_middle, the gradient of what the ffn's residual is given.
template <class T>
MatrixView<T> Block<T>::ffn_backward(const Pass<T>& pass, const MatrixView<const T>& d_output,
                                     Pointer<T> gradient, BlockScratch<T>& scratch) {
  const Index n = d_output.rows, c = options_.channels, h = options_.hidden;
  Products<T>& products = scratch.products;
  const auto d_sum = scratch.d_sum2.view(n, c);
  const auto d_branch = residual2_.branch_backward(
      residual2_.sum_backward(d_output, d_sum, gradient), gradient, scratch);
  const auto d_hidden = scratch.d_hidden.view(n, h);
  products.multiply(plain(d_branch), plain(weight_matrix<T>(pass.weights + weight2_, c, h)),
                    d_hidden);
  weight_gradient<T>(products, d_branch, hidden_view_, gradient + weight2_, gradient + ffn_bias2_);
  gelu_backward<T>(d_hidden, slope_.view(n, h), d_hidden);
  weight_gradient<T>(products, d_hidden, entered2_, gradient + weight1_, gradient + ffn_bias1_);
  const auto weight1 = plain(weight_matrix<T>(pass.weights + weight1_, h, c));
  if (!residual2_.enters()) {
    residual2_.skip_backward(d_sum);
    // d_sum is the gradient along the way past the ffn; the ffn's own joins it. A weights' gradient
    // that waits still has to read d_sum as it is.
    MatrixView<T> d_middle = d_sum;
    if (are_rows_queued()) {
      d_middle = scratch.d_middle.view(n, c);
      copy_rows<T>(d_sum, d_middle);
    }
    products.multiply(plain(d_hidden), weight1, d_middle, nullptr, Output::add);
    return d_middle;
  }
  const auto d_entered = scratch.d_entered.view(n, c), d_through = scratch.d_through.view(n, c);
  products.multiply(plain(d_hidden), weight1, d_entered);
  residual2_.norm().backward(d_entered, d_through, gradient);
  add_rows<T>(d_output, d_through, d_sum);
  return d_sum;
}

/// Through the norm before the attention, and past both.
template <class T>
void Block<T>::enter_backward(const BlockInput<T>& input, RowSet set,
                              const MatrixView<const T>& d_skip,
                              const MatrixView<const T>& d_entered,
                              const MatrixView<const T>& d_entered_unique, Pointer<T> gradient,
                              const MatrixView<T>& d_rows, const MatrixView<T>& d_unique_rows,
                              BlockScratch<T>& scratch) {
  const auto d_through = scratch.d_through.view(input.rows.rows, options_.channels);
  if (d_unique_rows.data == nullptr) {
    residual1_.norm().backward(d_entered, d_through, gradient);
    add_rows<T>(d_skip, d_through, d_rows);
    return;
  }
  residual1_.norm().backward(d_entered_unique, d_unique_rows, gradient);
  if (set == RowSet::all) {
    copy_rows<T>(d_skip, d_rows);
    return;
  }
  norm1_of_rows_->backward(d_entered, d_through, gradient, Output::add);
  add_rows<T>(d_skip, d_through, d_rows);
}

template <class T>
void Block<T>::backward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                        const MatrixView<const T>& d_output, Pointer<T> gradient,
                        const MatrixView<T>& d_rows, const MatrixView<T>& d_unique_rows,
                        BlockScratch<T>& scratch) {
  // What else there is in a residual shares scratch memory with the next one.
  const bool shares_scratch = !residual1_.is_plain();
  if (shares_scratch) run_queued_rows();
  const MatrixView<T> d_middle = ffn_backward(pass, d_output, gradient, scratch);
  if (shares_scratch) run_queued_rows();
  const auto d_branch = residual1_.branch_backward(
      residual1_.sum_backward(d_middle, d_rows, gradient), gradient, scratch);
  if (!residual1_.enters()) {
    residual1_.skip_backward(d_rows);
    attention_.backward(pass, entered_, set, d_branch, gradient, d_rows, Output::add, d_unique_rows,
                        scratch);
    return;
  }
  const auto d_entered = scratch.d_entered.view(input.rows.rows, options_.channels);
  const auto d_entered_unique =
      d_unique_rows.data == nullptr
          ? MatrixView<T>()
          : scratch.d_entered_unique.view(d_unique_rows.rows, options_.channels);
  attention_.backward(pass, entered_, set, d_branch, gradient, d_entered, Output::overwrite,
                      d_entered_unique, scratch);
  enter_backward(input, set, d_middle, d_entered, d_entered_unique, gradient, d_rows, d_unique_rows,
                 scratch);
}

template class Residual<float>;
template class Residual<double>;
template class Residual<Dual<double>>;
template class Block<float>;
template class Block<double>;
template class Block<Dual<double>>;

}  // namespace libnorm
