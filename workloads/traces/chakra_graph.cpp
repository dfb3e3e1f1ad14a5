// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/chakra_graph.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace aisle::workloads::traces {
namespace {

/// Streams of nodes that name none: one per kind of engine, as simulators of these graphs have.
enum Engine : std::int64_t { kCompute = 0, kCommunication = 1, kMemory = 2 };

struct Collective {
  CollectiveKind kind;
  bool known;
};

/// CollectiveCommType. Gather and scatter have no kind of ours; the traffic of a reduction and of
/// a broadcast comes nearest.
std::optional<Collective> collective_of(std::int64_t type) {
  constexpr std::array<Collective, 10> kTypes = {{{CollectiveKind::all_reduce, true},
                                                  {CollectiveKind::reduce, true},
                                                  {CollectiveKind::all_gather, true},
                                                  {CollectiveKind::reduce, false},
                                                  {CollectiveKind::broadcast, false},
                                                  {CollectiveKind::broadcast, true},
                                                  {CollectiveKind::all_to_all, true},
                                                  {CollectiveKind::reduce_scatter, true},
                                                  {CollectiveKind::reduce_scatter, true},
                                                  {CollectiveKind::barrier, true}}};
  if (type < 0 || type >= static_cast<std::int64_t>(kTypes.size())) return std::nullopt;
  return kTypes[static_cast<std::size_t>(type)];
}

CopyKind copy_kind(std::string_view name) {
  if (name.find("HtoD") != std::string_view::npos) return CopyKind::host_to_device;
  if (name.find("DtoH") != std::string_view::npos) return CopyKind::device_to_host;
  if (name.find("DtoD") != std::string_view::npos) return CopyKind::within;
  if (name.find("PtoP") != std::string_view::npos) return CopyKind::peer;
  return CopyKind::unknown;
}

std::int64_t size_or_unknown(const std::optional<std::int64_t>& bytes) {
  return bytes && *bytes >= 0 ? *bytes : kUnknown;
}

}  // namespace

void ChakraNode::set(std::string_view attribute, std::optional<std::int64_t> integer,
                     std::string_view text) {
  struct Field {
    std::string_view name;
    std::optional<std::int64_t> ChakraNode::*member;
  };

  static constexpr std::array<Field, 11> kFields = {{{"is_cpu_op", &ChakraNode::cpu_op},
                                                     {"num_ops", &ChakraNode::operations},
                                                     {"tensor_size", &ChakraNode::tensor_bytes},
                                                     {"comm_type", &ChakraNode::comm_type},
                                                     {"comm_size", &ChakraNode::comm_bytes},
                                                     {"comm_src", &ChakraNode::source},
                                                     {"comm_dst", &ChakraNode::destination},
                                                     {"stream", &ChakraNode::stream},
                                                     {"tid", &ChakraNode::thread},
                                                     {"start_ns", &ChakraNode::start_ns},
                                                     {"duration_ns", &ChakraNode::duration_ns}}};
  if (attribute == "pg_name") group = text;
  for (const Field& field : kFields) {
    if (attribute == field.name) this->*field.member = integer;
  }
}

std::int32_t rank_in_name(std::string_view file) {
  file = file.substr(file.rfind('/') == std::string_view::npos ? 0 : file.rfind('/') + 1);
  for (const std::string_view ending : {".gz", ".et", ".json"}) {
    if (file.ends_with(ending)) file.remove_suffix(ending.size());
  }
  const std::size_t dot = file.rfind('.');
  if (dot == std::string_view::npos) return kNone;
  const auto number = to_integer(file.substr(dot + 1));
  return number && *number >= 0 && *number < 10'000'000 ? small(*number) : kNone;
}

ChakraGraph::ChakraGraph(Trace& trace, const Source& source, Format format)
    : trace_(trace), assembler_(trace), rank_(add_rank(trace, source, format)) {
  trace.ranks.back().number = rank_in_name(source.name());
}

