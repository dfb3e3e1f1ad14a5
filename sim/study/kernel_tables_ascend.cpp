// SPDX-License-Identifier: Apache-2.0
// Kernels of an Ascend profile (kernel_details.csv): operator types with shapes and formats.
#include "sim/study/kernel_table_line.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace aisle::sim {

namespace {

using workloads::Direction;
using workloads::Family;

using Shape = std::vector<double>;

/// "4096,1024;1024" in quotes: one shape per operand; an empty one is a scalar or absent.
std::vector<Shape> shapes_in(std::string_view text) {
  std::vector<Shape> shapes(1);
  std::string number;
  const auto end_number = [&] {
    if (!number.empty()) shapes.back().push_back(std::strtod(number.c_str(), nullptr));
    number.clear();
  };
  for (const char c : text) {
    if (c >= '0' && c <= '9') number += c;
    if (c == ',' || c == ';') end_number();
    if (c == ';') shapes.emplace_back();
  }
  end_number();
  return shapes;
}

std::vector<double> sizes_in(std::string_view types) {
  std::vector<double> sizes;
  for (std::size_t begin = 0; begin <= types.size();) {
    std::size_t end = types.find(';', begin);
    if (end == std::string_view::npos) end = types.size();
    const std::string_view type = types.substr(begin, end - begin);
    const auto has = [&](std::string_view part) { return type.find(part) != type.npos; };
    sizes.push_back(has("64") || has("DOUBLE") ? 8
                    : has("BF16") || has("16") ? 2
                    : has("8") || has("BOOL")  ? 1
                                               : 4);
    begin = end + 1;
  }
  return sizes;
}

double numbers_of(const Shape& shape) {
  return shape.empty() ? 0 : std::accumulate(shape.begin(), shape.end(), 1.0, std::multiplies<>());
}

double bytes_of(const TableLine& line, std::string_view shapes, std::string_view types) {
  const std::vector<Shape> of = shapes_in(line.text(shapes));
  const std::vector<double> size = sizes_in(line.text(types));
  double bytes = 0;
  for (std::size_t i = 0; i < of.size() && i < size.size(); ++i) {
    bytes += numbers_of(of[i]) * size[i];
  }
  return bytes;
}

/// The layouts tell what a product is for: x W^T forward, dy W backward, dy^T x for the weights.
std::optional<workloads::Kernel> product_of(TableLine& line) {
  const auto in = shapes_in(line.text("Input Shapes")), out = shapes_in(line.text("Output Shapes"));
  if (in.size() < 2 || out.empty() || in[0].size() != 2 || in[1].size() != 2 ||
      out[0].size() != 2) {
    return std::nullopt;
  }
  const double m = out[0][0], n = out[0][1];
  const bool transposed = in[0][0] != m || (in[0][1] == m && in[1][0] == in[0][0] && in[1][0] != m);
  const double k = transposed ? in[0][0] : in[0][1];
  const auto format = number_format(line.text("Input Data Types"));
  if (!(m * n * k > 0)) return std::nullopt;
  const NumberFormat used = format.value_or(NumberFormat{});
  workloads::Kernel kernel = dense_product(used.precision, m, n, k, used.bytes);
  kernel.direction = transposed                                 ? Direction::wgrad
                     : in[1][0] == k && in[1][1] == n && k != n ? Direction::dgrad
                                                                : Direction::forward;
  return kernel;
}

/// q, k, v as [sequence, batch, heads x size]; the softmax's maxima tell the heads.
std::optional<workloads::Kernel> attention_of(TableLine& line, bool backward) {
  const auto in = shapes_in(line.text("Input Shapes")), out = shapes_in(line.text("Output Shapes"));
  if (in.size() < 3 || in[0].size() != 3 || in[1].size() != 3 || out.empty()) return std::nullopt;
  CacheAttention shape;
  shape.queries = in[0][0];
  shape.context = in[1][0];
  shape.batch = in[0][1];
  for (const auto* list : {&in, &out}) {
    for (const Shape& of : *list) {
      if (of.size() == 4 && of[0] == shape.batch && of[2] == shape.queries) shape.heads = of[1];
    }
  }
  if (!(shape.heads > 1 && shape.queries * shape.batch * shape.context > 0)) return std::nullopt;
  shape.qk = shape.v = in[0][2] / shape.heads;
  shape.caches = std::max(1.0, in[1][2] / shape.qk);
  shape.cached = 2 * shape.qk;
  workloads::Kernel kernel = attention(Family::attention, topology::Precision::bf16, shape);
  kernel.groups = 1;  // as planners give it
  if (backward) {
    kernel.direction = Direction::dgrad;
    kernel.flops *= 2.5;
    kernel.hbm_bytes *= 2.5;
  }
  return kernel;
}

/// Operators by a part of their type. Embeddings are left out: the table counts as an operand, of
/// which they touch little.
struct TypeOf {
  std::string_view part;
  Family family;
};

constexpr TypeOf kTypes[] = {
    {"RmsNorm", Family::norm},        {"LayerNorm", Family::norm},
    {"Cast", Family::cast},           {"Transpose", Family::transpose},
    {"ApplyAdam", Family::optimizer}, {"TensorMove", Family::copy},
    {"SwiGlu", Family::elementwise},  {"Rotary", Family::elementwise},
    {"Add", Family::elementwise},     {"Mul", Family::elementwise},
    {"Concat", Family::elementwise},  {"Slice", Family::elementwise},
    {"Reduce", Family::reduction},    {"Norm", Family::reduction},
    {"Softmax", Family::loss},
};

void read_profile(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const std::string_view type = line.text("Type");
  const auto holds = [&](std::string_view part) { return type.find(part) != type.npos; };
  const bool backward = holds("Grad");
  std::optional<workloads::Kernel> kernel;
  if (holds("MatMul")) {
    kernel = product_of(line);
  } else if (holds("FlashAttentionScore")) {
    kernel = attention_of(line, backward);
  } else {
    const auto* of = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const TypeOf& t) { return holds(t.part); });
    const double bytes = bytes_of(line, "Input Shapes", "Input Data Types") +
                         bytes_of(line, "Output Shapes", "Output Data Types");
    if (of == std::end(kTypes) || bytes <= 0) return;
    const auto shapes = shapes_in(line.text("Input Shapes"));
    const Shape& first = shapes.front();
    const double columns = first.empty() ? 1 : first.back();
    const double rows = std::max(1.0, numbers_of(first) / std::max(1.0, columns));
    kernel = streaming(of->family, rows, std::max(1.0, columns), 0);
    kernel->hbm_bytes = bytes * units::B;
    if (backward) kernel->direction = Direction::dgrad;
  }
  if (!kernel) return;
  out.push_back(kernel_row(*kernel, "", line.number("Duration(us)") * units::us,
                           line.key({"Type", "Input Shapes"})));
}

}  // namespace

const std::vector<TableLayout>& profile_layouts() {
  static const std::vector<TableLayout> layouts = {
      {"ascend_kernels",
       {"Type", "Accelerator Core", "Duration(us)", "Input Shapes", "Input Data Types",
        "Output Shapes", "Output Data Types"},
       read_profile},
  };
  return layouts;
}

}  // namespace aisle::sim
