// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/trace_formats/import_text.hpp"

namespace aisle::workloads::traces {
namespace {

TEST(NsysStats, ReadsKernelSumsInAnyUnit) {
  for (const auto& [unit, total] : {std::pair("ns", "12500"), {"us", "12.5"}, {"ms", "0.0125"}}) {
    const std::string u = unit;
    const Trace trace = import_text(
        "Processing [r.sqlite] with [cuda_gpu_kern_sum.py]... \n\n"
        "Time (%),Total Time (" +
            u + "),Instances,Avg (" + u + "),Med (" + u + "),Min (" + u + "),Max (" + u +
            "),StdDev (" + u + "),Name\n60.0," + total +
            ",5,1,1,1,1,0,\"void gemm<int, float>(T1)\"\n",
        Format::nsys_kernel_sum);
    ASSERT_EQ(trace.totals.size(), 1U);
    EXPECT_EQ(trace.totals[0].total_ns, 12500);
    EXPECT_EQ(trace.totals[0].count, 5);
    EXPECT_EQ(trace.texts[trace.totals[0].name], "void gemm<int, float>(T1)");
  }
}

TEST(NsysStats, ReadsGpuTraces) {
  const Trace trace = import_text(
      "Start (ns),Duration (ns),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Reg/Trd,StcSMem (MB),DymSMem "
      "(MB),Bytes (MB),Device,Strm,Name\n"
      "1000,20,1,8,2,1,128,1,1,32,0.001,0.016,,NVIDIA H100 (0),7,gemm\n"
      "1030,5,2,,,,,,,,,,4.2,NVIDIA H100 (0),7,[CUDA memcpy Host-to-Device]\n"
      "1040,1,3,,,,,,,,,,0.001,NVIDIA H100 (1),15,[CUDA memset]\n"
      "x,1,3,,,,,,,,,,,NVIDIA H100 (1),15,gemm\n"
      "1050,\"1,3\n",  // breaks off inside a quoted cell
      Format::nsys_gpu_trace);
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(trace.ranks.size(), 2U);
  EXPECT_EQ(trace.ranks[0].device, "NVIDIA H100");
  EXPECT_EQ(trace.device[0].start_ns, 0);
  EXPECT_EQ(trace.launches[static_cast<std::size_t>(trace.device[0].detail)].grid[1], 2);
  EXPECT_EQ(trace.launches[static_cast<std::size_t>(trace.device[0].detail)].shared_memory, 17000);
  EXPECT_EQ(trace.device[1].activity, Activity::copy);
  EXPECT_EQ(trace.transfers[static_cast<std::size_t>(trace.device[1].detail)].bytes, 4200000);
  EXPECT_EQ(trace.device[2].activity, Activity::fill);
  EXPECT_EQ(unused_of(trace, "row without start, duration or name"), 1);
  EXPECT_EQ(unused_of(trace, "malformed row"), 1);
}

TEST(Ncu, ReadsDetailsInBothLanguages) {
  const auto page = [](const char* bytes, const char* duration, const char* instructions) {
    const std::string row =
        "\"0\",\"1\",\"p\",\"h\",\"gemm<int, float>\",\"1\",\"7\",\"(32, 4, 1)\",\"(768, 1, 1)\","
        "\"0\",\"9.0\",\"S\",";
    return "==PROF== Connected, \"to process\n"
           "\"ID\",\"Process ID\",\"Process Name\",\"Host Name\",\"Kernel Name\",\"Context\","
           "\"Stream\",\"Block Size\",\"Grid Size\",\"Device\",\"CC\",\"Section Name\",\"Metric "
           "Name\",\"Metric Unit\",\"Metric Value\",\"Rule Name\",\"Rule Type\",\"Rule "
           "Description\"\n" +
           row + "\"dram__bytes_read.sum\",\"Mbyte\",\"" + bytes + "\",\n" + row +
           "\"dram__bytes_write.sum\",\"byte\",\"0\"\n" + row +
           "\"gpu__time_duration.sum\",\"usecond\",\"" + duration + "\"\n" + row +
           "\"sm__sass_thread_inst_executed_op_ffma_pred_on.sum\",\"inst\",\"" + instructions +
           "\"\n==PROF== Disconnected\n" + row + "\"Waves Per SM\",\"\",\"1.42\"\n" + row +
           "\"Block Limit Registers\",\"block\",\"5\"\n" + row +
           "\"Block Limit SM\",\"block\",\"32\"\n" + row +
           "\"\",\"\",\"\",\"Rule\",\"WRN\",\"text, with \"\"quotes\"\"\"\n";
  };
  const std::string english = page("1,002.33", "6.75", "1,354,752");
  const std::string german = page("1.002,33", "6,75", "1.354.752");
  for (const std::string& text : {english, german}) {
    const Trace trace = import_text(text, Format::ncu);
    ASSERT_EQ(trace.device.size(), 1U);
    ASSERT_EQ(trace.counters.size(), 1U);
    EXPECT_DOUBLE_EQ(trace.counters[0].dram_bytes, 1002.33e6);
    EXPECT_DOUBLE_EQ(trace.counters[0].flops, 2 * 1354752.0);
    EXPECT_EQ(trace.device[0].duration_ns, 6750);
    EXPECT_EQ(unused_of(trace, "advice of a rule"), 1);
    const auto& launch = trace.launches[static_cast<std::size_t>(trace.device[0].detail)];
    EXPECT_EQ(launch.grid[0], 768);
    EXPECT_EQ(launch.block[1], 4);
  }
  EXPECT_EQ(import_text(english, Format::ncu).ranks[0].cores, 108);
}

TEST(Ncu, ReadsRawPages) {
  const Trace trace = import_text(
      "\"ID\",\"Process ID\",\"Kernel Name\",\"Context\",\"Stream\",\"dram__bytes.sum\","
      "\"gpu__time_duration.sum\",\"launch__grid_size\"\n"
      "\"\",\"\",\"\",\"\",\"\",\"Kbyte\",\"ns\",\"\"\n"
      "\"0\",\"1\",\"gemm\",\"1\",\"7\",\"1,354\",\"6,752\",\"12\"\n"
      "\"1\",\"1\",\"norm\",\"1\",\"7\",\"n/a\",\"52\",\"1\"\n",
      Format::ncu);
  ASSERT_EQ(trace.device.size(), 2U);
  EXPECT_DOUBLE_EQ(trace.counters[0].dram_bytes, 1354e3);
  EXPECT_EQ(trace.device[0].duration_ns, 6752);
  EXPECT_EQ(trace.counters[1].dram_bytes, kUnknown);
}

TEST(Ascend, ReadsKernelDetails) {
  const Trace trace = import_text(
      "Step Id,Stream ID,Name,Type,Accelerator Core,Start Time(us),Duration(us),Block Dim,Input "
      "Shapes,Input Data Types,Output Shapes,Output Data Types\n"
      "13,2,aclnnMatmul,MatMulV3,AI_CORE,1764246877073569.641\t,92.920,20,"
      "\"\"\"4096,1024;1024,512\"\"\",DT_BF16;DT_BF16,\"\"\"4096,512\"\"\",DT_BF16\n"
      "13,N/A,hcom_allReduce__271_5_1,hcom_allReduce_,COMMUNICATION,1764246877073769.640\t,436.14,0"
      ",N/A,N/A,N/A,N/A\n",
      Format::ascend_kernels);
  ASSERT_EQ(trace.device.size(), 2U);
  EXPECT_EQ(trace.origin_ns, 1764246877073569641);
  EXPECT_EQ(trace.device[0].duration_ns, 92920);
  const Operator& op = trace.operators[static_cast<std::size_t>(trace.device[0].op)];
  const Operands& operands = trace.operands[static_cast<std::size_t>(op.operands)];
  ASSERT_EQ(operands.inputs.size(), 2U);
  EXPECT_EQ(operands.inputs[1].shape, (std::vector<std::int64_t>{1024, 512}));
  EXPECT_EQ(operands.outputs[0].type, "DT_BF16");
  const CollectiveCall& call = trace.collectives[static_cast<std::size_t>(trace.device[1].detail)];
  EXPECT_EQ(call.kind, CollectiveKind::all_reduce);
  EXPECT_EQ(call.sequence, 5);
  EXPECT_EQ(trace.groups[static_cast<std::size_t>(call.group)].name, "271");
  ASSERT_EQ(trace.annotations.size(), 1U);
  EXPECT_TRUE(trace.annotations[0].step);
}

TEST(Ascend, ReadsSummariesTotalsAndSteps) {
  EXPECT_EQ(
      import_text("Device_id,Task ID,Stream ID,Op Name,OP Type,Task Type,Task Start "
                  "Time(us),Task Duration(us)\n0,1,2,Add1,Add,AI_VECTOR_CORE,\"17.5\t\",2.5\n",
                  Format::ascend_kernels)
          .device.at(0)
          .duration_ns,
      2500);
  const Trace totals = import_text(
      "OP Type,Core Type,Count,Total Time(us),Min Time(us),Avg Time(us),Max Time(us),Ratio(%)\n"
      "MatMulV3,AI_CORE,280,48000.78,76.66,171.431,292.52,20.753\n",
      Format::ascend_operators);
  EXPECT_EQ(totals.totals.at(0).total_ns, 48000780);
  EXPECT_EQ(totals.totals.at(0).max_ns, 292520);
  const Trace steps = import_text(
      "Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage\n"
      "13,231290.1,420174.26,0.0,420174.26,158558.0,810022.25\n14,10,5,0,5,1,0\n",
      Format::ascend_steps);
  ASSERT_EQ(steps.annotations.size(), 2U);
  EXPECT_EQ(steps.annotations[0].duration_ns, 810022250);
  EXPECT_EQ(steps.annotations[1].duration_ns, 16000);
}

TEST(Ascend, ReadsCommunication) {
  const Trace trace = import_text(
      R"json({"step5": {"p2p": {}, "collective": {"hcom_allReduce__271_0_1@11022204950826225271": {
      "Communication Time Info": {"Start Timestamp(us)": 1736412474757059.8, "Elapse Time(ms)": 2.5},
      "Communication Bandwidth Info": {
  "HCCS" : {"Transit Size(MB)" : 28.5}, "SDMA" : {
    "Transit Size(MB)" : 28.5
  }
}
}

, "Total Op Info" : {
  "Communication Time Info" : {
    "Elapse Time(ms)" : 2.5
  }
}
}
}
})json",
      Format::ascend_collectives);
  ASSERT_EQ(trace.device.size(), 1U);
  EXPECT_EQ(trace.device[0].duration_ns, 2500000);
  EXPECT_EQ(trace.origin_ns, 1736412474757059800);
  EXPECT_EQ(trace.collectives[0].wire_bytes, 28500000);
  EXPECT_EQ(trace.texts[trace.collectives[0].link], "HCCS");
  EXPECT_EQ(trace.groups.at(0).name, "271");
  const Trace matrix = import_text(
      R"json({"step5": {"p2p": {}, "collective": {"allreduce-total@11022204950826225271":
      {"0-1": {"Transport Type": "HCCS"}, "0-0": {"Transport Type": "LOCAL"}},
      "allreduce-top1@11022204950826225271": {"0-1": {"Op Name": "x"}}}}})json",
      Format::ascend_collectives);
  EXPECT_EQ(matrix.groups.at(0).ranks, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(unused_of(matrix, "pair of ranks in a chosen operation"), 1);
}

