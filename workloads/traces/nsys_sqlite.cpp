// SPDX-License-Identifier: Apache-2.0
// SQLite export of Nsight Systems, any schema version: tables and columns are taken by name.
#include "workloads/traces/assemble.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/nsys_database.hpp"
#include "workloads/traces/nsys_host.hpp"
#include "workloads/traces/table_rows.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace aisle::workloads::traces {
namespace {

constexpr const char* kKernels = "CUPTI_ACTIVITY_KIND_KERNEL";
constexpr const char* kCopies = "CUPTI_ACTIVITY_KIND_MEMCPY";
constexpr const char* kFills = "CUPTI_ACTIVITY_KIND_MEMSET";
constexpr const char* kGraphs = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE";
constexpr const char* kSyncs = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION";
constexpr const char* kCalls = "CUPTI_ACTIVITY_KIND_RUNTIME";
constexpr const char* kRanges = "NVTX_EVENTS";

struct CopyName {
  CopyKind kind;
  const char* name;  // as nsys stats prints it
};

/// ENUM_CUDA_MEMCPY_OPER.
CopyName copy_of(std::int64_t kind) {
  switch (kind) {
    case 1:
    case 11:
      return {CopyKind::host_to_device, "[CUDA memcpy Host-to-Device]"};
    case 2:
    case 12:
      return {CopyKind::device_to_host, "[CUDA memcpy Device-to-Host]"};
    case 8:
    case 13:
      return {CopyKind::within, "[CUDA memcpy Device-to-Device]"};
    case 10:
      return {CopyKind::peer, "[CUDA memcpy Peer-to-Peer]"};
    default:
      return {CopyKind::unknown, "[CUDA memcpy]"};
  }
}

class NsysImport {
 public:
  NsysImport(NsysDatabase& db, const Source& source, Trace& trace, Diagnostics& diagnostics)
      : db_(db),
        source_(source),
        trace_(trace),
        diagnostics_(diagnostics),
        assembler_(trace),
        host_(db, trace, assembler_, ranks_of_process_) {}

  void run() {
    read_origin();
    find_ranks();
    describe_devices();
    host_.read_calls(by_process_);
    host_.read_ranges();
    host_.nest();
    read_kernels();
    read_copies();
    read_fills();
    read_graphs();
    read_waits();
    for (DeviceEvent& event : trace_.device) adopt(event);
    count_others();
  }

 private:
  void read_origin() {
    auto start = db_.select("TARGET_INFO_SESSION_START_TIME", {"utcEpochNs"});
    if (start.next()) trace_.origin_ns = std::max<std::int64_t>(start.integer(0), 0);
  }

  /// One rank per process and device, in the order of devices.
  void find_ranks() {
    std::set<std::pair<std::int32_t, std::int64_t>> found;
    for (const char* table : {kKernels, kCopies, kFills, kGraphs}) {
      const std::vector<std::string> columns = db_.columns(table);
      if (columns.empty()) continue;
      by_process_ = std::find(columns.begin(), columns.end(), "globalPid") != columns.end();
      auto rows = db_.select(table, {"deviceId", "globalPid"});
      while (rows.next() && found.size() < kMostRanks) {
        found.emplace(small(rows.integer(0)), by_process_ ? rows.integer(1) : 0);
      }
    }
    if (found.empty()) add_rank(trace_, source_, Format::nsys_sqlite);  // of the host alone
    for (const auto& [device, process] : found) {
      const Index rank = add_rank(trace_, source_, Format::nsys_sqlite);
      ranks_[{process, device}] = rank;
      ranks_of_process_.try_emplace(process, rank);
    }
  }

  void describe_devices() {
    for (const char* table : {"TARGET_INFO_GPU", "TARGET_INFO_CUDA_GPU"}) {
      auto rows = db_.select(table, {"cuDevice", "id", "name", "smCount", "totalMemory"});
      while (rows.next()) {
        const std::int32_t device = small(rows.integer(0, rows.integer(1)));
        for (const auto& [key, rank] : ranks_) {
          if (key.second != device) continue;
          Rank& known = trace_.ranks[static_cast<std::size_t>(rank)];
          known.device = rows.text(2);
          known.cores = small(rows.integer(3));
          known.memory_bytes = std::max<std::int64_t>(rows.integer(4), 0);
        }
      }
    }
  }

