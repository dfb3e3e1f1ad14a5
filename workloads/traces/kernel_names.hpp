// SPDX-License-Identifier: Apache-2.0
// Internal to workloads/traces: the table of names behind classify().
#pragma once

#include "topology/cluster.hpp"
#include "workloads/plan.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace aisle::workloads::traces {

/// Patterns are those of KernelName::has; of each table the first row that matches decides, so
/// what is particular stands before what is general. Communication comes first.
struct CommunicationName {
  std::string_view pattern, library;
  std::optional<CollectiveKind> kind;  ///< none: only the metadata can tell
  bool rendezvous = false;             ///< waits for others and moves nothing to speak of
  bool certain = true;                 ///< false: the kind is the likeliest, metadata may differ
};

struct ComputeName {
  std::string_view pattern;
  Family family;
  std::string_view library;
  std::optional<topology::Precision> precision = {};  ///< none: by the types in the name
  std::optional<Direction> direction = {};            ///< none: by backward_words()
};

std::span<const CommunicationName> communication_names();
/// Kernels of libraries made for models: experts, attention, norms, products, convolutions.
std::span<const ComputeName> library_names();
/// What frameworks and compilers make: ATen, Triton, XLA, Ascend's vector operators. After those.
std::span<const ComputeName> framework_names();

/// A name with one of these belongs to the backward pass.
std::span<const std::string_view> backward_words();

}  // namespace aisle::workloads::traces