TEST(Jax, ReadsThunks) {
  const Trace trace = import_text(
      "Name,Projected Start (ns),Projected Duration (ns),Orig Start (ns),Orig Duration "
      "(ns),Style,PID,TID,RangeId,ParentId,RangeStack\n"
      ",26,88,,,,7,8,,,\n"
      "\"TSL:XlaModule:#hlo_module=jit_f,program_id=1#\",100,90,10.0,20.0,PushPop,7,7,5.0,,:5\n"
      "TSL:Thunk:#hlo_op=while.1#,100,50,10.0,5.0,PushPop,7,7,6.0,5.0,:5:6\n"
      "TSL:Thunk:#hlo_op=fusion.2#,100,50,11.0,5.0,PushPop,7,7,7.0,6.0,:5:6:7\n"
      "\"TSL:Thunk:#name=a[axes=(0,)],hlo_op=all-reduce-start.3#\",160,20,16.0,2.0,PushPop,7,7,8.0,"
      "5.0,:5:8\n",
      Format::jax_nvtx);
  ASSERT_EQ(trace.device.size(), 2U);  // the loop holds the fusion: a span
  EXPECT_EQ(trace.name_of(trace.device[0]), "fusion.2");
  EXPECT_EQ(trace.name_of(trace.device[1]), "all-reduce-start.3");
  EXPECT_EQ(trace.device[1].activity, Activity::communication);
  EXPECT_EQ(trace.annotations.size(), 2U);
  EXPECT_EQ(trace.calls.size(), 3U);
  EXPECT_EQ(unused_of(trace, "range without a name"), 1);
}

TEST(Tables, WithoutAnythingOfUseAreRefused) {
  for (const char* text :
       {"", "\n\n", "a,b\n1,2\n", "Start (ns),Duration (ns),Strm,Name\n1,\"2,3\n"}) {
    Diagnostics diagnostics;
    EXPECT_FALSE(read_trace(Source::over(text, "t"), diagnostics)) << text;
    EXPECT_TRUE(diagnostics.has_errors()) << text;
  }
}

}  // namespace
}  // namespace aisle::workloads::traces
