// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/shapes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace aisle::workloads::traces {

namespace {

/// Longest edge of a matrix that is believed.
constexpr double kLongestEdge = 1e12;

bool believable(double length) {
  return length >= 1 && length <= kLongestEdge && length == std::floor(length);
}

double edge(const Tensor& tensor, std::size_t from_end) {
  return static_cast<double>(tensor.shape[tensor.shape.size() - 1 - from_end]);
}

struct Product {
  double batch = 1, m = 0, n = 0, k = 0;
};

/// By A[.., m, k] and B[.., k, n] or B[n, k].
std::optional<Product> product_of(const Tensor& a, const Tensor& b) {
  if (a.shape.empty() || b.shape.empty()) return std::nullopt;
  Product p;
  p.k = edge(a, 0);
  const double rows = numbers(a) / p.k;
  if (b.shape.size() == 1) {
    p.n = 1;
    p.m = rows;
    return edge(b, 0) == p.k ? std::optional(p) : std::nullopt;
  }
  if (edge(b, 1) == p.k) {
    p.n = edge(b, 0);
  } else if (edge(b, 0) == p.k) {
    p.n = edge(b, 1);
  } else {
    return std::nullopt;
  }
  p.batch = b.shape.size() > 2 ? numbers(b) / (p.k * p.n) : 1;
  p.m = rows;  // of all members of the batch together
  return p;
}

/// By A, B and C[.., m, n], whichever way A and B lie; blocked layouts too.
std::optional<Product> product_of(const Tensor& a, const Tensor& b, const Tensor& c) {
  if (c.shape.size() < 2) return std::nullopt;
  Product p;
  p.n = edge(c, 0);
  p.m = numbers(c) / p.n;
  p.k = numbers(a) / p.m;
  if (!believable(p.k)) return std::nullopt;
  p.batch = numbers(b) / (p.k * p.n);
  return believable(p.batch) ? std::optional(p) : std::nullopt;
}

bool fill(const Product& p, const Tensor& a, const Tensor& b, const Tensor* c, double extra,
          Kernel& kernel) {
  if (!believable(p.m) || !believable(p.n) || !believable(p.k) || !believable(p.batch)) {
    return false;
  }
  kernel.m = static_cast<std::int64_t>(p.m);
  kernel.n = static_cast<std::int64_t>(p.n);
  kernel.k = static_cast<std::int64_t>(p.k);
  kernel.groups = static_cast<int>(std::min(p.batch, 1e9));
  double size = size_of_type(a.type);
  if (size == 0) size = topology::size_of(kernel.precision).si();
  double weight = size_of_type(b.type);
  if (weight == 0) weight = size;
  double output = c != nullptr ? size_of_type(c->type) : 0;
  if (output == 0) output = std::max(size, 2.0);
  count_matrix(kernel, 0, size, output, extra + p.batch * p.k * p.n * weight);
  return true;
}

std::size_t first_factor(std::string_view op) {
  const bool adds =
      op.find("addmm") != std::string_view::npos || op.find("baddbmm") != std::string_view::npos ||
      op.find("addmv") != std::string_view::npos || op.find("addbmm") != std::string_view::npos;
  return adds ? 1 : 0;
}

bool known_product(std::string_view op) {
  constexpr std::string_view kOperators[] = {
      "aten::mm",         "aten::addmm",           "aten::bmm",    "aten::baddbmm",
      "aten::_scaled_mm", "aten::linear",          "aten::matmul", "aten::mv",
      "aten::addmv",      "aten::_int_mm",         "aten::addmm_", "aten::_addmm_act",
      "aten::matmul",     "aten::addmm_activation"};
  return std::find(std::begin(kOperators), std::end(kOperators), op) != std::end(kOperators);
}

double bytes_from(const Operands& operands, std::size_t first) {
  double sum = 0;
  for (std::size_t i = first; i < operands.inputs.size(); ++i) sum += bytes_of(operands.inputs[i]);
  return sum;
}

/// An operator that is not in the table: two inputs that fit, and a third that is their product.
bool unknown_product(const Operands& operands, Kernel& kernel) {
  const std::vector<Tensor>& in = operands.inputs;
  const std::size_t most = std::min<std::size_t>(in.size(), 8);
  for (std::size_t a = 0; a < most; ++a) {
    for (std::size_t b = a + 1; b < most; ++b) {
      if (in[a].shape.size() < 2 || in[b].shape.size() < 2) continue;
      const auto p = product_of(in[a], in[b]);
      if (!p) continue;
      const auto is_result = [&](const Tensor& c) {
        return &c != &in[a] && &c != &in[b] && c.shape.size() >= 2 && edge(c, 0) == p->n &&
               numbers(c) == p->m * p->n;
      };
      const auto c = std::find_if(in.begin(), in.end(), is_result);
      if (c != in.end()) return fill(*p, in[a], in[b], &*c, 0, kernel);
    }
  }
  return false;
}

}  // namespace