void ChakraGraph::add(const ChakraNode& node) {
  ++trace_.accounting.events;
  if (places_.contains(node.id)) {
    ++twice_;
    trace_.accounting.lose("node whose id another has", Severity::warning, Fault::file,
                           "convert the trace again");
    return;
  }
  const Place place = take(node);
  places_.emplace(node.id, place);
  refer(node, place);
}

ChakraGraph::Place ChakraGraph::take(const ChakraNode& node) {
  Accounting& accounting = trace_.accounting;
  const bool host = node.cpu_op.value_or(0) != 0;
  switch (node.kind) {
    case ChakraNode::Kind::invalid:
      accounting.lose("node of no type", Severity::note, Fault::file, "");
      return {};
    case ChakraNode::Kind::metadata:
      accounting.lose("metadata node", Severity::note, Fault::none, "");
      return {};
    case ChakraNode::Kind::collective:
      // Linked traces hold the framework's call and the kernel; the kernel has the type.
      if (!node.comm_type || !collective_of(*node.comm_type)) {
        accounting.lose("collective without a type that is known", Severity::note, Fault::none, "");
        return {};
      }
      break;
    case ChakraNode::Kind::compute:
    case ChakraNode::Kind::send:
    case ChakraNode::Kind::receive:
      if (!host) break;
      ++accounting.imported;
      return {kNone, add_operator(node)};
    case ChakraNode::Kind::load:
    case ChakraNode::Kind::store:
      break;
  }
  ++accounting.imported;
  return {add_device(node), kNone};
}

std::int64_t ChakraGraph::time_ns(std::int64_t us) const {
  constexpr std::int64_t kMost = 4'000'000'000'000'000;  // of microseconds in an int64 of ns
  return us > 0 && us < kMost ? us * 1000 : kUnknown;
}

Index ChakraGraph::add_operator(const ChakraNode& node) {
  Operator op;
  op.start_ns = node.start_ns.value_or(time_ns(node.start_us));
  op.duration_ns = node.duration_ns.value_or(time_ns(node.duration_us));
  op.name = trace_.texts.id(node.name);
  op.rank = rank_;
  op.thread =
      assembler_.thread(rank_, "", node.thread ? std::to_string(*node.thread) : std::string());
  op.operands = assembler_.operands({parse_tensors(node.inputs.shapes, node.inputs.types),
                                     parse_tensors(node.outputs.shapes, node.outputs.types),
                                     parse_scalars(node.inputs.values, node.inputs.types)});
  trace_.operators.push_back(op);
  return static_cast<Index>(trace_.operators.size() - 1);
}

Index ChakraGraph::add_device(const ChakraNode& node) {
  DeviceEvent event;
  event.start_ns = node.start_ns.value_or(time_ns(node.start_us));
  event.duration_ns = node.duration_ns.value_or(time_ns(node.duration_us));
  event.name = trace_.texts.id(node.name);
  event.rank = rank_;
  any_duration_ = any_duration_ || event.duration_ns > 0;
  std::int64_t engine = kCompute;
  switch (node.kind) {
    case ChakraNode::Kind::load:
    case ChakraNode::Kind::store:
      engine = kMemory;
      event.activity = Activity::copy;
      event.detail =
          assembler_.transfer({size_or_unknown(node.tensor_bytes),
                               node.kind == ChakraNode::Kind::load ? CopyKind::host_to_device
                                                                   : CopyKind::device_to_host});
      break;
    case ChakraNode::Kind::send:
    case ChakraNode::Kind::receive:
    case ChakraNode::Kind::collective:
      engine = kCommunication;
      communicate(node, event);
      break;
    default:
      if (node.name.starts_with("Memcpy") || node.name.starts_with("Memset")) {
        const bool copy = node.name.starts_with("Memcpy");
        event.activity = copy ? Activity::copy : Activity::fill;
        event.detail = assembler_.transfer(
            {size_or_unknown(node.tensor_bytes), copy ? copy_kind(node.name) : CopyKind::within});
      }
  }
  const bool numbered = node.stream || node.thread;
  event.stream = numbered ? assembler_.stream(rank_, 0, node.stream ? *node.stream : *node.thread)
                          : assembler_.stream(rank_, 0, engine);
  const auto index = static_cast<Index>(trace_.device.size());
  trace_.device.push_back(event);
  if (event.activity == Activity::kernel && (node.operations || node.tensor_bytes)) {
    trace_.counters.push_back({index, static_cast<double>(size_or_unknown(node.tensor_bytes)),
                               static_cast<double>(size_or_unknown(node.operations)), kUnknown});
  }
  return index;
}

