// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "workloads/traces/describe.hpp"
#include "workloads/traces/trace.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::workloads::traces {

/// Time on devices by family of kernels; communication apart, and kernels that only wait for other
/// ranks apart from those.
struct FamilyTime {
  std::string_view family;  ///< of Family, or "communication", "communication_wait", "unknown"
  std::int64_t count = 0;
  Seconds time;
};

/// Executions of one name.
struct NameTime {
  std::string_view name, family, library;
  std::int64_t count = 0;
  Seconds time;  ///< in all
};

/// Calls of one collective with one size in one group. Calls include waiting for other members:
/// the fastest comes nearest to the transfer.
struct CollectiveTime {
  std::string_view kind, library;  ///< kind: of CollectiveKind, or "unknown"
  std::string group;               ///< its description or name; may be empty
  std::int32_t members = 0;        ///< 0: not known
  std::int64_t bytes = kUnknown;   ///< nccl-tests' size
  std::int64_t count = 0;
  Seconds time, median, fastest;
  std::optional<BytesPerSecond> bus;  ///< nccl-tests' bus bandwidth of the fastest
};

/// How one device spent the recorded time.
struct DeviceTime {
  Index rank = 0;
  std::int32_t device = 0;
  std::int64_t events = 0;
  Seconds span;                    ///< first start to last end
  Seconds busy;                    ///< anything at all runs
  Seconds compute;                 ///< kernels other than communication run
  Seconds communication, waiting;  ///< communication runs; of it only kernels that wait for others
  Seconds exposed;                 ///< communication runs, and no other kernel
  Seconds idle;
  /// Of the idle time, that before a kernel which the host launched only then; nothing where no
  /// launches are recorded.
  std::optional<Seconds> late_launches;
  /// From the end of a kernel to the start of the next one of its stream, where that was already
  /// launched; median.
  std::optional<Seconds> launch_gap;
  std::int64_t queued = 0;  ///< kernels behind that median
};

/// A step, or spans of one name.
struct SpanTime {
  std::string_view name;
  Index rank = 0;
  std::int64_t count = 0;
  Seconds time;  ///< in all
};

struct ShapeTime {
  ShapeFrom from = ShapeFrom::none;
  std::int64_t count = 0;
  Seconds time;
};

/// What `aisle inspect` shows. Views into the trace, which must outlive it; lists are sorted by
/// time, the longest first, steps by their start.
struct Summary {
  std::optional<Seconds> span;  ///< first to last moment of all ranks; nothing without times
  Seconds kernels;              ///< of all kernels and communication, added up
  std::vector<DeviceTime> devices;
  std::vector<FamilyTime> families;
  std::vector<NameTime> names;
  std::vector<CollectiveTime> collectives;
  std::vector<SpanTime> steps, annotations, operators;  ///< operators: of traces of the host alone
  std::vector<ShapeTime> shapes;
};

Summary summarise(const Trace& trace, const std::vector<Described>& described);

}  // namespace aisle::workloads::traces
