// SPDX-License-Identifier: Apache-2.0
// Recorded traces as tables of kernels.
#include "sim/study/kernel_table_line.hpp"
#include "workloads/traces/describe.hpp"
#include "workloads/traces/read.hpp"
#include "workloads/traces/source.hpp"

#include <fmt/format.h>

namespace aisle::sim {

namespace {

using workloads::traces::Activity;
using workloads::traces::DeviceEvent;
using workloads::traces::ShapeFrom;
using workloads::traces::Trace;

/// A kernel that shares its device with communication for longer than this says little of its time
/// alone.
constexpr double kBeside = 0.1;

}  // namespace

bool is_table_file(const std::string& path) {
  Diagnostics unread;
  auto source = workloads::traces::Source::open(path, unread);
  if (!source) return true;  // whose reader says what is wrong
  const std::string_view head = source->head();
  const std::string line(head.substr(0, head.find('\n')));
  const auto header = parse_csv(line + "\n", path, unread);
  return header && is_kernel_table(*header);
}

std::optional<KernelTable> read_kernel_trace(const std::string& path, Diagnostics& diagnostics) {
  const std::optional<Trace> trace = workloads::traces::read_trace({path}, diagnostics);
  if (!trace) return std::nullopt;
  const auto described = workloads::traces::describe(*trace, nullptr);
  const std::vector<double> beside = workloads::traces::beside_communication(*trace);
  KernelTable out;
  out.file = path;
  out.layout = "trace";
  for (std::size_t i = 0; i < trace->device.size(); ++i) {
    const DeviceEvent& event = trace->device[i];
    ++out.lines;
    const bool usable = event.activity == Activity::kernel && event.duration_ns > 0 &&
                        described[i].from != ShapeFrom::none && beside[i] < kBeside;
    if (!usable) {
      ++out.unused;
      continue;
    }
    const workloads::Kernel& kernel = described[i].kernel;
    const auto& library = trace->class_of(event).library;
    KernelRow row =
        kernel_row(kernel, fmt::format("trace{}{}", library.empty() ? "" : " ", library),
                   static_cast<double>(event.duration_ns) * units::ns,
                   crc32(fmt::format("{}|{}|{}|{}", to_string(kernel.family), kernel.n, kernel.k,
                                     kernel.groups)));
    if (event.rank >= 0 && static_cast<std::size_t>(event.rank) < trace->ranks.size()) {
      row.device = trace->ranks[static_cast<std::size_t>(event.rank)].device;
    }
    row.line = static_cast<int>(i) + 1;
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace aisle::sim
