// SPDX-License-Identifier: Apache-2.0
// Every era of Kineto's format, and its traps, in a few records each.
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace aisle::workloads::traces {
namespace {

std::int64_t accounted(const Accounting& accounting) {
  std::int64_t sum = accounting.imported;
  for (const Unused& lost : accounting.unused) sum += lost.count;
  return sum;
}

// Reads a text that is whole, and checks that every record is accounted for.
Trace read(const std::string& text, std::int64_t events) {
  Diagnostics diagnostics;
  auto trace = read_trace(Source::over(text, "trace.json"), diagnostics);
  for (const Diagnostic& told : diagnostics.all()) ADD_FAILURE() << to_string(told);
  if (!trace) return {};
  EXPECT_EQ(trace->accounting.events, events);
  EXPECT_EQ(accounted(trace->accounting), events);
  return std::move(*trace);
}

std::string object(const std::string& events, const std::string& members = "") {
  return R"({"schemaVersion": 1, )" + members + R"("traceEvents": [)" + events + "]}";
}

std::string kernel(const std::string& ts, const std::string& arguments,
                   const std::string& name = "gemm") {
  return R"({"ph": "X", "cat": "kernel", "name": ")" + name + R"(", "pid": 0, "tid": 7, "ts": )" +
         ts + R"(, "dur": 2.5, "args": {"device": 0, "stream": 7, )" + arguments + "}}";
}

std::string host(const std::string& category, const std::string& name, const std::string& ts,
                 const std::string& duration, const std::string& arguments) {
  return R"({"ph": "X", "cat": ")" + category + R"(", "name": ")" + name +
         R"(", "pid": 11, "tid": 12, "ts": )" + ts + R"(, "dur": )" + duration + R"(, "args": {)" +
         arguments + "}}";
}

std::int64_t unused(const Trace& trace, const std::string& name) {
  for (const Unused& entry : trace.accounting.unused) {
    if (entry.name == name) return entry.count;
  }
  return 0;
}

TEST(Kineto, DecimalTimesKeepTheirNanoseconds) {
  // 19 digits: a double turns ...689.047 into ...689.0.
  const Trace trace = read(object(kernel("1706800000123689.047", "\"correlation\": 1") + "," +
                                  kernel("1706800000123691.999", "\"correlation\": 2")),
                           2);
  ASSERT_EQ(trace.device.size(), 2U);
  EXPECT_EQ(trace.device[0].start_ns, 0);
  EXPECT_EQ(trace.device[1].start_ns, 2952);
  EXPECT_EQ(trace.device[0].duration_ns, 2500);
  EXPECT_EQ(trace.origin_ns, 1706800000123689047);
}

TEST(Kineto, RelativeTimesAddToTheBase) {
  const std::string base = R"("baseTimeNanoseconds": 1767189312000000000, )";
  const Trace before = read(object(kernel("12.345", "\"correlation\": 1"), base), 1);
  EXPECT_EQ(before.origin_ns, 1767189312000012345);
  const std::string behind =
      R"({"traceEvents": [)" + kernel("12.345", "\"correlation\": 1") +
      R"(], "displayTimeUnit": "ms", "baseTimeNanoseconds": 1767189312000000000})";
  EXPECT_EQ(read(behind, 1).origin_ns, before.origin_ns);
}

TEST(Kineto, TimesOfAClockWithoutEpochHaveNoOrigin) {
  EXPECT_EQ(read(object(kernel("5000", "\"correlation\": 1")), 1).origin_ns, 0);
}

TEST(Kineto, SchemaOf2021) {
  const Trace trace = read(
      object(
          R"({"ph": "X", "cat": "Operator", "name": "aten::mm", "pid": 5, "tid": "55", "ts": 1000, "dur": 50,
              "args": {"Device": 5, "External id": 43, "Input Dims": [[2, 3], []], "Input type": ["float", "Int"]}},
             {"ph": "X", "cat": "Runtime", "name": "cudaLaunchKernel", "pid": 5, "tid": "55", "ts": 1010, "dur": 5,
              "args": {"cbid": 41, "correlation": 900, "external id": 43}},
             {"ph": "X", "cat": "Kernel", "name": "sgemm", "pid": 0, "tid": "stream 7", "ts": 1030, "dur": 20,
              "args": {"queued": 0, "device": 0, "stream": 7, "correlation": 900, "external id": 43, "grid": [50, 1, 1], "block": [256, 1, 1], "registers per thread": 38, "shared memory": 128}},
             {"ph": "X", "cat": "Memset", "name": "Memset", "pid": 0, "tid": "stream 7", "ts": 1060, "dur": 0,
              "args": {
  "device" : 0, "stream" : 7, "correlation" : 901, "bytes" : 512}},
             {"ph": "i", "s": "t", "name": "[memory]", "pid": 5, "tid": 55, "ts": 1001, "args": {"Bytes": 4}},
             {"ph": "s", "id": 900, "pid": 5, "tid": 55, "ts": 1010, "cat": "async", "name": "launch"})"),
      6);
  ASSERT_EQ(trace.device.size(), 2U);
  EXPECT_EQ(trace.device[0].launch, 0);
  EXPECT_EQ(trace.device[0].op, 0);
  EXPECT_EQ(trace.streams.size(), 1U);
  EXPECT_EQ(trace.streams[0].number, 7);
  const LaunchShape& shape = trace.launches.at(0);
  EXPECT_EQ(shape.grid[0], 50);
  EXPECT_EQ(shape.block[0], 256);
  EXPECT_EQ(shape.registers, 38);
  EXPECT_EQ(shape.shared_memory, 128);
  EXPECT_EQ(trace.device[1].activity, Activity::fill);
  EXPECT_EQ(trace.device[1].duration_ns, 0);
  EXPECT_EQ(trace.transfers.at(0).bytes, 512);
  const Operands& operands = trace.operands.at(0);
  ASSERT_EQ(operands.inputs.size(), 2U);
  EXPECT_EQ(operands.inputs[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(operands.inputs[0].type, "float");
  EXPECT_EQ(operands.inputs[1].type, "Int");
}

TEST(Kineto, GraphReplaySharesOneLaunchAndEarlyKernelsHaveNone) {
  const Trace trace = read(
      object(host("cuda_runtime", "hipGraphLaunch", "10", "3", "\"cid\": 60, \"correlation\": 4") +
             "," + kernel("20", "\"correlation\": 4") + "," + kernel("30", "\"correlation\": 4") +
             "," + kernel("5", "\"correlation\": 3")),
      4);
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(trace.device[0].launch, kNone);
  EXPECT_EQ(trace.device[1].launch, 0);
  EXPECT_EQ(trace.device[2].launch, 0);
  EXPECT_EQ(trace.calls[0].kind, HostCall::Kind::graph_launch);
}

TEST(Kineto, LaunchCallOfHipKnowsTheGrid) {
  const Trace trace =
      read(object(host("cuda_runtime", "hipLaunchKernel", "10", "3",
                       "\"correlation\": 4, \"grid\": [1, 40, 1], \"block\": [256, 1, 1]") +
                  "," + kernel("20", "\"correlation\": 4")),
           2);
  ASSERT_EQ(trace.device.at(0).detail, 0);
  EXPECT_EQ(trace.launches.at(0).grid[1], 40);
}

TEST(Kineto, ExternalIdThatRepeatsTheCorrelationIsNoOperator) {
  // As in files of 2023: operator 900 is another one.
  const Trace trace =
      read(object(host("cpu_op", "aten::add", "0", "10", "\"External id\": 900") + "," +
                  host("cpu_op", "aten::linear", "100", "50", "\"External id\": 2") + "," +
                  host("cpu_op", "aten::mm", "110", "20", "\"External id\": 3") + "," +
                  host("cuda_runtime", "cudaLaunchKernel", "115", "5",
                       "\"External id\": 900, \"correlation\": 900") +
                  "," + kernel("140", "\"External id\": 900, \"correlation\": 900")),
           5);
  ASSERT_EQ(trace.device.size(), 1U);
  ASSERT_NE(trace.device[0].op, kNone);
  const Operator& op = trace.operators[static_cast<std::size_t>(trace.device[0].op)];
  EXPECT_EQ(trace.texts[op.name], "aten::mm");
  ASSERT_NE(op.parent, kNone);
  EXPECT_EQ(trace.texts[trace.operators[static_cast<std::size_t>(op.parent)].name], "aten::linear");
}

TEST(Kineto, ExternalIdOfAnOperatorNamesIt) {
  // The launch is on a thread that has no operators, as with autograd's own.
  const Trace trace = read(object(host("cpu_op", "aten::mm", "110", "20", "\"External id\": 3") +
                                  "," + kernel("140", "\"External id\": 3, \"correlation\": 900")),
                           2);
  EXPECT_EQ(trace.device.at(0).op, 0);
}

TEST(Kineto, MetadataOfCollectives) {
  const std::string meta =
      R"("Collective name": "_allgather_base", "In msg nelems": 25136, "Out msg nelems": 201088,
      "Group size": 8, "dtype": "BFloat16", "In split size": "[]", "Out split size": "[1, 2]", "Seq": 17,
      "Process Group Name": "3", "Process Group Description": "tp", "Process Group Ranks": "[0, 1, 2, ...",
      "grid": [11, 1, 1], "block": [512, 1, 1], "correlation": 5)";
  const Trace trace = read(
      object(kernel("20", meta, "ncclDevKernel_AllGather_RING_LL(x)"),
             R"("distributedInfo": {"backend": "nccl", "rank": 3, "world_size": 8, "pg_config": [
                {"pg_name": "3", "pg_size": 8, "ranks": [0, 1, 2, 3, 4, 5, 6, 7]}]}, )"),
      1);
  EXPECT_EQ(trace.ranks.at(0).number, 3);
  EXPECT_EQ(trace.ranks.at(0).world, 8);
  ASSERT_EQ(trace.device.at(0).activity, Activity::communication);
  const CollectiveCall& call = trace.collectives.at(0);
  EXPECT_EQ(call.kind, CollectiveKind::all_gather);
  EXPECT_EQ(call.bytes, 402176);  // what is gathered, two bytes each
  EXPECT_EQ(call.bytes_in, 50272);
  EXPECT_EQ(call.sequence, 17);
  EXPECT_EQ(call.split_out, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(trace.launches.at(static_cast<std::size_t>(call.shape)).grid[0], 11);
  ASSERT_EQ(trace.groups.size(), 1U);
  EXPECT_EQ(trace.groups[0].ranks.size(), 8U);
  EXPECT_EQ(trace.groups[0].description, "tp");
}

