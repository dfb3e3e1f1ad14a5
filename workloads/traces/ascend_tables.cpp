// SPDX-License-Identifier: Apache-2.0
// Tables of Ascend's profilers: kernel_details.csv of torch_npu and op_summary of msprof, the
// totals of op_statistic.csv, the steps of step_trace_time.csv.
#include "workloads/traces/ascend.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/table_rows.hpp"

#include <algorithm>
#include <map>

namespace aisle::workloads::traces {
namespace {

using Column = TableRows::Column;

std::vector<std::string_view> parts_of(std::string_view text, char mark) {
  std::vector<std::string_view> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(mark, from), text.size());
    out.push_back(trimmed(text.substr(from, end - from)));
    from = end + 1;
  }
  return out;
}

/// "32,3,224,224;64;" in quotes, with types "FLOAT;INT64;DT_BF16".
std::vector<Operands::Tensor> tensors(std::string_view shapes, std::string_view types) {
  std::vector<Operands::Tensor> out;
  while (!shapes.empty() && shapes.front() == '"') shapes.remove_prefix(1);
  while (!shapes.empty() && shapes.back() == '"') shapes.remove_suffix(1);
  if (shapes.empty() && types.empty()) return out;
  const std::vector<std::string_view> lists = parts_of(shapes, ';'), names = parts_of(types, ';');
  for (std::size_t i = 0; i < lists.size(); ++i) {
    Operands::Tensor tensor;
    for (const std::string_view length : parts_of(lists[i], ',')) {
      if (const auto value = to_integer(length)) tensor.shape.push_back(*value);
    }
    if (i < names.size()) tensor.type = names[i];
    out.push_back(std::move(tensor));
  }
  return out;
}

/// Rows of kernel_details.csv and op_summary: one execution each.
class Kernels {
 public:
  Kernels(TableRows& rows, const Source& source, Trace& trace)
      : rows_(rows), source_(source), trace_(trace), assembler_(trace) {}

  void add() {
    const auto start = rows_.scaled(start_), duration = rows_.scaled(duration_);
    const std::string_view name = rows_.text(name_), type = rows_.text(type_);
    if (!start || !duration || *duration < 0 || (name.empty() && type.empty())) {
      rows_.lose("row without start, duration or name", Severity::warning, Fault::file,
                 "export the profile again");
      return;
    }
    const std::string_view core = rows_.text(core_);
    const Index rank = rank_of(small(rows_.integer(device_).value_or(0)));
    const bool communicates = core == "COMMUNICATION" || core == "HCCL" ||
                              type.starts_with("hcom_") || name.starts_with("hcom_");
    DeviceEvent event;
    event.start_ns = *start;
    event.duration_ns = *duration;
    event.rank = rank;
    if (communicates) {
      communicate(event, name, type);
    } else {
      compute(event, name, type, core);
    }
    trace_.device.push_back(event);
    extend_step(rank, *start, sum(*start, *duration));
    rows_.imported();
  }

  void finish() {
    for (const auto& [key, span] : steps_) {
      trace_.annotations.push_back({span.first, span_ns(span.first, span.second),
                                    trace_.texts.id("step " + key.second), key.first, kNone, kNone,
                                    true});
    }
  }

 private:
  void communicate(DeviceEvent& event, std::string_view name, std::string_view type) {
    event.name = trace_.texts.id(type.starts_with("hcom_") ? type : hccl_operation(name));
    event.activity = Activity::communication;
    event.stream = assembler_.stream(event.rank, device(), -1, "HCCL");
    event.detail = assembler_.collective(hccl_call(name, assembler_));
  }

  void compute(DeviceEvent& event, std::string_view name, std::string_view type,
               std::string_view core) {
    event.stream = assembler_.stream(event.rank, device(), rows_.integer(stream_).value_or(0));
    const std::uint32_t by_name = trace_.texts.id(name.empty() ? type : name);
    event.name = by_name;
    // Graph mode numbers its kernels ("Conv2D1"): where only the type tells, the type is the name.
    if (!type.empty() && !assembler_.class_of(by_name).known) {
      const std::uint32_t by_type = trace_.texts.id(type);
      if (assembler_.class_of(by_type).known) event.name = by_type;
    }
    if (core.find("MEMCPY") != std::string_view::npos || core == "SDMA") {
      event.activity = Activity::copy;
      event.detail = assembler_.transfer({});
    } else {
      LaunchShape shape;
      shape.grid = {small(rows_.integer(blocks_).value_or(0)), 1, 1};
      if (shape.grid[0] == 0) shape.grid = {};
      event.detail = assembler_.launch(shape);
    }
    Operands operands{tensors(rows_.text(input_shapes_), rows_.text(input_types_)),
                      tensors(rows_.text(output_shapes_), rows_.text(output_types_)),
                      {}};
    Operator op;
    op.name = trace_.texts.id(type.empty() ? name : type);
    op.rank = event.rank;
    op.operands = assembler_.operands(std::move(operands));
    event.op = static_cast<Index>(trace_.operators.size());
    trace_.operators.push_back(op);
  }

