// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/classify.hpp"
#include "workloads/traces/trace_events.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

/// The normalised form of a recorded trace: what every importer makes and all that follows reads.
namespace aisle::workloads::traces {

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

/// Work of one launch: counted by hardware (Nsight Compute, whose times are at locked clocks and
/// not comparable) or declared (Chakra's num_ops and tensor_size).
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