TEST(Kineto, CollectiveWithoutMetadataKeepsItsLaunchAndHasNoSize) {
  const Trace trace =
      read(object(kernel("20", R"("grid": [20, 1, 1], "block": [544, 1, 1], "correlation": 5)",
                         "ncclKernel_AllReduce_RING_LL_Sum_float(x)")),
           1);
  ASSERT_EQ(trace.device.at(0).activity, Activity::communication);
  const CollectiveCall& call = trace.collectives.at(0);
  EXPECT_EQ(call.bytes, kUnknown);
  EXPECT_EQ(trace.launches.at(static_cast<std::size_t>(call.shape)).grid[0], 20);
}

TEST(Kineto, StreamWaitsForAnEventOfAnother) {
  const auto on = [](int stream, int correlation, const std::string& ts) {
    return R"({"ph": "X", "cat": "kernel", "name": "k)" + std::to_string(correlation) +
           R"(", "pid": 0, "tid": )" + std::to_string(stream) + R"(, "ts": )" + ts +
           R"(, "dur": 1, "args": {"device": 0, "stream": )" + std::to_string(stream) +
           R"(, "correlation": )" + std::to_string(correlation) + "}}";
  };
  const Trace trace = read(
      object(
          on(20, 30, "50") + "," + on(20, 33, "70") + "," + on(28, 31, "60") + "," +
          on(28, 40, "90") + "," +
          R"({"ph": "X", "cat": "cuda_sync", "name": "Stream Wait Event", "pid": 0, "tid": 28, "ts": 75, "dur": 1,
                 "args": {"wait_on_stream": 20, "wait_on_cuda_event_record_corr_id": 32, "stream": 28, "correlation": 36, "device": 0}},
                {"ph": "X", "cat": "cuda_sync", "name": "Context Sync", "pid": 0, "tid": -1, "ts": 95, "dur": 1,
                 "args": {"stream": 4294967295, "correlation": 41, "device": 0}},)" +
          host("cuda_runtime", "cudaStreamWaitEvent", "74", "1", "\"correlation\": 36")),
      7);
  ASSERT_EQ(trace.dependencies.size(), 1U);
  const auto name = [&](Index event) {
    return trace.name_of(trace.device[static_cast<std::size_t>(event)]);
  };
  EXPECT_EQ(name(trace.dependencies[0].before), "k30");
  EXPECT_EQ(name(trace.dependencies[0].after), "k40");
  ASSERT_EQ(trace.calls.size(), 2U);
  EXPECT_EQ(trace.calls[0].kind, HostCall::Kind::wait_event);
  EXPECT_EQ(trace.streams[static_cast<std::size_t>(trace.calls[0].stream)].number, 28);
  EXPECT_EQ(trace.calls[1].kind, HostCall::Kind::wait);
  EXPECT_EQ(trace.calls[1].stream, kNone);
}