  /// What all tables of device work share, in the first six columns of a selection.
  static std::vector<std::string> device_columns(std::vector<std::string> further) {
    std::vector<std::string> out = {"start",    "end",           "deviceId",
                                    "streamId", "correlationId", "globalPid"};
    out.insert(out.end(), further.begin(), further.end());
    return out;
  }

  /// Counts the row; an event without name and detail, or nothing for one that cannot be used.
  std::optional<DeviceEvent> event_of(const NsysDatabase::Rows& row) {
    ++trace_.accounting.events;
    const std::int64_t process = by_process_ ? row.integer(5) : 0;
    const std::int32_t device = small(row.integer(2));
    const auto rank = ranks_.find({process, device});
    DeviceEvent event;
    event.start_ns = row.integer(0);
    event.duration_ns = span_ns(event.start_ns, row.integer(1));
    if (row.is_null(0) || row.is_null(1) || event.duration_ns == kUnknown || rank == ranks_.end()) {
      trace_.accounting.lose("device row without start and end", Severity::warning, Fault::file,
                             "the recording stopped in between, or the export is damaged");
      return std::nullopt;
    }
    event.rank = rank->second;
    event.stream = assembler_.stream(event.rank, device, row.integer(3));
    event.launch = host_.call_of(process, row.integer(4, -1));
    ++trace_.accounting.imported;
    return event;
  }

  std::uint32_t name_of(const NsysDatabase::Rows& row, int first, int second, int third) {
    for (const int column : {first, second, third}) {
      if (row.is_null(column)) continue;
      const std::string name = db_.string(row.integer(column));
      if (!name.empty()) return trace_.texts.id(name);
    }
    return trace_.texts.id("unnamed kernel");
  }

  void read_kernels() {
    auto rows = db_.select(
        kKernels, device_columns({"demangledName", "shortName", "mangledName", "gridX", "gridY",
                                  "gridZ", "blockX", "blockY", "blockZ", "registersPerThread",
                                  "staticSharedMemory", "dynamicSharedMemory"}));
    while (rows.next()) {
      auto event = event_of(rows);
      if (!event) continue;
      event->name = name_of(rows, 6, 7, 8);
      LaunchShape shape;
      for (int i = 0; i < 3; ++i) {
        shape.grid[static_cast<std::size_t>(i)] = small(rows.integer(9 + i));
        shape.block[static_cast<std::size_t>(i)] = small(rows.integer(12 + i));
      }
      shape.registers = small(rows.integer(15));
      shape.shared_memory = small(sum(rows.integer(16), rows.integer(17)));
      event->detail = assembler_.launch(shape);
      if (event->launch != kNone && assembler_.class_of(event->name).communication) {
        communicate(*event);
      }
      trace_.device.push_back(*event);
    }
  }

  /// What NCCL's ranges say goes before what the name says.
  void communicate(DeviceEvent& event) {
    auto call = host_.communication_of(event.launch);
    if (!call) return;
    call->shape = event.detail;
    event.activity = Activity::communication;
    event.detail = assembler_.collective(std::move(*call));
  }

  void read_copies() {
    auto rows = db_.select(kCopies, device_columns({"bytes", "copyKind"}));
    while (rows.next()) {
      auto event = event_of(rows);
      if (!event) continue;
      const CopyName copy = copy_of(rows.integer(7));
      event->name = trace_.texts.id(copy.name);
      event->activity = Activity::copy;
      event->detail = assembler_.transfer({rows.integer(6, kUnknown), copy.kind});
      trace_.device.push_back(*event);
    }
  }

  void read_fills() {
    auto rows = db_.select(kFills, device_columns({"bytes"}));
    while (rows.next()) {
      auto event = event_of(rows);
      if (!event) continue;
      event->name = trace_.texts.id("[CUDA memset]");
      event->activity = Activity::fill;
      event->detail = assembler_.transfer({rows.integer(6, kUnknown), CopyKind::within});
      trace_.device.push_back(*event);
    }
  }