  std::int32_t device() const { return small(rows_.integer(device_).value_or(0)); }

  Index rank_of(std::int32_t device) {
    const auto [place, fresh] = ranks_.try_emplace(device, kNone);
    if (fresh) place->second = add_rank(trace_, source_, Format::ascend_kernels);
    return place->second;
  }

  void extend_step(Index rank, std::int64_t start, std::int64_t end) {
    constexpr std::size_t kMost = 100'000;
    const std::string_view step = rows_.text(step_);
    if (step.empty() || steps_.size() >= kMost) return;
    const auto [place, fresh] =
        steps_.try_emplace({rank, std::string(step)}, std::pair(start, end));
    place->second.first = std::min(place->second.first, start);
    place->second.second = std::max(place->second.second, end);
  }

  TableRows& rows_;
  const Source& source_;
  Trace& trace_;
  Assembler assembler_;
  std::map<std::int32_t, Index> ranks_;
  std::map<std::pair<Index, std::string>, std::pair<std::int64_t, std::int64_t>> steps_;
  Column name_ = rows_.column({"name", "op name"}), type_ = rows_.column({"type", "op type"}),
         core_ = rows_.column({"accelerator core", "task type"}),
         start_ = rows_.column({"start time", "task start time"}),
         duration_ = rows_.column({"duration", "task duration"}),
         blocks_ = rows_.column({"block dim", "block num"}), stream_ = rows_.column({"stream id"}),
         device_ = rows_.column({"device_id", "device id"}),
         step_ = rows_.column({"step id", "step_id"}),
         input_shapes_ = rows_.column({"input shapes"}),
         input_types_ = rows_.column({"input data types"}),
         output_shapes_ = rows_.column({"output shapes"}),
         output_types_ = rows_.column({"output data types"});
};

}  // namespace

bool is_ascend_kernels(std::string_view head) {
  return has_columns(head, {"name", "type", "start time", "duration", "block dim"}) ||
         has_columns(head, {"name", "type", "accelerator core", "start time", "duration"}) ||
         has_columns(head, {"op name", "op type", "task start time", "task duration"});
}

bool import_ascend_kernels(Source& source, Trace& trace, Diagnostics& diagnostics) {
  TableRows rows(source, trace, diagnostics);
  if (!rows.read_header()) return false;
  Kernels kernels(rows, source, trace);
  while (rows.next()) kernels.add();
  kernels.finish();
  return rows.finish();
}

bool is_ascend_operators(std::string_view head) {
  return has_columns(head, {"op type", "core type", "count", "total time"});
}

bool import_ascend_operators(Source& source, Trace& trace, Diagnostics& diagnostics) {
  TableRows rows(source, trace, diagnostics);
  if (!rows.read_header()) return false;
  add_rank(trace, source, Format::ascend_operators);
  const Column name = rows.column({"op type"}), count = rows.column({"count"}),
               total = rows.column({"total time"}), least = rows.column({"min time"}),
               most = rows.column({"max time"});
  while (rows.next()) {
    const auto number = rows.integer(count), time = rows.scaled(total);
    if (!number || !time || rows.text(name).empty()) {
      rows.lose("row without type, count or total", Severity::warning, Fault::file,
                "export the profile again");
      continue;
    }
    trace.totals.push_back({trace.texts.id(rows.text(name)), *number, *time, kUnknown,
                            rows.scaled(least).value_or(kUnknown),
                            rows.scaled(most).value_or(kUnknown)});
    rows.imported();
  }
  return rows.finish();
}

bool is_ascend_steps(std::string_view head) {
  return has_columns(head, {"step", "computing", "free"});
}

bool import_ascend_steps(Source& source, Trace& trace, Diagnostics& diagnostics) {
  TableRows rows(source, trace, diagnostics);
  if (!rows.read_header()) return false;
  const Column step = rows.column({"step"}), stage = rows.column({"stage"}),
               computing = rows.column({"computing"}), free = rows.column({"free"}),
               exposed = rows.column({"communication(not overlapped)"}),
               device = rows.column({"device_id", "device id"});
  std::map<std::string, Index, std::less<>> ranks;
  // The table has no unit in its header; its times are microseconds.
  const auto us = [&](Column column) {
    return scaled_integer(rows.text(column), 3).value_or(kUnknown);
  };
  while (rows.next()) {
    std::int64_t duration = us(stage);
    if (duration <= 0 && us(computing) >= 0 && us(free) >= 0) {
      duration = sum(sum(us(computing), us(free)), std::max<std::int64_t>(us(exposed), 0));
    }
    if (duration < 0) {
      rows.lose("row without times", Severity::warning, Fault::file, "export the profile again");
      continue;
    }
    const auto [rank, fresh] = ranks.try_emplace(std::string(rows.text(device)), kNone);
    if (fresh) rank->second = add_rank(trace, source, Format::ascend_steps);
    const std::string name = "step " + std::string(rows.text(step));
    trace.annotations.push_back(
        {kUnknown, duration, trace.texts.id(name), rank->second, kNone, kNone, true});
    rows.imported();
  }
  return rows.finish();
}

}  // namespace aisle::workloads::traces