TEST(Kineto, AnnotationsOfHostAndDevice) {
  const Trace trace = read(
      object(
          host("user_annotation", "ProfilerStep#12", "0", "100", "\"External id\": 1") + "," +
          R"({"ph": "X", "cat": "gpu_user_annotation", "name": "attention", "pid": 0, "tid": 7, "ts": 10, "dur": 5},
                {"ph": "M", "name": "thread_name", "pid": 0, "tid": 7, "args": {"name": "stream 7 "}})"),
      3);
  ASSERT_EQ(trace.annotations.size(), 2U);
  EXPECT_TRUE(trace.annotations[0].step);
  EXPECT_NE(trace.annotations[0].thread, kNone);
  EXPECT_FALSE(trace.annotations[1].step);
  EXPECT_EQ(trace.streams.at(0).name, "stream 7");
}

TEST(Kineto, SurprisesAreCounted) {
  const Trace trace = read(
      object(
          R"({"ph": "X", "cat": "Trace", "ts": 1, "dur": 9, "pid": "Spans", "tid": "PyTorch Profiler", "name": "PyTorch Profiler"},
             {"ph": "i", "name": "Record Window End", "pid": "", "tid": "", "ts": 5},
             {"ph": "X", "cat": "mtia_ccp_events", "name": "dpe", "pid": 7, "tid": "x", "ts": 4, "dur": 1, "args": null},
             {"ph": "C", "name": "power", "pid": 1, "ts": 3, "args": {"W": 4.5}},
             {"ph": "X", "cat": "kernel", "name": "no time", "pid": 0, "tid": 7, "ts": "soon", "dur": 1},
             {"ph": "X", "cat": "kernel", "name": "no arguments \u00e9\n", "pid": 3, "tid": 9, "ts": 2, "dur": 1},
             {"name": "no phase"}, {})"),
      8);
  ASSERT_EQ(trace.device.size(), 1U);
  EXPECT_EQ(trace.name_of(trace.device[0]), "no arguments \xC3\xA9\n");
  EXPECT_EQ(trace.streams.at(0).device, 3);
  EXPECT_EQ(trace.streams.at(0).number, 9);
  EXPECT_EQ(unused(trace, "event of category 'mtia_ccp_events'"), 1);
  EXPECT_EQ(unused(trace, "event of category 'Trace'"), 1);
  EXPECT_EQ(unused(trace, "counter"), 1);
  EXPECT_EQ(unused(trace, "instant"), 1);
  EXPECT_EQ(unused(trace, "event without a readable time"), 1);
  EXPECT_EQ(unused(trace, "record that is no event"), 2);
}