bool matrix_from_operands(const Around& around, Kernel& kernel) {
  if (around.operands == nullptr || !around.longest) return false;
  const Operands& operands = *around.operands;
  if (!operands.outputs.empty() && operands.inputs.size() >= 2) {
    const auto p = product_of(operands.inputs[0], operands.inputs[1], operands.outputs[0]);
    if (p) return fill(*p, operands.inputs[0], operands.inputs[1], &operands.outputs[0], 0, kernel);
  }
  if (!known_product(around.op_name)) return unknown_product(operands, kernel);
  const std::size_t a = first_factor(around.op_name);
  if (operands.inputs.size() < a + 2) return false;
  const auto p = product_of(operands.inputs[a], operands.inputs[a + 1]);
  const bool scaled = around.op_name == "aten::_scaled_mm";
  return p && fill(*p, operands.inputs[a], operands.inputs[a + 1], nullptr,
                   scaled ? bytes_from(operands, a + 2) : 0, kernel);
}

bool grouped_from_operands(const Around& around, Kernel& kernel) {
  if (around.operands == nullptr) return false;
  const std::vector<Tensor>& in = around.operands->inputs;
  // The weights of all groups are the tensors of three dimensions; an operator that holds a whole
  // feed-forward block has two of them, for its first and its second product.
  std::vector<const Tensor*> weights;
  const Tensor* rows = nullptr;
  const Tensor* choice = nullptr;  // [tokens, top k]
  for (const Tensor& tensor : in) {
    if (tensor.shape.size() == 3) weights.push_back(&tensor);
    if (tensor.shape.size() != 2) continue;
    if (rows == nullptr) {
      rows = &tensor;
    } else if (tensor.shape[0] == rows->shape[0] && tensor.shape[1] <= 32) {
      choice = &tensor;
    }
  }
  if (rows == nullptr || weights.empty()) return false;
  const auto at = static_cast<std::size_t>(around.ordinal);
  if (at >= weights.size()) return false;
  const Tensor& w = *weights[at];
  const double hidden = edge(*rows, 0);
  Product p;
  p.batch = static_cast<double>(w.shape[0]);
  p.m = numbers(*rows) / hidden;
  if (choice != nullptr) p.m *= static_cast<double>(choice->shape[1]);
  if (at == 0) {
    p.k = hidden;
    p.n = numbers(w) / (p.batch * hidden);
  } else {  // gives back what the first took
    p.n = hidden;
    p.k = numbers(w) / (p.batch * hidden);
  }
  if (edge(w, 0) != p.k && edge(w, 1) != p.k) return false;
  return fill(p, *rows, w, nullptr, 0, kernel);
}

namespace {

/// The numbers of "[2, 2]".
std::vector<double> list_of(std::string_view text) {
  std::vector<double> out;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    std::int64_t value = 0;
    const auto [rest, failure] = std::from_chars(at, end, value);
    if (failure == std::errc()) out.push_back(static_cast<double>(value));
    at = failure == std::errc() ? rest : at + 1;
  }
  return out;
}

/// Places that the filter stands at: the product of the output's edges.
double places_of(const Operands& operands, std::string_view op) {
  const std::vector<std::string_view> arguments = arguments_of(operands.values);
  const bool vendor =
      op.find("cudnn") != std::string_view::npos || op.find("miopen") != std::string_view::npos;
  // cudnn_convolution(input, weight, padding, stride, ..); convolution(input, weight, bias, stride,
  // padding, ..); miopen_convolution(input, weight, bias, padding, stride, ..).
  const bool bias = op.find("cudnn") == std::string_view::npos;
  const std::size_t first = bias ? 3 : 2;
  if (arguments.size() < first + 2) return 0;
  const std::vector<double> padding = list_of(arguments[vendor ? first : first + 1]);
  const std::vector<double> stride = list_of(arguments[vendor ? first + 1 : first]);
  const Tensor& x = operands.inputs[0];
  const Tensor& w = operands.inputs[1];
  double places = 1;
  for (std::size_t i = 2; i < x.shape.size(); ++i) {
    const double pad = i - 2 < padding.size() ? padding[i - 2] : 0;
    const double step = i - 2 < stride.size() ? std::max(stride[i - 2], 1.0) : 1;
    const auto length = static_cast<double>(x.shape[i]), filter = static_cast<double>(w.shape[i]);
    places *= std::floor((length + 2 * pad - filter) / step) + 1;
  }
  return places;
}

}  // namespace

bool convolution_from_operands(const Around& around, Kernel& kernel) {
  if (around.operands == nullptr || !around.longest) return false;
  if (around.op_name.find("convolution") == std::string_view::npos) return false;
  const std::vector<Tensor>& in = around.operands->inputs;
  const bool backward = around.op_name.find("backward") != std::string_view::npos;
  const std::size_t first = backward ? 1 : 0;
  if (in.size() < first + 2) return false;
  const Tensor& x = in[first];
  const Tensor& w = in[first + 1];
  if (x.shape.size() < 3 || w.shape.size() != x.shape.size()) return false;
  Product p;
  p.n = static_cast<double>(w.shape[0]);
  p.k = numbers(w) / p.n;
  p.m = backward ? numbers(in[0]) / p.n
                 : static_cast<double>(x.shape[0]) * places_of(*around.operands, around.op_name);
  if (!fill(p, x, w, nullptr, 0, kernel)) return false;
  // Unlike a matrix, the input is read once for all places of the filter.
  const double size = std::max(size_of_type(x.type), 1.0);
  kernel.hbm_bytes = (bytes_of(x) + bytes_of(w) + p.m * p.n * size) * units::B;
  return true;
}

}  // namespace aisle::workloads::traces