  /// A graph that was recorded as a whole: one row for all its kernels.
  void read_graphs() {
    auto rows = db_.select(kGraphs, device_columns({}));
    std::int64_t graphs = 0;
    while (rows.next()) {
      auto event = event_of(rows);
      if (!event) continue;
      ++graphs;
      event->name = trace_.texts.id("CUDA graph");
      trace_.device.push_back(*event);
    }
    if (graphs == 0) return;
    diagnostics_.warning({source_.name(), 0, 0}, kGraphs,
                         "CUDA graphs were recorded whole, without their kernels",
                         "record with nsys profile --cuda-graph-trace=node");
  }

  /// Waits are rows beside the calls that wait: they add the stream.
  void read_waits() {
    auto rows = db_.select(kSyncs, device_columns({}));
    while (rows.next()) {
      ++trace_.accounting.events;
      const std::int64_t process = by_process_ ? rows.integer(5) : 0;
      const Index call = host_.call_of(process, rows.integer(4, -1));
      if (call == kNone) {
        trace_.accounting.lose("wait without its host call", Severity::note, Fault::none, "");
        continue;
      }
      // The device of these rows is the current one of the thread, not always that of the stream.
      const std::int32_t device = small(rows.integer(2));
      const auto exact = ranks_.find({process, device});
      HostCall& waiting = trace_.calls[static_cast<std::size_t>(call)];
      const Index rank = exact == ranks_.end() ? waiting.rank : exact->second;
      waiting.stream = stream_of(rank, device, rows.integer(3));
      ++trace_.accounting.imported;
    }
  }

  Index stream_of(Index rank, std::int32_t otherwise, std::int64_t number) {
    for (const auto& [key, known] : ranks_) {
      if (known == rank) return assembler_.stream(rank, key.second, number);
    }
    return assembler_.stream(rank, otherwise, number);
  }

  /// The call of an event belongs to the event's rank, the event to the call's operator.
  void adopt(DeviceEvent& event) {
    if (event.launch == kNone) return;
    HostCall& call = trace_.calls[static_cast<std::size_t>(event.launch)];
    event.op = call.op;
    call.rank = event.rank;
  }

  /// Every further table with times is counted.
  void count_others() {
    const std::set<std::string> read = {kKernels, kCopies, kFills, kGraphs,
                                        kSyncs,   kCalls,  kRanges};
    for (const std::string& table : db_.tables()) {
      if (read.contains(table) || table == "ANALYSIS_DETAILS" || table.starts_with("TARGET_INFO")) {
        continue;
      }
      const std::vector<std::string> columns = db_.columns(table);
      const bool events = std::any_of(columns.begin(), columns.end(), [](const std::string& name) {
        return name == "start" || name == "timestamp" || name == "rawTimestamp";
      });
      if (!events) continue;
      const std::int64_t count = db_.count(table);
      if (count == 0) continue;
      trace_.accounting.events += count;
      trace_.accounting.lose("row of table " + table, Severity::note, Fault::aisle, "", count);
    }
  }

  static constexpr std::size_t kMostRanks = 4096;

  NsysDatabase& db_;
  const Source& source_;
  Trace& trace_;
  Diagnostics& diagnostics_;
  Assembler assembler_;
  bool by_process_ = true;
  std::map<std::pair<std::int64_t, std::int32_t>, Index> ranks_;  // by process and device
  std::map<std::int64_t, Index> ranks_of_process_;
  NsysHost host_;
};

}  // namespace

bool is_nsys_sqlite(std::string_view head) {
  return head.starts_with(std::string_view("SQLite format 3\0", 16));
}

bool import_nsys_sqlite(Source& source, Trace& trace, Diagnostics& diagnostics) {
  auto db = NsysDatabase::open(source, diagnostics);
  if (!db) return false;
  const bool report = db->has("StringIds") || db->has(kKernels) || db->has(kRanges);
  if (!report) {
    diagnostics.error({source.name(), 0, 0}, "StringIds",
                      "this SQLite database is no export of Nsight Systems",
                      "export the report with nsys export --type sqlite");
    return false;
  }
  NsysImport(*db, source, trace, diagnostics).run();
  warn_if_broken(source, trace, diagnostics);
  return true;
}

}  // namespace aisle::workloads::traces
