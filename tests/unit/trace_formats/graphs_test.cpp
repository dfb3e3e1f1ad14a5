// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/trace_formats/import_text.hpp"
#include "workloads/traces/write_chakra.hpp"

#include <filesystem>

namespace aisle::workloads::traces {
namespace {

// Protobuf by hand: the wire format, not the writer under test.
std::string varint(std::uint64_t value) {
  std::string out;
  for (; value > 127; value >>= 7) out += static_cast<char>((value & 127) | 128);
  return out + static_cast<char>(value);
}

std::string number(std::uint32_t field, std::uint64_t value) {
  return varint(field << 3) + varint(value);
}

std::string bytes(std::uint32_t field, const std::string& value) {
  return varint((field << 3) | 2) + varint(value.size()) + value;
}

std::string attribute(const std::string& name, std::uint32_t field, std::uint64_t value) {
  return bytes(10, bytes(1, name) + number(field, value));
}

std::string record(const std::string& message) {
  return varint(message.size()) + message;
}

const std::string kMetadata = record(bytes(2, bytes(1, "schema") + bytes(29, "1.0.2")));

std::string linked() {
  return kMetadata +
         record(number(1, 1) + bytes(2, "aten::mm") + number(3, 4) +
                bytes(8, bytes(1, "[[1, 2, 0, 6, 4, 'cuda:0'], 3]") + bytes(2, "[[2, 3], []]") +
                             bytes(3, "['Tensor(float)', 'Int']")) +
                attribute("is_cpu_op", 27, 1) + attribute("tid", 13, 7)) +
         record(number(1, 2) + bytes(2, "sgemm") + number(3, 4) + bytes(4, varint(1)) +
                number(7, 30) + attribute("is_cpu_op", 27, 0) + attribute("num_ops", 9, 1000) +
                attribute("tensor_size", 13, 64) + attribute("stream", 5 + 2, 7)) +
         record(number(1, 3) + bytes(2, "Memcpy DtoD (Device -> Device)") + number(3, 4) +
                attribute("is_cpu_op", 27, 0) + attribute("stream", 9, 7)) +
         record(number(1, 4) + bytes(2, "nccl") + number(3, 7) + bytes(5, varint(2)) +
                attribute("comm_type", 17, 4) + attribute("comm_size", 13, 2048) +
                bytes(10, bytes(1, "pg_name") + bytes(29, "tp"))) +
         record(number(1, 5) + bytes(2, "recv") + number(3, 6) + attribute("comm_src", 7, 1) +
                attribute("comm_size", 9, 16)) +
         record(number(1, 6) + bytes(2, "c10d::allreduce_") + number(3, 7) +
                attribute("is_cpu_op", 27, 1));
}

const DeviceEvent& event_named(const Trace& trace, std::string_view name) {
  static const DeviceEvent none;
  for (const DeviceEvent& event : trace.device) {
    if (trace.name_of(event) == name) return event;
  }
  ADD_FAILURE() << "no event " << name;
  return none;
}

TEST(Chakra, ReadsLinkedTraces) {
  const Trace trace = import_text(linked(), Format::chakra, "job.3.et");
  EXPECT_EQ(trace.ranks[0].number, 3);
  ASSERT_EQ(trace.device.size(), 4U);
  ASSERT_EQ(trace.operators.size(), 1U);
  const Operands& operands =
      trace.operands.at(static_cast<std::size_t>(trace.operators[0].operands));
  EXPECT_EQ(operands.inputs.at(0).shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(operands.inputs.at(0).type, "float");
  EXPECT_EQ(operands.values, R"(["", "3"])");
  const DeviceEvent& gemm = event_named(trace, "sgemm");
  EXPECT_EQ(gemm.duration_ns, 30000);
  EXPECT_EQ(gemm.start_ns, kUnknown);
  EXPECT_EQ(gemm.op, 0);
  EXPECT_DOUBLE_EQ(trace.counters.at(0).flops, 1000);
  EXPECT_DOUBLE_EQ(trace.counters.at(0).dram_bytes, 64);
  const DeviceEvent& copy = event_named(trace, "Memcpy DtoD (Device -> Device)");
  EXPECT_EQ(copy.activity, Activity::copy);
  EXPECT_EQ(copy.duration_ns, 0);  // proto3 leaves zeros out
  const DeviceEvent& reduce = event_named(trace, "nccl");
  EXPECT_EQ(reduce.duration_ns, kUnknown);
  const CollectiveCall& call = trace.collectives.at(static_cast<std::size_t>(reduce.detail));
  EXPECT_EQ(call.kind, CollectiveKind::all_gather);  // zigzag 4 is 2
  EXPECT_EQ(call.bytes, 2048);
  EXPECT_EQ(trace.groups.at(static_cast<std::size_t>(call.group)).name, "tp");
  EXPECT_EQ(unused_of(trace, "collective without a type that is known"), 1);
  ASSERT_EQ(trace.dependencies.size(), 1U);
  EXPECT_EQ(trace.name_of(trace.device[static_cast<std::size_t>(trace.dependencies[0].before)]),
            "sgemm");
}

TEST(Chakra, ConvertsTheSchemaBeforeGlobalMetadata) {
  const std::string old =
      record(number(1, 0) + bytes(2, "layer 1") + number(3, 3) + number(7, 5) + number(12, 100)) +
      record(number(1, 1) + bytes(2, "layer 1 gradients") + number(3, 6) + number(4, 0) +
             number(13, 4) + number(18, 64)) +
      record(number(1, 2) + bytes(2, "send") + number(3, 4) + number(4, 1) + number(17, 1) +
             number(18, 8));
  const Trace trace = import_text(old, Format::chakra, "old.0.et");
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(event_named(trace, "layer 1").duration_ns, 5000);
  EXPECT_EQ(trace.collectives.at(0).kind, CollectiveKind::reduce_scatter);
  EXPECT_EQ(trace.collectives.at(0).bytes, 64);
  EXPECT_EQ(trace.collectives.at(1).peer, 1);
  EXPECT_EQ(trace.dependencies.size(), 2U);
}

TEST(Chakra, CountsWhatIsCutAndWhatIsMalformed) {
  const std::string whole = linked();
  const Trace cut =
      import_text(std::string_view(whole).substr(0, whole.size() - 3), Format::chakra);
  EXPECT_EQ(unused_of(cut, "record that breaks off"), 1);
  const Trace bad = import_text(whole + record("\x0f\x0f"), Format::chakra);
  EXPECT_EQ(unused_of(bad, "malformed node"), 1);
  const Trace twice =
      import_text(whole + record(number(1, 2) + bytes(2, "again") + number(3, 4)), Format::chakra);
  EXPECT_EQ(unused_of(twice, "node whose id another has"), 1);
  const Trace huge = import_text(whole + "\xff\xff\xff\xff\x0f", Format::chakra);
  EXPECT_EQ(unused_of(huge, "record that breaks off"), 1);
}

TEST(Chakra, ReadsWhatItWrites) {
  Trace trace = import_text(linked(), Format::chakra, "job.3.et");
  event_named(trace, "sgemm");
  std::int64_t at = 1'000'000;
  for (DeviceEvent& event : trace.device) {
    event.start_ns = at;
    event.duration_ns = 1234;
    at += 2001;
  }
  const std::string path = testing::TempDir() + "round_trip.3.et";
  Diagnostics diagnostics;
  ASSERT_TRUE(write_chakra(trace, 0, path, diagnostics));
  EXPECT_FALSE(write_chakra(trace, 1, path, diagnostics));
  Diagnostics second;
  const auto again = read_trace({path}, second);
  std::filesystem::remove(path);
  ASSERT_TRUE(again);
  expect_accounted(*again);
  EXPECT_TRUE(again->accounting.unused.empty());
  ASSERT_EQ(again->device.size(), trace.device.size());
  EXPECT_EQ(again->operators.size(), trace.operators.size());
  EXPECT_EQ(again->ranks[0].number, 3);
  for (const DeviceEvent& event : trace.device) {
    const DeviceEvent& same = event_named(*again, trace.name_of(event));
    EXPECT_EQ(same.duration_ns, event.duration_ns);
    EXPECT_EQ(same.start_ns, event.start_ns - 1'000'000);
    EXPECT_EQ(same.activity, event.activity);
  }
  const CollectiveCall& call =
      again->collectives.at(static_cast<std::size_t>(event_named(*again, "nccl").detail));
  EXPECT_EQ(call.kind, CollectiveKind::all_gather);
  EXPECT_EQ(call.bytes, 2048);
  const CollectiveCall& receive =
      again->collectives.at(static_cast<std::size_t>(event_named(*again, "recv").detail));
  EXPECT_EQ(receive.peer, 1);
  EXPECT_EQ(receive.bytes_out, 16);
  EXPECT_DOUBLE_EQ(again->counters.at(0).flops, 1000);
  EXPECT_GE(again->dependencies.size(), 1U);
}

TEST(ChakraJson, ReadsNodesUnderEitherSpelling) {
  const Trace trace = import_text(
      R"json({"workload_graph": [
      {"Id": 1, "Name": "aten::mm", "NodeType": 4, "runtime": 3, "is_cpu_op": true},
      {"Id": 2, "Name": "sgemm", "NodeType": 4, "ctrlDeps": [1], "runtime": 30, "is_cpu_op": false},
      {"id": "3", "name": "nccl", "type": "COMM_COLL_NODE", "data_deps": ["2"], "attr": [
        {"name": "comm_type", "int64Val": "6"}, {"name": "comm_size", "int64Val": "64"}]},
      {"Id": 4, "Name": "c10d::allreduce_", "NodeType": 7, "is_cpu_op": true}, 17],
      "workload_name": "x"})json",
      Format::chakra_json);
  ASSERT_EQ(trace.device.size(), 2U);
  EXPECT_EQ(event_named(trace, "sgemm").op, 0);
  EXPECT_EQ(trace.collectives.at(0).kind, CollectiveKind::all_to_all);
  EXPECT_EQ(trace.collectives.at(0).bytes, 64);
  EXPECT_EQ(trace.dependencies.size(), 1U);
  EXPECT_EQ(unused_of(trace, "collective without a type that is known"), 1);
}

