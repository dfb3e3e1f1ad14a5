// SPDX-License-Identifier: Apache-2.0
// communication.json and communication_matrix.json of Ascend's profilers.
#include "workloads/traces/ascend.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/json_value.hpp"
#include "workloads/traces/table_rows.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads::traces {
namespace {

std::int64_t scaled(JsonValue value, double factor) {
  const auto number = value.number();
  if (!number || *number < 0 || *number * factor > 4e18) return kUnknown;
  return std::llround(*number * factor);
}

/// A time stamp by its digits: a double loses nanoseconds of a Unix time.
std::int64_t stamp_ns(JsonValue value) {
  const std::string text = value.text().empty() ? value.literal() : std::string(value.text());
  return scaled_integer(text, 3).value_or(kUnknown);
}

/// Steps, in them "p2p" and "collective", in them one entry per operation.
class Communication {
 public:
  Communication(Trace& trace, const Source& source)
      : trace_(trace),
        assembler_(trace),
        rank_(add_rank(trace, source, Format::ascend_collectives)) {}

  void add(JsonValue root) {
    root.each_member([&](std::string_view, JsonValue step) {
      step.each_member([&](std::string_view, JsonValue kind) {
        kind.each_member([&](std::string_view name, JsonValue operation) {
          if (operation.member("Communication Time Info")) {
            add_operation(name, operation);
          } else {
            add_pairs(name, operation);
          }
        });
      });
    });
  }

 private:
  void add_operation(std::string_view name, JsonValue operation) {
    Accounting& accounting = trace_.accounting;
    ++accounting.events;
    if (name == "Total Op Info") {
      accounting.lose("sum over operations", Severity::note, Fault::none, "");
      return;
    }
    const JsonValue times = operation.member("Communication Time Info");
    DeviceEvent event;
    event.start_ns = stamp_ns(times.member("Start Timestamp(us)"));
    event.duration_ns = scaled(times.member("Elapse Time(ms)"), 1e6);
    if (event.duration_ns == kUnknown) {
      accounting.lose("operation without a time", Severity::warning, Fault::file,
                      "export the profile again");
      return;
    }
    event.name = trace_.texts.id(hccl_operation(name));
    event.rank = rank_;
    event.activity = Activity::communication;
    event.stream = assembler_.stream(rank_, 0, -1, "HCCL");
    CollectiveCall call = hccl_call(name, assembler_);
    add_traffic(operation.member("Communication Bandwidth Info"), call);
    event.detail = assembler_.collective(std::move(call));
    trace_.device.push_back(event);
    ++accounting.imported;
  }

  /// The kind of link that carried most. SDMA is the engine that drives HCCS, SIO and PCIe: its
  /// bytes are those of the others once more.
  void add_traffic(JsonValue links, CollectiveCall& call) {
    std::int64_t most = 0, engine = 0;
    std::string_view carrier;
    std::int64_t total = 0;
    links.each_member([&](std::string_view link, JsonValue info) {
      const std::int64_t bytes = scaled(info.member("Transit Size(MB)"), 1e6);
      if (bytes <= 0) return;
      if (link == "SDMA") {
        engine = bytes;
        return;
      }
      total = sum(total, bytes);
      if (bytes > most) {
        most = bytes;
        carrier = link;
      }
    });
    if (total == 0 && engine > 0) {
      total = engine;
      carrier = "SDMA";
    }
    if (!links) return;
    call.wire_bytes = total;
    call.link = trace_.texts.id(carrier);
    if (call.kind == CollectiveKind::send_recv && total > 0) call.bytes = total;
  }

  /// communication_matrix.json: traffic of each pair of ranks, of a few operations and in total.
  /// The totals tell who is in a group.
  void add_pairs(std::string_view name, JsonValue pairs) {
    Accounting& accounting = trace_.accounting;
    const std::size_t at = name.find('@');
    const bool total = name.substr(0, at).ends_with("-total");
    pairs.each_member([&](std::string_view pair, JsonValue) {
      ++accounting.events;
      if (!total || at == std::string_view::npos) {
        accounting.lose("pair of ranks in a chosen operation", Severity::note, Fault::none, "");
        return;
      }
      const std::size_t dash = pair.find('-');
      const auto from = to_integer(pair.substr(0, dash));
      const auto to = dash == std::string_view::npos ? from : to_integer(pair.substr(dash + 1));
      if (!from || !to) {
        accounting.lose("pair of ranks that is none", Severity::warning, Fault::file, "");
        return;
      }
      ++accounting.imported;
      const Index index = assembler_.group(hccl_group(name.substr(at + 1)));
      Group& group = trace_.groups[static_cast<std::size_t>(index)];
      for (const std::int64_t member : {*from, *to}) {
        const std::int32_t number = small(member);
        const auto place = std::lower_bound(group.ranks.begin(), group.ranks.end(), number);
        if (place == group.ranks.end() || *place != number) group.ranks.insert(place, number);
      }
      group.size = static_cast<std::int32_t>(group.ranks.size());
    });
  }

  Trace& trace_;
  Assembler assembler_;
  Index rank_;
};

}  // namespace

bool is_ascend_collectives(std::string_view head) {
  const std::string_view text = trimmed(head);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  return text.starts_with('{') && !has("\"traceEvents\"") &&
         (has("\"Communication Time Info\"") || has("\"Transport Type\"") ||
          (has("\"p2p\"") && has("\"collective\"")));
}

bool import_ascend_collectives(Source& source, Trace& trace, Diagnostics& diagnostics) {
  Communication communication(trace, source);
  const bool whole =
      read_document(source, diagnostics, [&](JsonValue root) { communication.add(root); });
  warn_if_broken(source, trace, diagnostics);
  return whole;
}

}  // namespace aisle::workloads::traces