TEST(Kineto, BeginAndEndMakeASpan) {
  const Trace trace = read(
      R"([{"ph": "B", "cat": "cpu_op", "name": "outer", "pid": 1, "tid": 1, "ts": 10},
          {"ph": "B", "name": "inner", "pid": 1, "tid": 1, "ts": 12},
          {"ph": "E", "pid": 1, "tid": 1, "ts": 15}, {"ph": "E", "pid": 1, "tid": 1, "ts": 30},
          {"ph": "E", "pid": 1, "tid": 2, "ts": 31}, {"ph": "B", "pid": 1, "tid": 2, "ts": 32}])",
      6);
  ASSERT_EQ(trace.operators.size(), 1U);
  EXPECT_EQ(trace.operators[0].duration_ns, 20'000);
  ASSERT_EQ(trace.annotations.size(), 1U);
  EXPECT_EQ(trace.texts[trace.annotations[0].name], "inner");
  EXPECT_EQ(unused(trace, "begin or end without its other half"), 2);
}

TEST(Kineto, DeviceOfTheRankAndSeveralDevices) {
  const Trace trace = read(
      object(
          R"({"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy PtoP", "pid": 1, "tid": 0, "ts": 1, "dur": 1, "args": {
  "device" : 1, "stream" : 0, "bytes" : 64}},)" +
              kernel("2", "\"correlation\": 1") + "," + kernel("4", "\"correlation\": 2"),
          R"("deviceProperties": [{"id": 0, "name": "", "numSms": 304, "totalGlobalMem": 206141652992},
                {"id": 1, "name": "other", "numSms": 1}], )"),
      3);
  EXPECT_EQ(trace.ranks.at(0).cores, 304);
  EXPECT_EQ(trace.ranks.at(0).memory_bytes, 206141652992);
  EXPECT_EQ(trace.ranks.at(0).device, "");
  EXPECT_EQ(trace.streams.size(), 2U);
  EXPECT_EQ(trace.transfers.at(0).kind, CopyKind::peer);
}