TEST(PytorchEt, ReadsFlatAndNestedNodes) {
  const char* flat =
      R"json({"schema": "1.0.1", "pid": 1, "start_ts": 5, "nodes": [
      {"name": "[pytorch|profiler|execution_graph|thread]", "id": 2, "parent": 1},
      {"name": "aten::view", "id": 4, "parent": 3, "tid": 1,
       "inputs": [[5,6,0,12,4,"cuda:0"],[-1,4]], "input_shapes": [[12],[[],[]]],
       "input_types": ["Tensor(float)","GenericList[Int,Int]"],
       "outputs": [[7,6,0,12,4,"cuda:0"]], "output_shapes": [[3,4]],
       "output_types": ["Tensor(float)"]},
      {"name": "outer", "id": 3, "parent": 2, "tid": 1}], "finish_ts": 9
})json";
  const char* nested =
      R"json({"schema": "1.1.0-chakra.0.0.4", "pid": 1, "start_ts": 5, "nodes": [
      {"id": 2, "name": "[pytorch|profiler|execution_trace|thread]", "ctrl_deps": 1},
      {"id": 4, "name": "aten::view", "ctrl_deps": 3, "inputs": {
       "values": [[5,6,0,12,4,"cuda:0"],[-1,4]], "shapes": [[12],[[],[]]],
       "types": ["Tensor(float)","GenericList[Int,Int]"], "strides": [[1],[]]
}

, "outputs" : {"values" : [], "shapes" : [[ 3, 4 ]], "types" : ["Tensor(float)"]},
              "attrs" : [ {"name" : "tid", "type" : "uint64", "value" : 1} ]
},
      {"id": 3, "name": "outer", "ctrl_deps": 2}]
})json";
  for (const char* text : {flat, nested}) {
    const Trace trace = import_text(text, Format::pytorch_et);
    ASSERT_EQ(trace.operators.size(), 2U);
    EXPECT_EQ(trace.operators[0].parent, 1);
    EXPECT_EQ(trace.operators[0].start_ns, kUnknown);
    const Operands& operands =
        trace.operands.at(static_cast<std::size_t>(trace.operators[0].operands));
    EXPECT_EQ(operands.inputs.at(0).shape, (std::vector<std::int64_t>{12}));
    EXPECT_EQ(operands.outputs.at(0).shape, (std::vector<std::int64_t>{3, 4}));
    EXPECT_EQ(operands.values, R"(["", "[-1,4]"])");
    EXPECT_EQ(trace.threads.at(static_cast<std::size_t>(trace.operators[0].thread)).thread, "1");
    EXPECT_EQ(unused_of(trace, "process or thread node"), 1);
  }
}

}  // namespace
}  // namespace aisle::workloads::traces
