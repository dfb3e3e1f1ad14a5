// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/plan.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The records of a normalised trace: what ran on devices and hosts, and what it worked on.
/// References between events are indices; kNone is "not known".
namespace aisle::workloads::traces {

using Index = std::int32_t;
inline constexpr Index kNone = -1;

/// Time or size that the format does not give.
inline constexpr std::int64_t kUnknown = -1;

/// What ran on a device.
enum class Activity : std::uint8_t { kernel, copy, fill, communication };
std::string_view to_string(Activity activity);

/// One execution on a device, in one stream. In the order of (rank, stream, start) after reading;
/// executions of one stream may overlap (programmatic dependent launch).
struct DeviceEvent {
  std::int64_t start_ns = kUnknown;     ///< since Trace::origin_ns
  std::int64_t duration_ns = kUnknown;  ///< 0 is a time: clocks of whole microseconds give it
  std::uint32_t name = 0;               ///< text, as the file has it
  Index rank = 0;                       ///< into Trace::ranks
  Index stream = kNone;                 ///< into Trace::streams
  Index launch = kNone;  ///< host call that launched it; one call may launch many (graphs)
  Index op = kNone;      ///< innermost operator around the launch
  /// Kernel: into Trace::launches. Copy, fill: into Trace::transfers. Communication: into
  /// Trace::collectives.
  Index detail = kNone;
  Activity activity = Activity::kernel;
};

/// How a kernel was launched. Stored once per distinct value.
struct LaunchShape {
  std::array<std::int32_t, 3> grid{}, block{};  ///< 0: not known
  std::int32_t registers = 0;                   ///< per thread
  std::int32_t shared_memory = 0;               ///< bytes per block
  friend bool operator==(const LaunchShape&, const LaunchShape&) = default;
};

enum class CopyKind : std::uint8_t { unknown, host_to_device, device_to_host, within, peer };

struct Transfer {
  std::int64_t bytes = kUnknown;
  CopyKind kind = CopyKind::unknown;
};

/// Members of a process group. `ranks` may be cut by the writer: then shorter than `size`.
struct Group {
  std::string name, description;  ///< "1", "default_pg"
  std::int32_t size = 0;          ///< 0: not known
  std::vector<std::int32_t> ranks;
};

struct CollectiveCall {
  CollectiveKind kind = CollectiveKind::all_reduce;
  bool kind_known = false;
  /// nccl-tests' size (Communication::bytes); kUnknown without metadata.
  std::int64_t bytes = kUnknown;
  std::int64_t bytes_in = kUnknown, bytes_out = kUnknown;
  Index group = kNone;            ///< into Trace::groups
  std::int32_t peer = kNone;      ///< send_recv: the other rank
  std::int64_t sequence = kNone;  ///< number within the group, where the file has one
  Index shape = kNone;            ///< how the kernel was launched, into Trace::launches
  std::vector<std::int64_t> split_in, split_out;  ///< all-to-all(v), elements; may be empty
  std::uint32_t dtype = 0;                        ///< text, as the file has it
  /// What the profiler counted on this rank's links, and, where it did, the text of the link that
  /// carried most ("HCCS", "RDMA").
  std::int64_t wire_bytes = kUnknown;
  std::uint32_t link = 0;
  /// Of its duration, as the profiler counted: data moved; waited for the other ranks.
  std::int64_t transit_ns = kUnknown, wait_ns = kUnknown;
};

/// A host call that starts device work, or waits for it.
struct HostCall {
  enum class Kind : std::uint8_t { launch, graph_launch, copy, wait, wait_event, record_event };
  std::int64_t start_ns = kUnknown, duration_ns = kUnknown;
  std::uint32_t name = 0;
  Index rank = 0, thread = kNone;  ///< thread: into Trace::threads
  Index op = kNone;
  Index stream = kNone;  ///< wait, wait_event: the stream that waits or is waited for, where known
  Kind kind = Kind::launch;
};

/// Operands of an operator. Stored once per distinct value.
struct Operands {
  struct Tensor {
    std::vector<std::int64_t> shape;
    std::string type;  ///< as the file has it: "c10::BFloat16", "DT_BF16"
    friend bool operator==(const Tensor&, const Tensor&) = default;
  };

  std::vector<Tensor> inputs, outputs;
  std::string values;  ///< "Concrete Inputs" and the like, as the file has them
  friend bool operator==(const Operands&, const Operands&) = default;
};

/// A framework's operator on the host.
struct Operator {
  std::int64_t start_ns = kUnknown, duration_ns = kUnknown;
  std::uint32_t name = 0;
  Index rank = 0, thread = kNone;
  Index parent = kNone;    ///< operator around it
  Index operands = kNone;  ///< into Trace::operands
};

/// A named span that a person or framework put there: steps, phases, layers.
struct Annotation {
  std::int64_t start_ns = kUnknown, duration_ns = kUnknown;
  std::uint32_t name = 0;
  Index rank = 0;
  Index thread = kNone;  ///< host span
  Index stream = kNone;  ///< device span
  bool step = false;     ///< ProfilerStep#N and its kin
};

/// `after` starts when `before` has ended (both device events), beside the order of their streams.
struct Dependency {
  Index before = kNone, after = kNone;
};

struct Stream {
  Index rank = 0;
  std::int32_t device = 0;
  std::int64_t number = 0;  ///< as the file has it
  std::string name;
};

struct Thread {
  Index rank = 0;
  std::string process, thread;  ///< as the file has them
};

}  // namespace aisle::workloads::traces