TEST(Kineto, TraceViewOfAscend) {
  const Trace trace = read(
      R"~([{"ph": "X", "name": "aten::mm", "pid": 3, "tid": 3, "ts": "1736412474714258.990", "dur": 167.56, "cat": "cpu_op",
           "args": {"Input Dims": "1024,72;\r\n;\r\n72,8", "Input type": "float;\r\nScalar;\r\nfloat"}},
          {"ph": "X", "name": "Node@launch", "pid": 9, "tid": 3, "ts": "1736412474714300.000", "dur": 5, "args": {"level": "node", "connection_id": 77}},
          {"ph": "s", "bp": "e", "name": "torch_to_npu", "id": 1736412474714400010, "pid": 3, "tid": 3, "ts": "1736412474714301.000", "cat": "async_npu"},
          {"ph": "X", "name": "MatMulV2", "pid": 8, "tid": 2, "ts": "1736412474714400.010", "dur": 20.5, "args": {"Task Type": "AI_CORE", "connection_id": 77}},
          {"ph": "X", "name": "MEMCPY_ASYNC", "pid": 8, "tid": 2, "ts": "1736412474714500", "dur": 2, "args": {"Task Type": "SDMA_SQE", "data size(Byte)": 256, "memcpy direction": "host to device", "connection_id": 78
}
},
          {"ph": "X", "name": "EVENT_WAIT", "pid": 8, "tid": 2, "ts": "1736412474714510", "dur": 2, "args": {"Task Type": "EVENT_WAIT_SQE"}},
          {"ph": "X", "name": "hcom_allReduce__271_0_1", "pid": 7, "tid": 2, "ts": "1736412474714600.000", "dur": 10, "args": {"connection_id": 79, "data_type": "FP32", "alg_type": "MESH-RING", "count": 1000}},
          {"ph": "X", "name": "Notify_Wait", "pid": 7, "tid": 1, "ts": "1736412474714601.000", "dur": 1, "args": {"task type": "Notify_Wait"}},
          {"ph": "X", "name": "Free", "pid": 6, "tid": 1, "ts": "1736412474714601.000", "dur": 1},
          {"ph": "C", "name": "HBM", "pid": 5, "ts": "1736412474714601.000", "args": {"Read": 0.0}},
          {"name": "thread_name", "pid": 8, "tid": 2, "args": {"name": "Stream 2"}, "ph": "M"}])~",
      11);
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(trace.ranks.at(0).format, Format::ascend_trace_view);
  EXPECT_EQ(trace.device[0].start_ns, 141'020);
  EXPECT_EQ(trace.device[0].launch, 0);
  EXPECT_EQ(trace.device[0].op, 0);
  EXPECT_EQ(trace.operands.at(0).inputs.at(2).shape, (std::vector<std::int64_t>{72, 8}));
  EXPECT_EQ(trace.operands.at(0).inputs.at(2).type, "float");
  EXPECT_EQ(trace.device[1].activity, Activity::copy);
  EXPECT_EQ(trace.device[2].activity, Activity::communication);
  EXPECT_EQ(trace.collectives.at(0).bytes, 4000);
  EXPECT_EQ(trace.collectives.at(0).kind, CollectiveKind::all_reduce);
  EXPECT_EQ(trace.streams.size(), 2U);  // stream 2, and row 2 of the collectives
}

