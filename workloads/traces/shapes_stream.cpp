// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/shapes.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads::traces {

namespace {

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

const Tensor* largest(const std::vector<Tensor>& tensors) {
  const auto found =
      std::max_element(tensors.begin(), tensors.end(),
                       [](const Tensor& a, const Tensor& b) { return numbers(a) < numbers(b); });
  return found == tensors.end() || numbers(*found) < 1 ? nullptr : &*found;
}

double total(const std::vector<Tensor>& tensors) {
  double sum = 0;
  for (const Tensor& tensor : tensors) sum += bytes_of(tensor);
  return sum;
}

/// What an ATen operator reads and writes. Its result is not recorded: in place, or as long as its
/// longest operand.
double aten_bytes(std::string_view op, const Operands& operands, const Tensor& longest) {
  const std::vector<Tensor>& in = operands.inputs;
  if (op == "aten::fill_" || op == "aten::zero_") return bytes_of(in[0]);
  // How many rows an index list picks is not recorded.
  if (op.starts_with("aten::index") && !contains(op, "index_select")) return 0;
  if (op.starts_with("aten::_index")) return 0;
  if (op == "aten::copy_" && in.size() > 1) return bytes_of(in[0]) + bytes_of(in[1]);
  if (contains(op, "embedding") || contains(op, "index_select") || contains(op, "gather")) {
    // Rows are picked from a table: read and written once each, with their numbers.
    double picked = 0, row = 1;
    for (const Tensor& tensor : in) {
      if (tensor.shape.size() >= 2 && size_of_type(tensor.type) <= 4) {
        row = static_cast<double>(tensor.shape.back());
      } else {
        picked = std::max(picked, numbers(tensor));
      }
    }
    if (picked < 1) return 0;
    if (contains(op, "gather") && in.size() > 1 && numbers(in.back()) > picked / 2) row = 1;
    return 2 * picked * row * size_of_type(in[0].type);
  }
  constexpr std::string_view kReductions[] = {
      "aten::sum",  "aten::mean", "aten::max", "aten::min",  "aten::argmax",
      "aten::norm", "aten::any",  "aten::all", "aten::topk", "aten::var"};
  const bool reduces =
      std::find(std::begin(kReductions), std::end(kReductions), op) != std::end(kReductions);
  if (reduces) return bytes_of(in[0]);
  const bool in_place = op.ends_with('_');
  constexpr std::string_view kTruths[] = {"aten::eq", "aten::ne", "aten::lt",         "aten::gt",
                                          "aten::le", "aten::ge", "aten::logical_not"};
  const bool truth = std::find(std::begin(kTruths), std::end(kTruths), op) != std::end(kTruths);
  const double written = in_place ? bytes_of(in[0]) : truth ? numbers(longest) : bytes_of(longest);
  return total(in) + written;
}

/// The tensor whose edges are the kernel's: tables and caches are longer than what is done.
const Tensor* worked_on(bool aten, const std::vector<Tensor>& in, const Tensor* longest) {
  if (aten) return longest;
  const auto first = std::find_if(in.begin(), in.end(), [](const Tensor& tensor) {
    return tensor.shape.size() >= 2 && numbers(tensor) >= 1;
  });
  return first == in.end() ? longest : &*first;
}

/// A custom operator's operands hold its results too; tables and caches, whose first edge is not
/// that of the tokens, are hardly touched.
double custom_bytes(std::string_view op, const std::vector<Tensor>& in) {
  const bool caches = contains(op, "cache");
  const auto first = std::find_if(in.begin(), in.end(),
                                  [](const Tensor& tensor) { return tensor.shape.size() >= 2; });
  if (first == in.end()) return total(in);
  const std::int64_t tokens = first->shape[0];
  double sum = 0;
  for (const Tensor& tensor : in) {
    if (!tensor.shape.empty() && tensor.shape[0] == tokens) sum += bytes_of(tensor);
  }
  const bool in_place = contains(op, "rotary") || contains(op, "fused_add");
  return caches || in_place ? 2 * sum : sum;
}

bool composite(std::string_view op) {
  constexpr std::string_view kWords[] = {
      "moe_forward", "attention", "autograd::",    "Backward", "Optimizer",
      "Compiled",    "moe_",      "fused_experts", "linear",   "record_param"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return contains(op, word); });
}

}  // namespace

bool stream_from_operands(const Around& around, std::string_view kernel_name, Kernel& kernel) {
  if (around.operands == nullptr || !around.longest) return false;
  const Operands& operands = *around.operands;
  const Tensor* longest = largest(operands.inputs);
  if (longest == nullptr) return false;
  const bool aten = around.op_name.starts_with("aten::");
  const bool compiled = around.op_name == kernel_name;
  double bytes = 0;
  if (!operands.outputs.empty()) {
    bytes = total(operands.inputs) + total(operands.outputs);
  } else if (compiled) {
    bytes = total(operands.inputs);
  } else if (aten) {
    bytes = aten_bytes(around.op_name, operands, *longest);
  } else if (contains(around.op_name, "::") && !composite(around.op_name)) {
    bytes = custom_bytes(around.op_name, operands.inputs);
  }
  const Tensor* edges = worked_on(aten || compiled, operands.inputs, longest);
  const double columns = static_cast<double>(edges->shape.back());
  const double rows = numbers(*edges) / columns;
  if (!(bytes >= 1) || !std::isfinite(bytes) || !(rows >= 1) || rows > 1e15) return false;
  kernel.m = static_cast<std::int64_t>(rows);
  kernel.n = edges->shape.back();
  kernel.hbm_bytes = bytes * units::B;
  return true;
}

}  // namespace aisle::workloads::traces
