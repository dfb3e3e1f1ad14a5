// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/write_chakra.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <vector>

namespace aisle::workloads::traces {
namespace {

namespace io = google::protobuf::io;

/// A message under construction, field by field.
class Message {
 public:
  void number(std::uint32_t field, std::uint64_t value) {
    put((field << 3) | 0U);
    put(value);
  }

  void bytes(std::uint32_t field, std::string_view value) {
    put((field << 3) | 2U);
    put(value.size());
    out_ += value;
  }

  void numbers(std::uint32_t field, const std::vector<std::uint64_t>& values) {
    if (values.empty()) return;
    Message packed;
    for (const std::uint64_t value : values) packed.put(value);
    bytes(field, packed.out_);
  }

  void put(std::uint64_t value) {
    std::array<std::uint8_t, 10> digits{};
    const std::uint8_t* end = io::CodedOutputStream::WriteVarint64ToArray(value, digits.data());
    out_.append(reinterpret_cast<const char*>(digits.data()),
                static_cast<std::size_t>(end - digits.data()));
  }

  const std::string& text() const { return out_; }

 private:
  std::string out_;
};

// Field numbers of Node, AttributeProto and GlobalMetadata.
constexpr std::uint32_t kId = 1, kName = 2, kType = 3, kControl = 4, kData = 5, kStart = 6,
                        kDuration = 7, kAttribute = 10;
constexpr std::uint32_t kAttributeName = 1, kInt64 = 9, kBool = 27, kString = 29;
constexpr std::uint32_t kMetadataAttribute = 2;

enum NodeType : std::uint64_t {
  kLoad = 2,
  kStore = 3,
  kCompute = 4,
  kSend = 5,
  kReceive = 6,
  kCollective = 7
};

void attribute(Message& node, std::uint32_t as, std::string_view name, std::int64_t value) {
  Message out;
  out.bytes(kAttributeName, name);
  out.number(as, static_cast<std::uint64_t>(value));
  node.bytes(kAttribute, out.text());
}

void attribute(Message& node, std::uint32_t field, std::string_view name, std::string_view value) {
  Message out;
  out.bytes(kAttributeName, name);
  out.bytes(kString, value);
  node.bytes(field, out.text());
}

/// CollectiveCommType.
std::int64_t type_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return 0;
    case CollectiveKind::reduce:
      return 1;
    case CollectiveKind::all_gather:
      return 2;
    case CollectiveKind::broadcast:
      return 5;
    case CollectiveKind::reduce_scatter:
      return 7;
    case CollectiveKind::barrier:
      return 9;
    case CollectiveKind::all_to_all:
    case CollectiveKind::dispatch:
    case CollectiveKind::combine:
    case CollectiveKind::send_recv:
      return 6;
  }
  return 6;
}

class Writer {
 public:
  Writer(const Trace& trace, Index rank, std::ostream& out)
      : trace_(trace), rank_(rank), out_(out), data_(trace.device.size()) {
    for (const Dependency& dependency : trace.dependencies) {
      if (dependency.before != kNone && dependency.after != kNone) {
        data_[static_cast<std::size_t>(dependency.after)].push_back(id_of_event(dependency.before));
      }
    }
    for (const Counters& counters : trace.counters) {
      if (counters.event != kNone) counters_of_[counters.event] = &counters;
    }
  }

