// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/assemble.hpp"
#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aisle::workloads::traces {

/// One node of a Chakra execution trace, whatever wrote it.
struct ChakraNode {
  enum class Kind : std::uint8_t {
    invalid,
    metadata,
    load,
    store,
    compute,
    send,
    receive,
    collective
  };

  struct Values {
    std::string values, shapes, types;  ///< list literals of Python or JSON
  };

  std::uint64_t id = 0;
  std::string name;
  Kind kind = Kind::invalid;
  std::vector<std::uint64_t> control, data;           ///< ids of nodes that end before
  std::int64_t start_us = 0, duration_us = 0;         ///< 0 or absent: the file cannot tell which
  std::optional<std::int64_t> start_ns, duration_ns;  ///< Aisle's own, exact
  Values inputs, outputs;
  std::optional<std::int64_t> cpu_op, operations, tensor_bytes, comm_type, comm_bytes, source,
      destination, stream, thread;
  std::string group, thread_name;

  /// Keeps an attribute that is of use, by its name.
  void set(std::string_view attribute, std::optional<std::int64_t> integer, std::string_view text);
};

/// The number of a rank in names like "prefix.3.et" and "prefix.3.json.gz"; kNone without one.
std::int32_t rank_in_name(std::string_view file);

/// Puts the nodes of one rank into a trace.
class ChakraGraph {
 public:
  ChakraGraph(Trace& trace, const Source& source, Format format);

  /// Counts the node and takes it over.
  void add(const ChakraNode& node);

  /// Resolves references between nodes, once all are there.
  void finish(const Source& source, Diagnostics& diagnostics);

 private:
  struct Place {
    Index device = kNone, op = kNone;
  };

  struct Reference {
    Index after;
    std::uint64_t before;
    bool from_operator;
  };

  Place take(const ChakraNode& node);
  Index add_operator(const ChakraNode& node);
  Index add_device(const ChakraNode& node);
  void communicate(const ChakraNode& node, DeviceEvent& event);
  void refer(const ChakraNode& node, const Place& place);
  std::int64_t time_ns(std::int64_t us) const;

  Trace& trace_;
  Assembler assembler_;
  Index rank_;
  std::unordered_map<std::uint64_t, Place> places_;
  std::vector<Reference> references_;
  bool any_duration_ = false;
  std::int64_t twice_ = 0, unmodelled_ = 0;
};

}  // namespace aisle::workloads::traces