void ChakraGraph::communicate(const ChakraNode& node, DeviceEvent& event) {
  CollectiveCall call;
  call.bytes = size_or_unknown(node.comm_bytes);
  if (node.kind == ChakraNode::Kind::collective) {
    const Collective collective = *collective_of(*node.comm_type);
    call.kind = collective.kind;
    call.kind_known = collective.known;
    if (!collective.known) ++unmodelled_;
    call.bytes_in = call.bytes;
  } else {
    const bool sends = node.kind == ChakraNode::Kind::send;
    call.kind = CollectiveKind::send_recv;
    call.kind_known = true;
    call.bytes_in = sends ? call.bytes : 0;
    call.bytes_out = sends ? 0 : call.bytes;
    const auto& peer = sends ? node.destination : node.source;
    if (peer && *peer >= 0) call.peer = small(*peer);
  }
  if (!node.group.empty()) call.group = assembler_.group(node.group);
  event.activity = Activity::communication;
  event.detail = assembler_.collective(std::move(call));
}

void ChakraGraph::refer(const ChakraNode& node, const Place& place) {
  if (place.op != kNone) {
    // The operator around comes first among the control dependencies.
    if (!node.control.empty()) references_.push_back({place.op, node.control.front(), true});
    return;
  }
  if (place.device == kNone) return;
  for (const auto* ids : {&node.control, &node.data}) {
    for (const std::uint64_t id : *ids) references_.push_back({place.device, id, false});
  }
}

void ChakraGraph::finish(const Source& source, Diagnostics& diagnostics) {
  std::int64_t dangling = 0;
  for (const Reference& reference : references_) {
    const auto place = places_.find(reference.before);
    if (place == places_.end()) {
      dangling += reference.from_operator ? 0 : 1;  // the root of a thread is often left out
      continue;
    }
    const Place& before = place->second;
    if (reference.from_operator) {
      if (before.op != reference.after) {
        trace_.operators[static_cast<std::size_t>(reference.after)].parent = before.op;
      }
    } else if (before.device != kNone && before.device != reference.after) {
      trace_.dependencies.push_back({before.device, reference.after});
    } else if (before.op != kNone) {
      Index& op = trace_.device[static_cast<std::size_t>(reference.after)].op;
      if (op == kNone) op = before.op;
    }
  }
  // Proto3 leaves zeros out: beside nodes with durations a missing one is zero. Communication
  // without one is to be simulated.
  for (DeviceEvent& event : trace_.device) {
    if (any_duration_ && event.duration_ns == kUnknown &&
        event.activity != Activity::communication) {
      event.duration_ns = 0;
    }
  }
  const auto say = [&](std::int64_t count, const char* what, const char* hint) {
    if (count == 0) return;
    diagnostics.warning({source.name(), 0, 0}, {}, fmt::format("{} {}", count, what), hint);
  };
  say(dangling, "dependencies are on nodes that the file does not have", "convert the trace again");
  say(twice_, "nodes have the id of another", "convert the trace again");
  say(unmodelled_, "gathers and scatters count as reductions and broadcasts", "");
}

}  // namespace aisle::workloads::traces
