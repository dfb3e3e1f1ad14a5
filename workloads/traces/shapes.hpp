// SPDX-License-Identifier: Apache-2.0
// Internal to workloads/traces: shapes of kernels from what stands around them.
#pragma once

#include "workloads/traces/describe.hpp"
#include "workloads/traces/trace.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace aisle::workloads::traces {

using Tensor = Operands::Tensor;

/// Bytes of one number of a framework's type ("c10::BFloat16", "DT_FLOAT16", "long int"); 0: not
/// known, or no tensor.
double size_of_type(std::string_view type);
std::optional<topology::Precision> precision_of_type(std::string_view type);
double numbers(const Tensor& tensor);
double bytes_of(const Tensor& tensor);
bool is_matrix_family(Family family);
bool is_attention_family(Family family);

/// "Concrete Inputs" and the like, one text per argument.
std::vector<std::string_view> arguments_of(std::string_view values);

/// FLOPs and minimal HBM bytes as workloads/parallel/kernel_list.cpp counts them: A[m,k] and
/// `weights` numbers of B of `operand` bytes each, `output` bytes for each number of C, and
/// `extra` bytes (scales).
void count_matrix(Kernel& kernel, double weights, double operand, double output, double extra = 0);

/// What an attention kernel works on, summed over its sequences.
struct AttentionWork {
  double queries = 0, keys = 0;  ///< tokens
  double pairs = 0;              ///< of a query and a key that it sees
  std::int64_t heads = 0, kv_heads = 0, qk = 0, v = 0;
  double operand = 2;  ///< bytes of a number
};

void count_attention(Kernel& kernel, const AttentionWork& work);

/// The batch that vLLM and SGLang write into annotations:
/// execute_<tokens>_context_<n>(sq..sk..sqsq..sqsk..)_generation_<n>(...), or the short form
/// execute_context_<n>(<sum of q>_<sum of q squared>)_generation_<n>(<sum of keys>).
struct Batch {
  struct Part {
    double requests = 0, queries = 0, keys = 0, queries_squared = 0, queries_keys = 0;
  };

  Part context, generation;
};

std::optional<Batch> parse_batch(std::string_view annotation);

/// What is known of a launch beside the kernel itself.
struct Around {
  const Operator* op = nullptr;
  std::string_view op_name;
  const Operands* operands = nullptr;
  const Batch* batch = nullptr;
  int ordinal = 0;       ///< among the kernels of its family that the operator launched
  bool longest = false;  ///< of those
};

/// Each fills in shape, FLOPs and bytes of `kernel` (whose family stands) and returns true, or
/// leaves it alone.
bool matrix_from_operands(const Around& around, Kernel& kernel);
bool grouped_from_operands(const Around& around, Kernel& kernel);
bool convolution_from_operands(const Around& around, Kernel& kernel);
bool attention_from_operands(const Around& around, Kernel& kernel);
bool stream_from_operands(const Around& around, std::string_view kernel_name, Kernel& kernel);
bool shape_from_grid(std::string_view name, const LaunchShape& shape, Kernel& kernel);

/// Shapes of products and attention that have none yet, from the model that ran: the sequence of
/// kernels as launched is matched with the phases of its layers (forward, backward, weight
/// gradients), which fit by family, order, number format and equal rates. Assumes that one rank
/// holds whole layers (no tensor parallelism) and one causal sequence per micro-batch; tokens come
/// from the grids of casts and attention. Nothing where those do not agree.
void shapes_from_model(const Trace& trace, const ModelGraph& model, std::vector<Described>& out);

}  // namespace aisle::workloads::traces
