// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What a configuration leaves to the code of its architecture. Used by workloads/models alone.
namespace aisle::workloads {

enum class Biases { none, qkv, all };
enum class QkNorm { none, per_head, whole };

/// What is assumed where a configuration does not say it.
struct Architecture {
  std::string_view type;  ///< `model_type`, or the class name in lower case without its task
  bool gated = true;
  bool tied = false;
  Biases attention_bias = Biases::none;
  bool feed_forward_bias = false;
  bool layer_norm = false;  ///< norms have a bias too
  int norms = 2;            ///< per layer, beside those of queries and keys
  QkNorm qk_norm = QkNorm::none;
  bool parallel_block = false;
  int learned_positions = -1;  ///< rows beyond the context length; -1: none are learned
  int ffn_multiple = 0;   ///< width of the feed-forward block in hidden sizes; 0: must be given
  int window_period = 0;  ///< of the layers with a window, every so many attends globally
  int shared_experts = 0;
};

struct ArchitectureDefault {
  std::string_view type, field;
  double value;
};

/// The architecture of that name, or nullptr.
const Architecture* find_architecture(std::string_view type);
std::vector<std::string> architecture_names();
/// Value that an architecture's code gives to a field which published configurations leave out, or
/// nullptr.
const ArchitectureDefault* find_default(std::string_view type, std::string_view field);

}  // namespace aisle::workloads
