// SPDX-License-Identifier: Apache-2.0
// Several files of one rank, several ranks in folders, several devices in a file.
#include "tests/folder.hpp"
#include "tests/unit/trace_formats/import_text.hpp"

#include <algorithm>
#include <filesystem>

namespace aisle::workloads::traces {
namespace {

namespace fs = std::filesystem;

struct Folder : TestFolder {
  Folder() : TestFolder("aisle-join-test") {}
};

const std::string kKernels =
    "Step Id,Device_id,Stream ID,Name,Type,Accelerator Core,Start Time(us),Duration(us),Block "
    "Dim,Input "
    "Shapes,Input Data Types,Output Shapes,Output Data Types\n"
    "5,3,2,aclnnMatmul,MatMulV3,AI_CORE,1764246877000100.250\t,90,20,"
    "\"\"\"4096,1024;1024,512\"\"\",DT_BF16;DT_BF16,\"\"\"4096,512\"\"\",DT_BF16\n"
    "5,3,N/A,hcom_allReduce__271_5_1,hcom_allReduce_,COMMUNICATION,1764246877000200.499\t,400,0,"
    "N/A,N/A,N/A,N/A\n"
    "5,3,N/A,hcom_allReduce__271_6_1,hcom_allReduce_,COMMUNICATION,1764246877000700.499\t,40,0,"
    "N/A,N/A,N/A,N/A\n";

std::string operation(const char* name, const char* start, const char* megabytes) {
  return std::string("\"") + name + R"json(@11022204950826225271": {"Communication Time Info": {
"Start Timestamp(us)": )json" +
         start +
         R"json(, "Elapse Time(ms)": 0.4, "Transit Time(ms)": 0.25, "Wait Time(ms)": 0.05},
"Communication Bandwidth Info": {"HCCS": {"Transit Size(MB)": )json" +
         megabytes + "}}}";
}

// Two operations that the table of kernels has as well, one without a time, and one of its own.
const std::string kCommunication =
    R"({"step5": {"p2p": {}, "collective": {)" +
    operation("hcom_allReduce__271_5_1", "1764246877000200.5", "28.5") + "," +
    operation("hcom_allReduce__271_6_1", "0", "4") + "," +
    operation("hcom_broadcast__271_7_1", "1764246877000900.5", "1") + "}}}";

const std::string kMatrix =
    R"({"step5": {"p2p": {}, "collective": {"allreduce-total@11022204950826225271":
    {"0-1": {"Transport Type": "HCCS"}, "0-0": {"Transport Type": "LOCAL"}}}}})";

const std::string kSteps =
    "Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage\n"
    "5,90,440,0,440,270,800\n";

const std::string kTotals =
    "OP Type,Core Type,Count,Total Time(us),Min Time(us),Avg Time(us),Max Time(us),Ratio(%)\n"
    "MatMulV3,AI_CORE,1,90,90,90,90,100\n";

// The same tasks as Chrome events, with the host's side, and a copy and a task that
// the table lacks.
const std::string kView = R"([
{"ph": "M", "name": "process_name", "pid": 8, "tid": 0, "args": {"name": "Ascend Hardware"}},
{"ph": "X", "name": "aten::mm", "pid": 7, "tid": 7, "ts": "1764246877000010.000", "dur": 50, "cat": "cpu_op", "args": {"Input Dims": "4096,1024;\r\n1024,512", "Input type": "c10::BFloat16;\r\nc10::BFloat16"}},
{"ph": "s", "bp": "e", "name": "torch_to_npu", "id": 1764246877000100251, "pid": 7, "tid": 7, "ts": "1764246877000020.000", "cat": "async_npu"},
{"ph": "X", "name": "launch", "pid": 9, "tid": 7, "ts": "1764246877000030.000", "dur": 5, "args": {"level": "node", "connection_id": 3}},
{"ph": "X", "name": "MatMul17", "pid": 8, "tid": 2, "ts": "1764246877000100.251", "dur": 90, "args": {"Task Type": "AI_CORE", "connection_id": 3}},
{"ph": "X", "name": "MEMCPY_ASYNC", "pid": 8, "tid": 2, "ts": "1764246877000050.000", "dur": 9, "args": {"Task Type": "SDMA_SQE"}},
{"ph": "X", "name": "Cast", "pid": 8, "tid": 5, "ts": "1764246877000060.000", "dur": 9, "args": {"Task Type": "AI_CPU"}},
{"ph": "X", "name": "hcom_allReduce__271_5_1", "pid": 10, "tid": 0, "ts": "1764246877000200.500", "dur": 400, "args": {"data_type": "FP32", "count": 1000}},
{"ph": "X", "name": "hcom_allReduce__271_6_1", "pid": 10, "tid": 0, "ts": "1764246877000700.500", "dur": 40, "args": {"data_type": "FP32", "count": 10}}
])";

