// SPDX-License-Identifier: Apache-2.0
// CSV reports of `nsys stats`: cuda_gpu_kern_sum and cuda_gpu_trace.
#include "workloads/traces/assemble.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/table_rows.hpp"

#include <map>

namespace aisle::workloads::traces {
namespace {

using Column = TableRows::Column;

CopyKind copy_kind(std::string_view name) {
  const std::string text = lowered(name);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("host-to-device") || has("htod")) return CopyKind::host_to_device;
  if (has("device-to-host") || has("dtoh")) return CopyKind::device_to_host;
  if (has("device-to-device") || has("dtod")) return CopyKind::within;
  if (has("peer-to-peer") || has("ptop")) return CopyKind::peer;
  return CopyKind::unknown;
}

/// "NVIDIA H100 80GB HBM3 (1)" is device 1.
std::pair<std::string, std::int32_t> device_of(std::string_view text) {
  const std::size_t open = text.rfind('(');
  if (open == std::string_view::npos || !text.ends_with(')')) {
    const auto number = to_integer(text);
    return {number ? std::string() : std::string(text), small(number.value_or(0))};
  }
  const auto number = to_integer(text.substr(open + 1, text.size() - open - 2));
  return {std::string(trimmed(text.substr(0, open))), small(number.value_or(0))};
}

/// Rows of cuda_gpu_trace: one execution each.
class GpuTrace {
 public:
  GpuTrace(TableRows& rows, const Source& source, Trace& trace)
      : rows_(rows), source_(source), trace_(trace), assembler_(trace) {
    const std::array<std::string_view, 3> grid = {"grdx", "grdy", "grdz"};
    const std::array<std::string_view, 3> block = {"blkx", "blky", "blkz"};
    for (std::size_t i = 0; i < 3; ++i) {
      grid_[i] = rows.column({grid[i]});
      block_[i] = rows.column({block[i]});
    }
  }

  void add() {
    const auto start = rows_.scaled(start_);
    const auto duration = rows_.scaled(duration_);
    const std::string_view name = rows_.text(name_);
    if (!start || !duration || *duration < 0 || name.empty()) {
      rows_.lose("row without start, duration or name", Severity::warning, Fault::file,
                 "export the report again");
      return;
    }
    const auto [device_name, device] = device_of(rows_.text(device_));
    const Index rank = rank_of(device, device_name);
    const Index stream = assembler_.stream(rank, device, rows_.integer(stream_).value_or(0));
    const bool copy = name.starts_with("[CUDA memcpy");
    if (copy || name.starts_with("[CUDA memset")) {
      add_transfer(name, copy, rank, stream);
    } else {
      assembler_.add_kernel(name, rank, stream).detail = assembler_.launch(shape());
    }
    trace_.device.back().start_ns = *start;
    trace_.device.back().duration_ns = *duration;
    rows_.imported();
  }

 private:
  Index rank_of(std::int32_t device, const std::string& name) {
    const auto [place, fresh] = ranks_.try_emplace(device, kNone);
    if (fresh) {
      place->second = add_rank(trace_, source_, Format::nsys_gpu_trace);
      trace_.ranks.back().device = name;
    }
    return place->second;
  }

  void add_transfer(std::string_view name, bool copy, Index rank, Index stream) {
    DeviceEvent event;
    event.name = trace_.texts.id(name);
    event.rank = rank;
    event.stream = stream;
    event.activity = copy ? Activity::copy : Activity::fill;
    event.detail = assembler_.transfer(
        {rows_.scaled(bytes_).value_or(kUnknown), copy ? copy_kind(name) : CopyKind::within});
    trace_.device.push_back(event);
  }

  LaunchShape shape() const {
    LaunchShape out;
    for (std::size_t i = 0; i < 3; ++i) {
      out.grid[i] = small(rows_.integer(grid_[i]).value_or(0));
      out.block[i] = small(rows_.integer(block_[i]).value_or(0));
    }
    out.registers = small(rows_.integer(registers_).value_or(0));
    out.shared_memory =
        small(sum(rows_.scaled(static_).value_or(0), rows_.scaled(dynamic_).value_or(0)));
    return out;
  }

  TableRows& rows_;
  const Source& source_;
  Trace& trace_;
  Assembler assembler_;
  std::map<std::int32_t, Index> ranks_;
  Column start_ = rows_.column({"start"}), duration_ = rows_.column({"duration"}),
         name_ = rows_.column({"name"}), device_ = rows_.column({"device"}),
         stream_ = rows_.column({"strm", "stream"}), bytes_ = rows_.column({"bytes"}),
         registers_ = rows_.column({"reg/trd"}), static_ = rows_.column({"stcsmem"}),
         dynamic_ = rows_.column({"dymsmem"});
  std::array<Column, 3> grid_, block_;
};

}  // namespace

bool is_nsys_kernel_sum(std::string_view head) {
  return has_columns(head, {"total time", "instances", "name"});
}

bool import_nsys_kernel_sum(Source& source, Trace& trace, Diagnostics& diagnostics) {
  TableRows rows(source, trace, diagnostics);
  if (!rows.read_header()) return false;
  add_rank(trace, source, Format::nsys_kernel_sum);
  const Column total = rows.column({"total time"}), count = rows.column({"instances"}),
               name = rows.column({"name"}), median = rows.column({"med", "median"}),
               least = rows.column({"min", "minimum"}), most = rows.column({"max", "maximum"});
  while (rows.next()) {
    const auto time = rows.scaled(total), number = rows.integer(count);
    if (!time || !number || rows.text(name).empty()) {
      rows.lose("row without total, instances or name", Severity::warning, Fault::file,
                "export the report again");
      continue;
    }
    trace.totals.push_back(
        {trace.texts.id(rows.text(name)), *number, *time, rows.scaled(median).value_or(kUnknown),
         rows.scaled(least).value_or(kUnknown), rows.scaled(most).value_or(kUnknown)});
    rows.imported();
  }
  return rows.finish();
}

bool is_nsys_gpu_trace(std::string_view head) {
  return has_columns(head, {"start", "duration", "strm", "name"});
}

bool import_nsys_gpu_trace(Source& source, Trace& trace, Diagnostics& diagnostics) {
  TableRows rows(source, trace, diagnostics);
  if (!rows.read_header()) return false;
  GpuTrace report(rows, source, trace);
  while (rows.next()) report.add();
  return rows.finish();
}

}  // namespace aisle::workloads::traces
