// SPDX-License-Identifier: Apache-2.0
// CSV of Nsight Compute: the details page (a row per kernel and metric) and the raw page (a row per
// kernel, a second header line with the units).
#include "workloads/traces/assemble.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/ncu_metrics.hpp"
#include "workloads/traces/table_rows.hpp"

#include <map>

namespace aisle::workloads::traces {
namespace {

using Column = TableRows::Column;

/// The line of the table's header starts with ID, behind the profiler's own lines.
bool is_header(std::string_view line) {
  return line.starts_with("\"ID\",") || line.starts_with("ID,");
}

/// One launch, from its first row to its last.
class Launches {
 public:
  Launches(TableRows& rows, const Source& source, Trace& trace)
      : rows_(rows), source_(source), trace_(trace), assembler_(trace) {}

  /// Makes the launch of the row the current one.
  void enter() {
    std::string key(rows_.text(id_));
    for (const Column column : {process_, context_, stream_}) {
      key += ',';
      key += rows_.text(column);
    }
    if (key == key_) return;
    leave();
    key_ = std::move(key);
    rank_ = rank_of();
    const Index stream = assembler_.stream(rank_, small(rows_.integer(device_).value_or(0)),
                                           rows_.integer(stream_).value_or(0));
    const std::string_view name = rows_.text(name_);
    assembler_.add_kernel(name, rank_, stream);
    event_ = static_cast<Index>(trace_.device.size() - 1);
    metrics_ = {};
    metrics_.dimensions(rows_.text(grid_), metrics_.shape.grid);
    metrics_.dimensions(rows_.text(block_), metrics_.shape.block);
  }

  bool metric(std::string_view name, std::string_view unit, std::string_view value,
              const NcuNumbers& numbers) {
    return metrics_.take(name, unit, value, numbers);
  }

  void leave() {
    if (event_ == kNone) return;
    DeviceEvent& event = trace_.device[static_cast<std::size_t>(event_)];
    event.detail = assembler_.launch(metrics_.shape);
    event.duration_ns = metrics_.duration_ns();
    trace_.counters.push_back(
        {event_, metrics_.dram_bytes(), metrics_.flops(), metrics_.tensor_share()});
    cores_[rank_].narrow(metrics_);
    event_ = kNone;
  }

  void finish() {
    leave();
    for (const auto& [rank, range] : cores_) {
      trace_.ranks[static_cast<std::size_t>(rank)].cores = range.cores();
    }
  }

  void find_columns() {
    id_ = rows_.column({"id"});
    process_ = rows_.column({"process id"});
    context_ = rows_.column({"context"});
    stream_ = rows_.column({"stream"});
    device_ = rows_.column({"device"});
    name_ = rows_.column({"kernel name"});
    grid_ = rows_.column({"grid size"});
    block_ = rows_.column({"block size"});
  }

  bool has_id() const { return !rows_.text(id_).empty(); }

 private:
  Index rank_of() {
    std::string key(rows_.text(process_));
    key += ',';
    key += rows_.text(device_);
    const auto [place, fresh] = ranks_.try_emplace(std::move(key), kNone);
    if (fresh) place->second = add_rank(trace_, source_, Format::ncu);
    return place->second;
  }

  TableRows& rows_;
  const Source& source_;
  Trace& trace_;
  Assembler assembler_;
  Column id_, process_, context_, stream_, device_, name_, grid_, block_;
  std::string key_;
  Index rank_ = 0, event_ = kNone;
  NcuMetrics metrics_;
  std::map<std::string, Index> ranks_;
  std::map<Index, NcuCores> cores_;
};

/// Reads past what the profiler and the program printed before the table.
bool skip_to_header(TableRows& rows, Trace& trace) {
  for (;;) {
    const std::string_view line = rows.stream().peek_line();
    if (is_header(line)) return rows.read_header();
    const bool empty = line.empty();
    rows.stream().skip_line();
    if (empty) {
      if (rows.stream().at_end()) return false;
      continue;
    }
    ++trace.accounting.events;
    trace.accounting.lose("line before the table", Severity::note, Fault::none, "");
  }
}

void skip_talk(TableRows& rows, Trace& trace) {
  while (rows.stream().peek_line().starts_with("==")) {
    rows.stream().skip_line();
    ++trace.accounting.events;
    trace.accounting.lose("line of the profiler inside the table", Severity::note, Fault::none, "");
  }
}

void read_details(TableRows& rows, Trace& trace, Launches& launches, const NcuNumbers& numbers) {
  const Column name = rows.column({"metric name"}), unit = rows.column({"metric unit"}),
               value = rows.column({"metric value"}), rule = rows.column({"rule name"});
  for (;;) {
    skip_talk(rows, trace);
    if (!rows.next()) return;
    if (!launches.has_id()) {
      rows.lose("row without a launch", Severity::warning, Fault::file, "export the page again");
      continue;
    }
    launches.enter();
    if (rows.text(name).empty()) {
      rows.lose(rows.text(rule).empty() ? "row without a metric" : "advice of a rule",
                Severity::note, Fault::none, "");
    } else if (launches.metric(rows.text(name), rows.text(unit), rows.text(value), numbers)) {
      rows.imported();
    } else {
      rows.lose("metric of no use here", Severity::note, Fault::none, "");
    }
  }
}

void read_raw(TableRows& rows, Trace& trace, Launches& launches, const NcuNumbers& numbers) {
  std::vector<std::string> units(rows.header().size());
  for (;;) {
    skip_talk(rows, trace);
    if (!rows.next()) return;
    const auto cell = [&](std::size_t i) { return rows.text({static_cast<int>(i), 0}); };
    if (!launches.has_id()) {
      for (std::size_t i = 0; i < units.size(); ++i) units[i] = std::string(cell(i));
      rows.lose("line of units", Severity::note, Fault::none, "");
      continue;
    }
    launches.enter();
    for (std::size_t i = 0; i < units.size(); ++i) {
      launches.metric(rows.header()[i], units[i], cell(i), numbers);
    }
    rows.imported();
  }
}

}  // namespace

bool is_ncu(std::string_view head) {
  for (std::size_t from = 0; from < head.size();) {
    const std::size_t end = std::min(head.find('\n', from), head.size());
    const std::string_view line = head.substr(from, end - from);
    if (is_header(line)) {
      return line.find("Kernel Name") != std::string_view::npos &&
             (line.find("Metric Name") != std::string_view::npos ||
              line.find("__") != std::string_view::npos);
    }
    from = end + 1;
  }
  return false;
}

bool import_ncu(Source& source, Trace& trace, Diagnostics& diagnostics) {
  NcuNumbers numbers;
  numbers.learn(source.head());
  TableRows rows(source, trace, diagnostics);
  if (!skip_to_header(rows, trace)) {
    diagnostics.error({source.name(), 1, 1}, {}, "there is no header line that starts with \"ID\"",
                      "export with `ncu --csv --page details` or `--page raw`");
    return false;
  }
  Launches launches(rows, source, trace);
  launches.find_columns();
  if (rows.column({"metric name"})) {
    read_details(rows, trace, launches, numbers);
  } else {
    read_raw(rows, trace, launches, numbers);
  }
  launches.finish();
  trace.accounting.lose("durations at locked clocks", Severity::note, Fault::none,
                        "Nsight Compute locks the clocks and flushes caches: use its bytes and "
                        "operation counts, and times of nsys or Kineto",
                        0);
  return rows.finish();
}

}  // namespace aisle::workloads::traces
