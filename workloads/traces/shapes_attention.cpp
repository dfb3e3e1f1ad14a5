// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/shapes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace aisle::workloads::traces {

namespace {

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

/// [tokens, heads, size of a head] of a tensor, batches folded into the tokens.
struct Heads {
  double sequences = 1, length = 0;  ///< sequences of one length; 1: a stream of tokens
  std::int64_t heads = 0, size = 0;
};

std::optional<Heads> heads_of(const Tensor& tensor, std::string_view op) {
  const std::vector<std::int64_t>& s = tensor.shape;
  if (s.size() == 3) { return Heads{1, static_cast<double>(s[0]), s[1], s[2]}; }
  if (s.size() != 4) return std::nullopt;
  const bool heads_first = contains(op, "scaled_dot_product");
  return Heads{static_cast<double>(s[0]), static_cast<double>(heads_first ? s[2] : s[1]),
               heads_first ? s[1] : s[2], s[3]};
}

/// Whether the mask is causal: an argument where the operator has it, else the first truth value.
bool is_causal(std::string_view op, std::string_view values) {
  const std::vector<std::string_view> arguments = arguments_of(values);

  struct Place {
    std::string_view op;
    std::size_t at;
  };

  constexpr Place kPlaces[] = {{"aten::scaled_dot_product_attention", 5},
                               {"aten::_scaled_dot_product_flash_attention", 4},
                               {"aten::_scaled_dot_product_efficient_attention", 6},
                               {"aten::_scaled_dot_product_cudnn_attention", 6},
                               {"aten::_flash_attention_forward", 8}};
  for (const Place& place : kPlaces) {
    if (op == place.op && place.at < arguments.size()) return arguments[place.at] == "True";
  }
  const auto truth = std::find_if(arguments.begin(), arguments.end(), [](std::string_view text) {
    return text == "True" || text == "False";
  });
  return truth != arguments.end() && *truth == "True";
}

double pairs_of(const Batch::Part& part) {
  return part.queries_keys - part.queries_squared / 2;
}

void take_batch(const Batch& batch, AttentionWork& work) {
  work.queries = batch.context.queries + batch.generation.queries;
  work.keys = batch.context.keys + batch.generation.keys;
  work.pairs = pairs_of(batch.context) + pairs_of(batch.generation);
}

/// Lengths of packed sequences where all are equal: cumulated lengths have one number more than
/// there are sequences, and the longest length stands among the arguments.
std::optional<double> equal_length(const Operands& operands, double tokens) {
  for (const Tensor& tensor : operands.inputs) {
    if (tensor.shape.size() != 1 || tensor.shape[0] < 2) continue;
    const double size = size_of_type(tensor.type);
    if (size != 4 && size != 8) continue;
    const double length = tokens / static_cast<double>(tensor.shape[0] - 1);
    for (const std::string_view argument : arguments_of(operands.values)) {
      std::int64_t value = 0;
      const auto [end, failure] =
          std::from_chars(argument.data(), argument.data() + argument.size(), value);
      const bool whole = failure == std::errc() && end == argument.data() + argument.size();
      if (whole && static_cast<double>(value) == length) return length;
    }
  }
  return std::nullopt;
}

/// Ascend: q, k, v as [S, B, heads x size] or [B, S, heads x size]; the maxima of the softmax,
/// [B, heads, S, 8], tell the heads.
bool ascend(const Operands& operands, Kernel& kernel) {
  const auto lengths = [](const Tensor& t) { return t.shape.size() == 4 && t.shape[3] == 8; };
  const auto pick = [&](const std::vector<Tensor>& list) {
    const auto found = std::find_if(list.begin(), list.end(), lengths);
    return found == list.end() ? nullptr : &*found;
  };
  const Tensor* maxima = pick(operands.outputs);
  if (maxima == nullptr) maxima = pick(operands.inputs);
  if (maxima == nullptr || operands.inputs.size() < 2) return false;
  const Tensor& q = operands.inputs[0];
  const Tensor& k = operands.inputs[1];
  if (q.shape.size() != 3 || k.shape.size() != 3 || maxima->shape[1] < 1) return false;
  AttentionWork work;
  work.heads = maxima->shape[1];
  work.qk = work.v = q.shape[2] / work.heads;
  if (work.qk < 1) return false;
  work.kv_heads = std::max<std::int64_t>(1, k.shape[2] / work.qk);
  work.queries = static_cast<double>(q.shape[0]) * static_cast<double>(q.shape[1]);
  work.keys = static_cast<double>(k.shape[0]) * static_cast<double>(k.shape[1]);
  const auto sequences = static_cast<double>(maxima->shape[0]);
  work.pairs = work.queries * (work.keys / std::max(sequences, 1.0)) / 2;  // causal, as in training
  count_attention(kernel, work);
  return kernel.flops.si() > 0;
}

}  // namespace

bool attention_from_operands(const Around& around, Kernel& kernel) {
  if (around.operands == nullptr || !around.longest) return false;
  const Operands& operands = *around.operands;
  const bool backward = contains(around.op_name, "backward");
  const std::size_t first = backward ? 1 : 0;
  if (operands.inputs.size() < first + 3) return ascend(operands, kernel);
  const Tensor& query = operands.inputs[first];
  const auto q = heads_of(query, around.op_name);
  const auto k = heads_of(operands.inputs[first + 1], around.op_name);
  const auto v = heads_of(operands.inputs[first + 2], around.op_name);
  const bool fits =
      q && k && v && q->size == k->size && k->heads > 0 && v->size > 0 && q->heads % k->heads == 0;
  if (!fits) return ascend(operands, kernel);
  AttentionWork work;
  work.heads = q->heads;
  work.kv_heads = k->heads;
  work.qk = q->size;
  work.v = v->size;
  work.operand = std::max(size_of_type(query.type), 1.0);
  work.queries = q->sequences * q->length;
  work.keys = k->sequences * k->length;
  if (around.batch != nullptr) {
    take_batch(*around.batch, work);
  } else {
    double length = q->length, keys = k->length;
    if (query.shape.size() == 3) {
      const auto equal = equal_length(operands, work.queries);
      if (!equal || work.keys != work.queries) return false;
      length = keys = *equal;
    }
    // A causal query sees the keys before it: half of the square at the end of the keys.
    const bool causal = is_causal(around.op_name, operands.values);
    work.pairs = work.queries * (causal ? keys - std::min(length, keys) / 2 : keys);
  }
  count_attention(kernel, work);
  return kernel.flops.si() > 0 && std::isfinite(kernel.flops.si());
}

}  // namespace aisle::workloads::traces