TEST(Kineto, DamagedRecordsAreCountedAndTheRestIsRead) {
  const std::string good = kernel("20", "\"correlation\": 1");
  for (const std::string bad :
       {"{\"ph\": \"X\", \"name\": }", "[1, 2]", "17", "\"text\"",
        "{\"ph\": \"X\", \"name\": \"\xFF\xFE\"}", "{\"ph\" \"X\"}", "null"}) {
    SCOPED_TRACE(bad);
    Diagnostics diagnostics;
    const auto trace = read_trace(
        Source::over(object(good + ",\n" + bad + "," + good), "trace.json"), diagnostics);
    ASSERT_TRUE(trace);
    EXPECT_EQ(trace->device.size(), 2U);
    EXPECT_EQ(trace->accounting.events, 3);
    EXPECT_EQ(accounted(trace->accounting), 3);
    ASSERT_EQ(diagnostics.all().size(), 1U);
    EXPECT_EQ(diagnostics.all()[0].place.line, 2);
    EXPECT_EQ(diagnostics.all()[0].place.column, 1);
  }
}

TEST(Kineto, EveryCutIsALocatedWarningOrError) {
  const std::string text = object(
      kernel("20", "\"correlation\": 1") + ", " + kernel("30", "\"correlation\": 2", "na\\\"me"),
      R"("deviceProperties": [{"id": 0}], )");
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string cut = text.substr(0, size);
    Diagnostics diagnostics;
    const auto trace = read_trace(Source::over(cut, "trace.json"), diagnostics);
    EXPECT_FALSE(diagnostics.all().empty()) << size;
    if (trace) { EXPECT_EQ(trace->accounting.events, accounted(trace->accounting)) << size; }
  }
}

}  // namespace
}  // namespace aisle::workloads::traces