  void write() {
    Message metadata;
    attribute(metadata, kMetadataAttribute, "schema", std::string_view("1.1.1-chakra.0.0.4"));
    put(metadata);
    for (std::size_t i = 0; i < trace_.operators.size(); ++i) {
      if (trace_.operators[i].rank == rank_) write_operator(static_cast<Index>(i));
    }
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      if (trace_.device[i].rank == rank_) write_event(static_cast<Index>(i));
    }
  }

 private:
  /// Ids count operators first: node 0 is legal.
  static std::uint64_t id_of_operator(Index index) { return static_cast<std::uint64_t>(index); }

  std::uint64_t id_of_event(Index index) const {
    return trace_.operators.size() + static_cast<std::uint64_t>(index);
  }

  void put(const Message& message) {
    Message size;
    size.put(message.text().size());
    out_ << size.text() << message.text();
  }

  static void times(Message& node, std::int64_t start_ns, std::int64_t duration_ns) {
    if (start_ns >= 0) node.number(kStart, static_cast<std::uint64_t>(start_ns) / 1000);
    if (duration_ns >= 0)
      node.number(kDuration, (static_cast<std::uint64_t>(duration_ns) + 500) / 1000);
    if (start_ns >= 0) attribute(node, kInt64, "start_ns", start_ns);
    if (duration_ns >= 0) attribute(node, kInt64, "duration_ns", duration_ns);
  }

  void write_operator(Index index) {
    const Operator& op = trace_.operators[static_cast<std::size_t>(index)];
    Message node;
    node.number(kId, id_of_operator(index));
    node.bytes(kName, trace_.texts[op.name]);
    node.number(kType, kCompute);
    if (op.parent != kNone) node.numbers(kControl, {id_of_operator(op.parent)});
    times(node, op.start_ns, op.duration_ns);
    attribute(node, kBool, "is_cpu_op", 1);
    if (op.thread != kNone) attribute(node, kInt64, "tid", op.thread);
    put(node);
  }

  void write_event(Index index) {
    const DeviceEvent& event = trace_.device[static_cast<std::size_t>(index)];
    Message node;
    node.number(kId, id_of_event(index));
    node.bytes(kName, trace_.texts[event.name]);
    const CollectiveCall* call = call_of(event);
    node.number(kType, type_of_node(call));
    if (const auto before = last_.find(event.stream); before != last_.end()) {
      node.numbers(kControl, {id_of_event(before->second)});
    }
    last_[event.stream] = index;
    std::vector<std::uint64_t> data = data_[static_cast<std::size_t>(index)];
    if (event.op != kNone) data.push_back(id_of_operator(event.op));
    node.numbers(kData, data);
    times(node, event.start_ns, event.duration_ns);
    attribute(node, kBool, "is_cpu_op", std::int64_t{0});
    if (event.stream != kNone) {
      attribute(node, kInt64, "stream",
                trace_.streams[static_cast<std::size_t>(event.stream)].number);
    }
    if (call != nullptr) communicate(node, *call);
    work(node, index, event);
    put(node);
  }

  /// Nothing where the kind is not known: Chakra's collectives have one, so that a kernel it stays.
  const CollectiveCall* call_of(const DeviceEvent& event) const {
    if (event.activity != Activity::communication || event.detail == kNone) return nullptr;
    const CollectiveCall& call = trace_.collectives[static_cast<std::size_t>(event.detail)];
    return call.kind_known ? &call : nullptr;
  }

  static bool receives(const CollectiveCall& call) {
    return call.bytes_out > 0 && call.bytes_in <= 0;
  }

  static NodeType type_of_node(const CollectiveCall* call) {
    if (call == nullptr) return kCompute;
    if (call->kind != CollectiveKind::send_recv) return kCollective;
    return receives(*call) ? kReceive : kSend;
  }

  void communicate(Message& node, const CollectiveCall& call) const {
    if (call.kind != CollectiveKind::send_recv) {
      attribute(node, kInt64, "comm_type", type_of(call.kind));
    } else if (call.peer != kNone) {
      attribute(node, kInt64, receives(call) ? "comm_src" : "comm_dst", call.peer);
    }
    attribute(node, kInt64, "comm_size", std::max<std::int64_t>(call.bytes, 0));
    if (call.group == kNone) return;
    attribute(node, kAttribute, "pg_name",
              std::string_view(trace_.groups[static_cast<std::size_t>(call.group)].name));
  }

  void work(Message& node, Index index, const DeviceEvent& event) const {
    const bool moves = event.activity == Activity::copy || event.activity == Activity::fill;
    if (moves && event.detail != kNone) {
      const std::int64_t bytes = trace_.transfers[static_cast<std::size_t>(event.detail)].bytes;
      if (bytes >= 0) attribute(node, kInt64, "tensor_size", bytes);
    }
    const auto known = counters_of_.find(index);
    if (known == counters_of_.end()) return;
    const auto whole = [](double value) {
      return static_cast<std::int64_t>(std::min(value, 9e18));
    };
    if (known->second->flops >= 0) attribute(node, kInt64, "num_ops", whole(known->second->flops));
    if (known->second->dram_bytes >= 0) {
      attribute(node, kInt64, "tensor_size", whole(known->second->dram_bytes));
    }
  }

  const Trace& trace_;
  Index rank_;
  std::ostream& out_;
  std::vector<std::vector<std::uint64_t>> data_;
  std::map<Index, const Counters*> counters_of_;
  std::map<Index, Index> last_;  // event of each stream
};

}  // namespace

bool write_chakra(const Trace& trace, Index rank, const std::string& path,
                  Diagnostics& diagnostics) {
  if (rank < 0 || static_cast<std::size_t>(rank) >= trace.ranks.size()) {
    diagnostics.error({path, 0, 0}, {}, "the trace has no such rank");
    return false;
  }
  const std::string beside = path + ".part";
  std::ofstream out(beside, std::ios::binary);
  Writer(trace, rank, out).write();
  out.close();
  if (out && std::rename(beside.c_str(), path.c_str()) == 0) return true;
  std::remove(beside.c_str());
  diagnostics.error({path, 0, 0}, {}, "cannot be written", "check the folder and its free space");
  return false;
}

}  // namespace aisle::workloads::traces
