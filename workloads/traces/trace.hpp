// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/classify.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

/// The normalised form of a recorded trace: what every importer makes and all that follows reads.
/// References between events are indices; kNone is "not known".
namespace aisle::workloads::traces {

using Index = std::int32_t;
inline constexpr Index kNone = -1;

/// Time or size that the format does not give.
inline constexpr std::int64_t kUnknown = -1;

enum class Format : std::uint8_t {
  normalised,
  kineto,              ///< PyTorch profiler, Chrome JSON
  chakra,              ///< mlcommons execution trace, protobuf
  chakra_json,         ///< the same as JSON
  pytorch_et,          ///< PyTorch host execution trace, no times
  nsys_sqlite,         ///< Nsight Systems export
  nsys_kernel_sum,     ///< `nsys stats` cuda_gpu_kern_sum
  nsys_gpu_trace,      ///< `nsys stats` cuda_gpu_trace
  ncu,                 ///< Nsight Compute CSV, details or raw page
  ascend_kernels,      ///< kernel_details.csv, op_summary
  ascend_operators,    ///< op_statistic.csv
  ascend_collectives,  ///< communication.json, communication_matrix.json
  ascend_steps,        ///< step_trace_time.csv
  ascend_trace_view,   ///< trace_view.json
  jax_nvtx,            ///< NVTX ranges projected on the GPU
};
std::string_view to_string(Format format);

/// Texts, each stored once.
class Texts {
 public:
  std::uint32_t id(std::string_view text);

  const std::string& operator[](std::uint32_t id) const { return texts_[id]; }

  std::size_t size() const { return texts_.size(); }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t id_plus_1 = 0;  // 0: free
  };

  void grow();

  std::deque<std::string> texts_;  // addresses stay
  std::vector<Slot> slots_;        // open addressing, a power of two
};

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

/// One process of the job, with its device.
struct Rank {
  std::int32_t number = kNone;  ///< in the job; files that do not say are numbered in order
  std::int32_t world = 0;       ///< ranks of the job; 0: not known
  std::string file;
  Format format = Format::kineto;
  std::string device;               ///< as the file has it: "NVIDIA H800"
  std::int32_t cores = 0;           ///< SMs, CUs; 0: not known
  std::int64_t memory_bytes = 0;    ///< 0: not known
  std::int64_t clock_shift_ns = 0;  ///< added to its times to bring it into line with rank 0
  double clock_error_ns = 0;  ///< spread of the matching collectives after that; 0: not aligned
};

enum class Fault : std::uint8_t { none, file, aisle };  ///< whose: nobody's, the writer's, ours

/// Records of one kind that were not used, and why.
struct Unused {
  std::string name;  ///< "counter 'HBM'", "host call without device work"
  std::int64_t count = 0;
  Severity severity = Severity::note;
  Fault fault = Fault::none;
  std::string advice;  ///< what to do; may be empty
};

/// Every record of the input is either imported or counted as unused: events == imported + sum of
/// unused.
struct Accounting {
  std::int64_t events = 0, imported = 0;
  std::vector<Unused> unused;

  void lose(std::string_view name, Severity severity, Fault fault, std::string_view advice,
            std::int64_t count = 1);
};

/// Totals of a kernel over a run, where the format gives no single executions (`nsys stats`,
/// op_statistic).
struct KernelTotal {
  std::uint32_t name = 0;
  std::int64_t count = 0, total_ns = 0, median_ns = kUnknown, min_ns = kUnknown, max_ns = kUnknown;
};

/// Work of one launch: counted by hardware (Nsight Compute, whose times are at locked clocks and not
/// comparable) or declared (Chakra's num_ops and tensor_size).
struct Counters {
  Index event = kNone;  ///< the launch, in Trace::device
  double dram_bytes = kUnknown, flops = kUnknown, tensor_share = kUnknown;
};

struct Trace {
  std::int64_t origin_ns = 0;  ///< Unix time of 0, where the format knows it
  Texts texts;
  std::vector<Rank> ranks;
  std::vector<Stream> streams;
  std::vector<Thread> threads;
  std::vector<Group> groups;
  std::vector<DeviceEvent> device;
  std::vector<LaunchShape> launches;
  std::vector<Transfer> transfers;
  std::vector<CollectiveCall> collectives;
  std::vector<HostCall> calls;
  std::vector<Operator> operators;
  std::vector<Operands> operands;
  std::vector<Annotation> annotations;
  std::vector<Dependency> dependencies;
  std::vector<KernelTotal> totals;
  std::vector<Counters> counters;
  std::vector<KernelClass> classes;  ///< [texts]: of device events' names; filled after reading
  Accounting accounting;

  const std::string& name_of(const DeviceEvent& event) const { return texts[event.name]; }

  const KernelClass& class_of(const DeviceEvent& event) const { return classes[event.name]; }
};

}  // namespace aisle::workloads::traces
