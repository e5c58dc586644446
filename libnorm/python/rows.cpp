#include "libnorm/python/rows.hpp"

#include <nanobind/stl/string.h>

#include <cstdint>
#include <cstring>
#include <span>

namespace libnorm::python {
namespace {

using Array = nb::ndarray<nb::ro>;

std::string dtype_text(nb::dlpack::dtype dtype) {
  using Code = nb::dlpack::dtype_code;
  const std::string bits = std::to_string(int(dtype.bits));
  switch (Code(dtype.code)) {
    case Code::Int: return "int" + bits;
    case Code::UInt: return "uint" + bits;
    case Code::Float: return "float" + bits;
    case Code::Bfloat: return "bfloat" + bits;
    case Code::Complex: return "complex" + bits;
    case Code::Bool: return "bool";
    default: return "a float of " + bits + " bits";
  }
}

std::optional<NumberFormat> format_of(nb::dlpack::dtype dtype) {
  using Code = nb::dlpack::dtype_code;
  if (dtype.lanes != 1) return std::nullopt;
  if (dtype.code == std::uint8_t(Code::Bfloat) && dtype.bits == 16) return NumberFormat::bfloat16;
  if (dtype.code != std::uint8_t(Code::Float)) return std::nullopt;
  switch (dtype.bits) {
    case 16: return NumberFormat::float16;
    case 32: return NumberFormat::float32;
    case 64: return NumberFormat::float64;
    default: return std::nullopt;
  }
}

[[noreturn]] void refuse(const char* where, const std::string& wrong, const std::string& right) {
  throw nb::type_error((std::string(where) + ": " + wrong + "; need " + right).c_str());
}

bool is_contiguous(const Array& array) {
  Index step = 1;
  for (std::size_t i = array.ndim(); i-- > 0;) {
    if (array.shape(i) != 1 && array.stride(i) != step) return false;
    step *= Index(array.shape(i));
  }
  return true;
}

/// Whether an address may hold numbers of that size.
bool is_aligned(const void* data, Index bytes) {
  return reinterpret_cast<std::uintptr_t>(data) % std::uintptr_t(bytes) == 0;
}

/// Calls f(pointer) for each number of a strided array in C order.
template <class F>
void for_each_number(const Array& array, F f) {
  const Index bytes = Index(array.itemsize());
  const auto* base = static_cast<const std::byte*>(array.data());
  std::vector<Index> at(array.ndim(), 0);
  for (Index left = Index(array.size()); left > 0; --left) {
    Index offset = 0;
    for (std::size_t i = 0; i < at.size(); ++i) offset += at[i] * array.stride(i);
    f(base + offset * bytes);
    for (std::size_t i = at.size(); i-- > 0;) {
      if (++at[i] < Index(array.shape(i))) break;
      at[i] = 0;
    }
  }
}

template <class From>
From number_at(const std::byte* from) {
  From number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

/// Integers of either sign and booleans.
std::int64_t integer_at(nb::dlpack::dtype dtype, const std::byte* from) {
  const bool is_signed = dtype.code == std::uint8_t(nb::dlpack::dtype_code::Int);
  switch (dtype.bits) {
    case 8: return is_signed ? number_at<std::int8_t>(from) : number_at<std::uint8_t>(from);
    case 16: return is_signed ? number_at<std::int16_t>(from) : number_at<std::uint16_t>(from);
    case 32: return is_signed ? number_at<std::int32_t>(from) : number_at<std::uint32_t>(from);
    default: return number_at<std::int64_t>(from);
  }
}

bool is_integer(nb::dlpack::dtype dtype) {
  using Code = nb::dlpack::dtype_code;
  const auto code = Code(dtype.code);
  return dtype.lanes == 1 && (code == Code::Int || code == Code::UInt || code == Code::Bool);
}

/// Also of lists and the like, which NumPy makes an array of.
Array numbers_of(const char* where, nb::handle x) {
  if (!nb::ndarray_check(x) && (nb::isinstance<nb::list>(x) || nb::isinstance<nb::tuple>(x))) {
    return array_of(where, nb::module_::import_("numpy").attr("asarray")(x));
  }
  return array_of(where, x);
}

}  // namespace

Array array_of(const char* where, nb::handle x) {
  Array array;
  const auto type = [&] { return std::string(nb::type_name(x.type()).c_str()); };
  if (!nb::try_cast<Array>(x, array, false) || !array.is_valid()) {
    PyErr_Clear();
    std::string dtype;
    if (nb::hasattr(x, "dtype")) {
      const nb::object name = x.attr("dtype");
      dtype = " of " + nb::cast<std::string>(nb::str(name));
    }
    refuse(where, "no array that can be read (" + type() + dtype + ")",
           "one of float32, float64, float16 or bfloat16 on the processor, by DLPack or the buffer "
           "protocol");
  }
  if (array.device_type() != nb::device::cpu::value) {
    refuse(where,
           "an array that is not in the processor's memory (" + type() + " on DLPack device " +
               std::to_string(array.device_type()) + ")",
           "one that is, such as x.cpu()");
  }
  return array;
}

std::string text_of(const Array& array) {
  std::string text = dtype_text(array.dtype()) + " [";
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(array.shape(i));
  }
  return text + "]";
}

Rows::Rows(const char* where, nb::handle x) : where_(where), array_(array_of(where, x)) {
  const auto format = format_of(array_.dtype());
  if (!format) {
    refuse(where, "numbers of another type (" + python::text_of(array_) + ")",
           "float32, float64, float16 or bfloat16");
  }
  const std::size_t n = array_.ndim();
  if (n == 0) throw ShapeError(std::string(where) + ": a scalar (a shape []); need rows [..., C]");
  format_ = *format;
  data_ = array_.data();
  cols_ = Index(array_.shape(n - 1));
  col_stride_ = cols_ > 1 ? array_.stride(n - 1) : 1;
  // Leading axes are one axis where each steps over the whole of the next.
  Index step = 0;
  for (std::size_t i = n - 1; i-- > 0;) {
    const Index extent = Index(array_.shape(i));
    if (extent != 1) {
      if (rows_ == 1) {
        row_stride_ = array_.stride(i);
      } else if (array_.stride(i) != step) {
        even_ = false;
      }
      step = array_.stride(i) * extent;
    }
    rows_ *= extent;
  }
  if (rows_ <= 1) row_stride_ = cols_;
}

bool Rows::is_viewable() const {
  return bytes_of(format_) >= 4 && even_ && col_stride_ == 1 &&
         is_aligned(data_, bytes_of(format_));
}

void Rows::require_view() const {
  if (is_viewable()) return;
  if (bytes_of(format_) < 4) {
    refuse(where_, "halves, which this would have to copy whole (" + python::text_of(array_) + ")",
           "float32 or float64, such as x.float() or x.astype('float32')");
  }
  refuse(where_,
         "rows that lie unevenly or whose numbers are not adjacent (" + python::text_of(array_) +
             ", strides in numbers up to " + std::to_string(col_stride_) + ")",
         "adjacent ones, such as numpy.ascontiguousarray(x)");
}

template <class T>
void Rows::copy(Index first, Index count, T* to) const {
  const Index bytes = bytes_of(format_);
  const std::size_t lead = array_.ndim() - 1;
  std::vector<std::byte> row(std::size_t(cols_ * bytes));
  for (Index r = 0; r < count; ++r, to += cols_) {
    Index offset = 0, rest = first + r;
    for (std::size_t i = lead; i-- > 0;) {
      const Index extent = Index(array_.shape(i));
      offset += rest % extent * array_.stride(i);
      rest /= extent;
    }
    const std::byte* from = static_cast<const std::byte*>(data_) + offset * bytes;
    for (Index c = 0; col_stride_ != 1 && c < cols_; ++c) {
      std::memcpy(row.data() + c * bytes, from + c * col_stride_ * bytes, std::size_t(bytes));
    }
    if (col_stride_ == 1) std::memcpy(row.data(), from, row.size());
    decode_numbers(format_, row, std::span<T>(to, std::size_t(cols_)));
  }
}

template void Rows::copy<float>(Index, Index, float*) const;
template void Rows::copy<double>(Index, Index, double*) const;

std::vector<double> doubles_of(const char* where, nb::handle x) {
  const Array array = numbers_of(where, x);
  std::vector<double> out;
  const auto format = format_of(array.dtype());
  if (format && is_contiguous(array)) {
    out.resize(array.size());
    decode_numbers(*format, {static_cast<const std::byte*>(array.data()), array.nbytes()},
                   std::span<double>(out));
    return out;
  }
  out.reserve(array.size());
  if (format) {
    const std::size_t bytes = array.itemsize();
    for_each_number(array, [&](const std::byte* from) {
      double number;
      decode_numbers(*format, {from, bytes}, std::span<double>(&number, 1));
      out.push_back(number);
    });
  } else if (is_integer(array.dtype())) {
    for_each_number(array, [&](const std::byte* from) {
      out.push_back(double(integer_at(array.dtype(), from)));
    });
  } else {
    refuse(where, "numbers of another type (" + text_of(array) + ")", "floats or integers");
  }
  return out;
}

std::vector<std::int64_t> integers_of(const char* where, nb::handle x, Index size) {
  const Array array = numbers_of(where, x);
  if (!is_integer(array.dtype())) {
    refuse(where, "numbers of another type (" + text_of(array) + ")", "integers");
  }
  std::vector<std::int64_t> out;
  out.reserve(array.size());
  for_each_number(array,
                  [&](const std::byte* from) { out.push_back(integer_at(array.dtype(), from)); });
  if (size >= 0 && Index(out.size()) != size) {
    throw ShapeError(std::string(where) + ": another number of integers (" +
                     std::to_string(out.size()) + "); need " + std::to_string(size));
  }
  return out;
}

std::optional<std::vector<float>> weights_of(const char* where, nb::handle weights, Index rows) {
  if (weights.is_none()) return std::nullopt;
  const std::vector<double> numbers = doubles_of(where, weights);
  if (Index(numbers.size()) != rows) {
    throw ShapeError(std::string(where) + ": another number of weights (" +
                     std::to_string(numbers.size()) + "); need one for each of " +
                     std::to_string(rows) + " rows");
  }
  return std::vector<float>(numbers.begin(), numbers.end());
}

}  // namespace libnorm::python
