// SPDX-License-Identifier: Apache-2.0
// NVTX ranges of JAX projected on the GPU: one XLA thunk per row.
#include "workloads/traces/assemble.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/table_rows.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace aisle::workloads::traces {
namespace {

using Column = TableRows::Column;

/// The value of a key in "TSL:Thunk:#name=...,hlo_op=fusion.3#".
std::string_view field(std::string_view name, std::string_view key) {
  const std::size_t at = name.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + key.size();
  return name.substr(from, name.find_first_of(",#", from) - from);
}

/// "dot_general" of "...#name=jit(main)/lm/a,b->c/dot_general[precision=None],hlo_op=...".
std::string_view primitive_of(std::string_view name) {
  const std::size_t at = name.find("name="), end = name.rfind(",hlo_op=");
  if (at == std::string_view::npos || end == std::string_view::npos || end < at) return {};
  std::string_view path = name.substr(at + 5, end - at - 5);
  path = path.substr(0, path.find('['));
  return path.substr(path.rfind('/') + 1);
}

/// XLA names its collectives after their HLO: "all-gather-start.12".
std::optional<CollectiveKind> collective_of(std::string_view op) {
  constexpr std::array<std::pair<std::string_view, CollectiveKind>, 8> kNames = {{
      {"all-reduce", CollectiveKind::all_reduce},
      {"all-gather", CollectiveKind::all_gather},
      {"reduce-scatter", CollectiveKind::reduce_scatter},
      {"all-to-all", CollectiveKind::all_to_all},
      {"ragged-all-to-all", CollectiveKind::all_to_all},
      {"collective-permute", CollectiveKind::send_recv},
      {"collective-broadcast", CollectiveKind::broadcast},
      {"send", CollectiveKind::send_recv},
  }};
  for (const auto& [name, kind] : kNames) {
    const std::string_view rest = op.substr(0, name.size()) == name ? op.substr(name.size()) : "x";
    if (rest.empty() || rest.front() == '.' || rest.front() == '-') return kind;
  }
  if (op == "recv" || op.starts_with("recv.")) return CollectiveKind::send_recv;
  return std::nullopt;
}

/// Rows of one table. A thunk that holds others (a loop, a conditional) is a span, not an
/// execution.
class Ranges {
 public:
  Ranges(TableRows& rows, const Source& source, Trace& trace)
      : rows_(rows),
        source_(source),
        trace_(trace),
        assembler_(trace),
        first_(trace.device.size()) {}

  void add() {
    const auto start = rows_.scaled(start_), duration = rows_.scaled(duration_);
    const std::string_view name = rows_.text(name_);
    if (name.empty()) {
      rows_.lose("range without a name", Severity::note, Fault::none, "");
      return;
    }
    if (!start || !duration || *duration < 0) {
      rows_.lose("range without projected times", Severity::warning, Fault::file,
                 "export the table again");
      return;
    }
    const Index rank = rank_of();
    const bool thunk = name.find("Thunk:") != std::string_view::npos;
    const std::string_view op = field(name, "hlo_op=");
    if (thunk && !op.empty()) {
      add_thunk(op, primitive_of(name), rank, *start, *duration);
    } else {
      trace_.annotations.push_back({*start, *duration, trace_.texts.id(name), rank, kNone,
                                    compute_stream(rank), is_step(name)});
    }
    rows_.imported();
  }

  /// Turns thunks with thunks inside into spans.
  void finish() {
    std::vector<DeviceEvent> kept;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const DeviceEvent& event = trace_.device[first_ + i];
      if (!outer_.contains(ids_[i])) {
        kept.push_back(event);
        continue;
      }
      trace_.annotations.push_back({event.start_ns, event.duration_ns, event.name, event.rank,
                                    kNone, compute_stream(event.rank), false});
    }
    trace_.device.resize(first_);
    trace_.device.insert(trace_.device.end(), kept.begin(), kept.end());
  }

 private:
  /// `primitive`: what the thunk was in the program; calls of libraries are told by it alone.
  void add_thunk(std::string_view op, std::string_view primitive, Index rank, std::int64_t start,
                 std::int64_t duration) {
    DeviceEvent event;
    event.start_ns = start;
    event.duration_ns = duration;
    std::string text(op);
    if (op.starts_with("custom-call") && !primitive.empty()) text.append(" ").append(primitive);
    event.name = trace_.texts.id(text);
    event.rank = rank;
    event.launch = launch(rank, event.name);
    if (const auto kind = collective_of(op)) {
      event.activity = Activity::communication;
      event.stream = assembler_.stream(rank, 0, 1, "collectives");
      CollectiveCall call;
      call.kind = *kind;
      call.kind_known = true;
      event.detail = assembler_.collective(std::move(call));
    } else {
      event.stream = compute_stream(rank);
    }
    trace_.device.push_back(event);
    ids_.push_back(rows_.integer(id_).value_or(kNone));
    std::string_view stack = rows_.text(stack_);  // ":12:345:6789", outermost first
    for (std::size_t colon = stack.rfind(':'); colon != std::string_view::npos && colon > 0;
         colon = stack.rfind(':')) {
      stack = stack.substr(0, colon);
      const auto outer = to_integer(stack.substr(stack.rfind(':') + 1));
      if (!outer || !outer_.insert(*outer).second) break;  // whose own outer ones are known
    }
  }

  Index launch(Index rank, std::uint32_t name) {
    const auto start = rows_.scaled(host_start_), duration = rows_.scaled(host_duration_);
    if (!start || !duration) return kNone;
    HostCall call;
    call.start_ns = *start;
    call.duration_ns = *duration;
    call.name = name;
    call.rank = rank;
    call.thread = assembler_.thread(rank, rows_.text(process_), rows_.text(thread_));
    trace_.calls.push_back(call);
    return static_cast<Index>(trace_.calls.size() - 1);
  }

  Index compute_stream(Index rank) { return assembler_.stream(rank, 0, 0, "compute"); }

  /// One rank per process.
  Index rank_of() {
    const auto [place, fresh] = ranks_.try_emplace(std::string(rows_.text(process_)), kNone);
    if (fresh) place->second = add_rank(trace_, source_, Format::jax_nvtx);
    return place->second;
  }

  TableRows& rows_;
  const Source& source_;
  Trace& trace_;
  Assembler assembler_;
  std::size_t first_;
  std::vector<std::int64_t> ids_;           // of the events from first_ on
  std::unordered_set<std::int64_t> outer_;  // ranges with thunks inside
  std::map<std::string, Index> ranks_;
  Column name_ = rows_.column({"name"}), start_ = rows_.column({"projected start"}),
         duration_ = rows_.column({"projected duration"}),
         host_start_ = rows_.column({"orig start"}),
         host_duration_ = rows_.column({"orig duration"}), process_ = rows_.column({"pid"}),
         thread_ = rows_.column({"tid"}), id_ = rows_.column({"rangeid"}),
         stack_ = rows_.column({"rangestack"});
};

}  // namespace

bool is_jax_nvtx(std::string_view head) {
  return has_columns(head, {"name", "projected start", "projected duration"});
}

bool import_jax_nvtx(Source& source, Trace& trace, Diagnostics& diagnostics) {
  TableRows rows(source, trace, diagnostics);
  if (!rows.read_header()) return false;
  Ranges ranges(rows, source, trace);
  while (rows.next()) ranges.add();
  ranges.finish();
  return rows.finish();
}

}  // namespace aisle::workloads::traces