Trace read(const std::vector<std::string>& paths, std::size_t ranks) {
  Diagnostics diagnostics;
  auto trace = read_trace(paths, diagnostics);
  for (const Diagnostic& said : diagnostics.all()) {
    EXPECT_NE(said.severity, Severity::error) << to_string(said);
  }
  EXPECT_TRUE(trace);
  if (!trace) return {};
  EXPECT_EQ(trace->ranks.size(), ranks);
  expect_accounted(*trace);
  return std::move(*trace);
}

const CollectiveCall& call_of(const Trace& trace, const DeviceEvent& event) {
  return trace.collectives.at(static_cast<std::size_t>(event.detail));
}

std::vector<const DeviceEvent*> of(const Trace& trace, Activity activity) {
  std::vector<const DeviceEvent*> found;
  for (const DeviceEvent& event : trace.device) {
    if (event.activity == activity) found.push_back(&event);
  }
  return found;
}

void expect_joined(const Trace& trace) {
  EXPECT_EQ(trace.ranks.at(0).format, Format::ascend_kernels);
  EXPECT_EQ(trace.device.size(), 6U);  // of 3 + 3 + 5 that the files hold
  const auto communications = of(trace, Activity::communication);
  ASSERT_EQ(communications.size(), 3U);
  const CollectiveCall &first = call_of(trace, *communications[0]),
                       &second = call_of(trace, *communications[1]);
  EXPECT_EQ(first.wire_bytes, 28'500'000);
  EXPECT_EQ(trace.texts[first.link], "HCCS");
  EXPECT_EQ(first.transit_ns, 250'000);
  EXPECT_EQ(first.wait_ns, 50'000);
  EXPECT_EQ(first.bytes, 4000);
  EXPECT_EQ(first.sequence, 5);
  EXPECT_EQ(second.wire_bytes, 4'000'000);
  EXPECT_EQ(second.bytes, 40);
  ASSERT_EQ(trace.groups.size(), 1U);
  EXPECT_EQ(trace.groups[0].ranks, (std::vector<std::int32_t>{0, 1}));
}

TEST(Join, AscendFilesOfOneRankBecomeOne) {
  const Folder folder;
  folder.file("kernel_details.csv", kKernels);
  folder.file("communication.json", kCommunication);
  folder.file("communication_matrix.json", kMatrix);
  folder.file("step_trace_time.csv", kSteps);
  folder.file("op_statistic.csv", kTotals);
  folder.file("trace_view.json", kView);
  const Trace trace = read({folder.path()}, 1);
  expect_joined(trace);
  EXPECT_TRUE(trace.totals.empty());
  EXPECT_EQ(of(trace, Activity::copy).size(), 1U);
  ASSERT_EQ(of(trace, Activity::kernel).size(), 2U);
  const DeviceEvent& kernel = *of(trace, Activity::kernel).front();
  for (const Stream& stream : trace.streams) EXPECT_EQ(stream.device, 3);
  const Operator& own = trace.operators.at(static_cast<std::size_t>(kernel.op));
  EXPECT_EQ(trace.operands.at(static_cast<std::size_t>(own.operands)).inputs.at(1).shape,
            (std::vector<std::int64_t>{1024, 512}));
  ASSERT_NE(own.parent, kNone);
  const Operator& host = trace.operators.at(static_cast<std::size_t>(own.parent));
  EXPECT_EQ(trace.texts[host.name], "aten::mm");
  EXPECT_EQ(host.start_ns, 0);
  ASSERT_NE(kernel.launch, kNone);
  EXPECT_EQ(trace.texts[trace.calls.at(static_cast<std::size_t>(kernel.launch)).name], "launch");
  ASSERT_EQ(trace.annotations.size(), 1U);
  EXPECT_TRUE(trace.annotations[0].step);
  EXPECT_EQ(trace.annotations[0].start_ns, kernel.start_ns);
  EXPECT_EQ(trace.annotations[0].duration_ns, 800'000);
  EXPECT_EQ(of(trace, Activity::copy).front()->stream, kernel.stream);
  EXPECT_EQ(trace.streams.size(), 3U);
}

TEST(Join, AViewOfAnotherRecordingIsLeftOut) {
  const Folder folder;
  folder.file("kernel_details.csv", kKernels);
  std::string view = kView;
  for (std::size_t at = 0; (at = view.find("1764246877", at)) != std::string::npos;) {
    view.replace(at, 10, "1764246999");
  }
  folder.file("trace_view.json", view);
  const Trace trace = read({folder.path()}, 1);
  EXPECT_EQ(trace.device.size(), 3U);
  EXPECT_TRUE(trace.calls.empty());
  EXPECT_EQ(unused_of(trace,
                      "record of a file that is left out: its tasks are not those of the tables "
                      "of this rank"),
            9);
}

TEST(Join, PrefixesAndFoldersTellRanks) {
  const Folder folder;
  const std::string one = "job/host_9_rank_10_ascend_pt/ASCEND_PROFILER_OUTPUT/";
  const std::string two = "job/host_8_ascend_pt/";
  folder.file(one + "kernel_details.csv", kKernels);
  folder.file(one + "communication.json", kCommunication);
  folder.file(one + "trace_view.json", kView);
  folder.file("job/host_9_rank_10_ascend_pt/PROF_1/device_0/sqlite/raw.db", "SQLite format 3");
  folder.file(two + "ASCEND_PROFILER_OUTPUT/kernel_details.csv", kKernels);
  folder.file(two + "ASCEND_PROFILER_OUTPUT/communication.json", kCommunication);
  folder.file(two + "profiler_info_2.json", "{}");
  folder.file("job/cluster_analysis_output/cluster_step_trace_time.csv", kSteps);
  const Trace trace = read({folder.path()}, 2);
  EXPECT_EQ(trace.ranks.at(0).number, 2);
  EXPECT_EQ(trace.ranks.at(1).number, 10);
  EXPECT_EQ(of(trace, Activity::communication).size(), 6U);
  const Folder flat;
  const Trace prefixed = read({flat.file("x_rank0_kernel_details.csv", kKernels),
                               flat.file("x_rank1_kernel_details.csv", kKernels),
                               flat.file("x_rank1_communication.json", kCommunication),
                               flat.file("x_rank0_communication.json", kCommunication),
                               flat.file("x_rank0_communication_matrix.json", kMatrix),
                               flat.file("x_rank0_trace_view.json", kView)},
                              2);
  EXPECT_EQ(of(prefixed, Activity::communication).size(), 6U);
  EXPECT_EQ(of(prefixed, Activity::kernel).size(), 3U);
  // In line, though only one has sizes and members of groups.
  EXPECT_GT(prefixed.ranks.at(1).clock_error_ns, 0);
  EXPECT_EQ(prefixed.groups.size(), 1U);
}

TEST(Join, RanksKnowPartsOfTheirGroup) {
  const Folder folder;
  std::string second = kMatrix;
  second.replace(second.find("0-1"), 3, "1-2");
  second.replace(second.find("0-0"), 3, "1-1");
  folder.file("rank0_kernel_details.csv", kKernels);
  folder.file("rank0_communication_matrix.json", kMatrix);
  folder.file("rank1_kernel_details.csv", kKernels);
  folder.file("rank1_communication_matrix.json", second);
  const Trace trace = read({folder.path()}, 2);
  ASSERT_EQ(trace.groups.size(), 1U);
  EXPECT_EQ(trace.groups[0].ranks, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(trace.groups[0].size, 3);
  EXPECT_GT(trace.ranks.at(1).clock_error_ns, 0);
}

TEST(Join, TotalsGoWhereExecutionsAre) {
  const Folder folder;
  const std::string totals = folder.file("op_statistic.csv", kTotals);
  const std::string steps = folder.file("step_trace_time.csv", kSteps);
  EXPECT_EQ(read({totals, steps}, 1).totals.size(), 1U);
  const std::string kernels = folder.file("kernel_details.csv", kKernels);
  const Trace trace = read({totals, steps, kernels}, 1);
  EXPECT_TRUE(trace.totals.empty());
  EXPECT_EQ(trace.accounting.imported, 4);
}

TEST(Join, TablesOfAReportAreOneRank) {
  const Folder folder;
  folder.file("report1_cuda_gpu_trace.csv",
              "Start (ns),Duration (ns),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Reg/Trd,StcSMem "
              "(MB),DymSMem (MB),Bytes (MB),Device,Strm,Name\n"
              "1000,20,1,8,2,1,128,1,1,32,0.001,0.016,,NVIDIA H100 (0),7,gemm\n");
  folder.file("report1_cuda_gpu_kern_sum.csv",
              "Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev "
              "(ns),Name\n100.0,20,1,20,20,20,20,0,gemm\n");
  folder.file("report2_cuda_gpu_kern_sum.csv",
              "Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev "
              "(ns),Name\n100.0,20,1,20,20,20,20,0,gemm\n");
  const Trace trace = read({folder.path()}, 2);
  EXPECT_EQ(trace.device.size(), 1U);
  EXPECT_EQ(trace.totals.size(), 1U);
}

TEST(Join, DevicesOfAFileAreRanks) {
  const Trace trace = import_text(
      R"({"distributedInfo": {"rank": 3, "world_size": 8}, "traceEvents": [
{"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": 12, "dur": 2, "args": {"correlation": 5}},
{"ph": "X", "cat": "kernel", "name": "a", "pid": 1, "tid": 7, "ts": 20, "dur": 5, "args": {"device": 1, "stream": 7, "correlation": 5}},
{"ph": "X", "cat": "kernel", "name": "b", "pid": 0, "tid": 7, "ts": 22, "dur": 5, "args": {"device": 0, "stream": 7, "correlation": 6}},
{"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy PtoP", "pid": 2, "tid": 7, "ts": 22, "dur": 5, "args": {"device": 2, "stream": 7}}]})",
      Format::kineto);
  ASSERT_EQ(trace.ranks.size(), 2U);
  EXPECT_EQ(trace.ranks[0].number, 3);
  EXPECT_EQ(trace.ranks[1].number, 0);
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(trace.name_of(trace.device.back()), "a");
  EXPECT_EQ(trace.device.back().rank, 1);
  EXPECT_EQ(trace.calls.at(0).rank, 1);
  EXPECT_EQ(trace.streams.at(static_cast<std::size_t>(trace.device.back().stream)).rank, 1);
}

// The folder of recorded traces, where it is at hand.
TEST(Join, RecordedAscendFolder) {
  const fs::path folder =
      fs::path(AISLE_SOURCE_DIR) / ".." / "shared" / "data" / "kernel-traces" / "ascend";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  std::vector<std::string> alexnet, qwen;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    (path.find("alexnet") != std::string::npos ? alexnet : qwen).push_back(path);
  }
  const Trace ddp = read(alexnet, 2);
  EXPECT_GT(ddp.ranks[1].clock_error_ns, 0);  // brought into line, though only one has sizes
  EXPECT_EQ(of(ddp, Activity::communication).size(), 8U);
  EXPECT_EQ(of(ddp, Activity::kernel).size(), 2U * 187);
  for (const DeviceEvent* event : of(ddp, Activity::communication)) {
    EXPECT_GT(call_of(ddp, *event).wire_bytes, 0);
    EXPECT_EQ(call_of(ddp, *event).bytes != kUnknown, event->rank == 0);
  }
  const auto kernels = of(ddp, Activity::kernel);
  EXPECT_EQ(std::count_if(kernels.begin(), kernels.end(),
                          [](const DeviceEvent* event) { return event->launch != kNone; }),
            187);
  const Trace pipeline = read(qwen, 1);
  EXPECT_EQ(of(pipeline, Activity::communication).size(), 15U);
  EXPECT_EQ(pipeline.device.size(), 2463U);
  EXPECT_TRUE(pipeline.totals.empty());
  EXPECT_EQ(read({folder.string()}, 3).device.size(), ddp.device.size() + pipeline.device.size());
}

}  // namespace
}  // namespace aisle::workloads::traces
