// SPDX-License-Identifier: Apache-2.0
#include "sim/report/format.hpp"
#include "sim/report/text.hpp"
#include "sim/report/trace_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace aisle::sim {
namespace {

using namespace workloads::traces;
using report::left;
using report::Page;
using report::right;

constexpr std::size_t kBar = 20, kMostDevices = 16;

std::string time_of(Seconds time) {
  return report::format_seconds(time.in(units::s), 3);
}

std::string time_of(const std::optional<Seconds>& time) {
  return time ? time_of(*time) : "-";
}

std::string part(Seconds time, Seconds whole) {
  return whole.si() > 0 ? report::share(time / whole) : "-";
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return out;
}

/// Without what most names of C++ kernels share: return type, name spaces, list of arguments.
std::string short_name(std::string_view full) {
  std::string name(full);
  if (name.starts_with("void ")) name.erase(0, 5);
  for (const std::string_view noise :
       {"at::native::", "(anonymous namespace)::", "<unnamed>::", "(int)", "(bool)",
        "cutlass::", "std::enable_if<!(false), void>::type ", "std::enable_if<!T7, void>::type "}) {
    for (std::size_t at = name.find(noise); at != std::string::npos; at = name.find(noise, at)) {
      name.erase(at, noise.size());
    }
  }
  if (name.ends_with(')')) {
    int depth = 0;
    for (std::size_t i = name.size(); i-- > 0;) {
      if (name[i] == ')') ++depth;
      if (name[i] == '(' && --depth == 0) {
        if (i > 0 && name[i - 1] != ' ') name.resize(i);
        break;
      }
    }
  }
  return printable(name);
}

void head(const Trace& trace, const Summary& summary, Page& page) {
  std::set<std::string> formats, devices;
  for (const Rank& rank : trace.ranks) {
    formats.insert(std::string(to_string(rank.format)));
    std::string device = rank.device;
    if (rank.cores > 0) device += fmt::format("{}{} cores", device.empty() ? "" : ", ", rank.cores);
    if (!device.empty()) devices.insert(device);
  }
  const std::size_t ranks = trace.ranks.size();
  std::string line = fmt::format("{}", fmt::join(formats, " and "));
  line += fmt::format("; {} {}", ranks, ranks == 1 ? "rank" : "ranks");
  const std::int32_t world = trace.ranks.empty() ? 0 : trace.ranks.front().world;
  if (world > 1) line += fmt::format(" of {}", world);
  if (!devices.empty()) line += fmt::format("; {}", fmt::join(devices, " and "));
  page.line(line);
  const Accounting& accounting = trace.accounting;
  const std::int64_t lost = accounting.events - accounting.imported;
  page.line(fmt::format("{} records, {}", report::thousands(accounting.events),
                        lost == 0 ? "all imported"
                                  : report::thousands(accounting.imported) + " imported; the " +
                                        report::thousands(lost) + " unused are at the end"));
  if (summary.span) page.line("from the first to the last moment: " + time_of(summary.span));
}

void device_row(const std::string& name, const DeviceTime& d, Page& page) {
  page.line(left(name, 18) + right(time_of(d.span), 10) + right(part(d.busy, d.span), 9) +
            right(part(d.compute, d.span), 9) + right(part(d.communication, d.span), 9) +
            right(part(d.waiting, d.span), 9) + right(part(d.exposed, d.span), 9) +
            right(part(d.idle, d.span), 9) +
            right(d.late_launches ? part(*d.late_launches, d.span) : "-", 9) +
            right(time_of(d.launch_gap), 9));
}

void devices(const Trace& trace, const Summary& summary, Page& page) {
  if (summary.devices.empty()) return;
  page.heading("Devices", "shares of the span of each");
  page.line(left("", 18) + right("span", 10) + right("busy", 9) + right("compute", 9) +
            right("comm", 9) + right("waiting", 9) + right("exposed", 9) + right("idle", 9) +
            right("late", 9) + right("gap", 9));
  for (std::size_t i = 0; i < std::min(summary.devices.size(), kMostDevices); ++i) {
    const DeviceTime& d = summary.devices[i];
    const Rank& rank = trace.ranks[static_cast<std::size_t>(d.rank)];
    device_row(fmt::format("rank {} device {}", rank.number, d.device), d, page);
  }
  if (summary.devices.size() > kMostDevices) {
    page.line(fmt::format("... and {} more", summary.devices.size() - kMostDevices));
  }
  page.paragraph(
      "comm: communication runs, waiting: and it only waits for other ranks, exposed: and "
      "no other kernel runs; late: idle because the host launched late; gap: median "
      "between kernels that were queued");
}

/// Steps of one name on all ranks.
void steps(const Summary& summary, std::size_t top, Page& page) {
  struct Step {
    std::string_view name;
    std::int64_t ranks = 0;
    Seconds sum, longest;
  };

  std::vector<Step> list;
  std::map<std::string_view, std::size_t> known;
  for (const SpanTime& span : summary.steps) {
    const auto [entry, first] = known.try_emplace(span.name, list.size());
    if (first) list.push_back({span.name, 0, {}, {}});
    Step& step = list[entry->second];
    ++step.ranks;
    step.sum += span.time;
    step.longest = std::max(step.longest, span.time);
  }
  if (list.empty() || top == 0) return;
  page.heading("Steps", "as recorded, the profiler's own cost included");
  page.line(right("ranks", 10) + right("mean", 11) + right("longest", 10) + "  name");
  for (std::size_t i = 0; i < std::min(top, list.size()); ++i) {
    page.line(right(report::thousands(list[i].ranks), 10) +
              right(time_of(list[i].sum / static_cast<double>(list[i].ranks)), 11) +
              right(time_of(list[i].longest), 10) + "  " + left(printable(list[i].name), 67));
  }
  if (list.size() > top) page.line(fmt::format("... and {} more", list.size() - top));
}

void families(const Summary& summary, Page& page) {
  if (summary.families.empty()) return;
  page.heading("Families", "shares of all kernels added up, " + time_of(summary.kernels) +
                               "; streams run side by side");
  page.line(left("", 20) + right("count", 12) + right("time", 11) + right("share", 9));
  bool unknown = false;
  for (const FamilyTime& entry : summary.families) {
    unknown = unknown || entry.family == "unknown";
    std::string name(entry.family);
    std::replace(name.begin(), name.end(), '_', ' ');
    page.line(left(name, 20) + right(report::thousands(entry.count), 12) +
              right(time_of(entry.time), 11) + right(part(entry.time, summary.kernels), 9) + "  " +
              report::bar(summary.kernels.si() > 0 ? entry.time / summary.kernels : 0, kBar));
  }
  if (!unknown) page.line("every name is known");
}

void kernels(const Summary& summary, std::size_t top, Page& page) {
  if (summary.names.empty() || top == 0) return;
  page.heading("Longest kernels", fmt::format("{} of {} names", std::min(top, summary.names.size()),
                                              summary.names.size()));
  page.line(right("share", 8) + right("time", 11) + right("count", 10) + right("mean", 10) +
            "  name");
  for (std::size_t i = 0; i < std::min(top, summary.names.size()); ++i) {
    const NameTime& entry = summary.names[i];
    const double count = static_cast<double>(std::max<std::int64_t>(entry.count, 1));
    page.line(right(part(entry.time, summary.kernels), 8) + right(time_of(entry.time), 11) +
              right(report::thousands(entry.count), 10) + right(time_of(entry.time / count), 10) +
              "  " + left(short_name(entry.name), 59));
  }
}

void collectives(const Summary& summary, std::size_t top, Page& page) {
  if (summary.collectives.empty() || top == 0) return;
  page.heading("Collectives", "bus bandwidth as nccl-tests counts it, of the fastest call");
  page.line(left("", 16) + left("group", 20) + right("size", 10) + right("count", 8) +
            right("time", 11) + right("median", 10) + right("fastest", 10) + right("GB/s", 9));
  for (std::size_t i = 0; i < std::min(top, summary.collectives.size()); ++i) {
    const CollectiveTime& entry = summary.collectives[i];
    std::string kind(entry.kind);
    std::replace(kind.begin(), kind.end(), '_', ' ');
    std::string group = entry.group.empty() ? std::string(entry.library) : entry.group;
    if (entry.members > 0) group = left(group, 12) + fmt::format(" x{}", entry.members);
    const std::string size =
        entry.bytes == kUnknown ? "-" : report::format_bytes(static_cast<double>(entry.bytes), 4);
    page.line(
        left(kind, 15) + " " + left(group, 19) + " " + right(size, 10) +
        right(report::thousands(entry.count), 8) + right(time_of(entry.time), 11) +
        right(time_of(entry.median), 10) + right(time_of(entry.fastest), 10) +
        right(entry.bus ? report::significant(entry.bus->in(units::GB / units::s), 3) : "-", 9));
  }
  if (summary.collectives.size() > top) {
    page.line(fmt::format("... and {} more", summary.collectives.size() - top));
  }
}

void spans(const std::string& title, const std::string& note, const std::vector<SpanTime>& list,
           std::size_t top, Page& page) {
  if (list.empty() || top == 0) return;
  page.heading(title, note);
  page.line(right("count", 10) + right("time", 11) + right("mean", 10) + "  name");
  for (std::size_t i = 0; i < std::min(top, list.size()); ++i) {
    const SpanTime& entry = list[i];
    const double count = static_cast<double>(std::max<std::int64_t>(entry.count, 1));
    page.line(right(report::thousands(entry.count), 10) + right(time_of(entry.time), 11) +
              right(time_of(entry.time / count), 10) + "  " + left(printable(entry.name), 67));
  }
  if (list.size() > top) page.line(fmt::format("... and {} more", list.size() - top));
}

void shapes(const Summary& summary, Page& page) {
  Seconds all;
  for (const ShapeTime& entry : summary.shapes) all += entry.time;
  if (all.si() <= 0) return;
  page.heading("Shapes", "of kernels and copies; only those with a shape can be fitted");
  for (const ShapeTime& entry : summary.shapes) {
    const std::string name =
        entry.from == ShapeFrom::none ? "not known" : "from " + std::string(to_string(entry.from));
    page.line(left(name, 20) + right(report::thousands(entry.count), 12) +
              right(time_of(entry.time), 11) + right(part(entry.time, all), 9));
  }
}

void unused(const Trace& trace, Page& page) {
  if (trace.accounting.unused.empty()) return;
  page.heading("Unused records");
  std::vector<const Unused*> list;
  for (const Unused& entry : trace.accounting.unused) list.push_back(&entry);
  std::stable_sort(list.begin(), list.end(), [](const Unused* a, const Unused* b) {
    if (a->severity != b->severity) return a->severity < b->severity;
    return a->count > b->count;
  });
  for (const Unused* entry : list) {
    const std::string severity = entry->severity == Severity::error     ? "error"
                                 : entry->severity == Severity::warning ? "warning"
                                                                        : "";
    const std::string text = entry->name + (entry->advice.empty() ? "" : ": " + entry->advice);
    page.paragraph(text, right(report::thousands(entry->count), 12) + "  " + left(severity, 9));
  }
}

}  // namespace

std::string trace_text(const Trace& trace, const Summary& summary, std::size_t top) {
  Page page;
  head(trace, summary, page);
  devices(trace, summary, page);
  families(summary, page);
  kernels(summary, top, page);
  collectives(summary, top, page);
  steps(summary, top, page);
  spans("Annotations", "", summary.annotations, top, page);
  spans("Operators of the host", "the trace records no device", summary.operators, top, page);
  shapes(summary, page);
  unused(trace, page);
  return page.take();
}

}  // namespace aisle::sim
