// SPDX-License-Identifier: Apache-2.0
// Files of one job, their clocks, and the normalised form.
#include "workloads/traces/read.hpp"

#include "tests/folder.hpp"

#include <gtest/gtest.h>

namespace aisle::workloads::traces {
namespace {

struct Folder : TestFolder {
  Folder() : TestFolder("aisle-read-test") {}
};

// A rank whose clock is off by `late_us`, with all-reduces of two sizes among kernels; its window
// opens `first` collectives late.
std::string rank(int number, int late_us, int first) {
  std::string events;
  for (int i = first; i < 30; ++i) {
    const std::int64_t end = 1'700'000'000'000'000 + i * 1000 + (i * i % 7) * 50 + late_us;
    const int wait = 20 + (i + number) % 5 * 10;
    events += (events.empty() ? "" : ",\n") +
              std::string(R"({"ph": "X", "cat": "kernel", "name": "ncclDevKernel_AllReduce_x", )") +
              R"("pid": 0, "tid": 9, "ts": )" + std::to_string(end - wait) + R"(, "dur": )" +
              std::to_string(wait) + R"(, "args": {"stream": 9, "Collective name": "allreduce", )" +
              R"("In msg nelems": )" + std::to_string(i % 2 == 0 ? 64 : 128) +
              R"(, "Out msg nelems": 64, "dtype": "Float", "Process Group Name": "0", )" +
              R"("Process Group Ranks": "[0, 1]"}})";
  }
  return R"({"distributedInfo": {"rank": )" + std::to_string(number) +
         R"(, "world_size": 2}, "traceEvents": [)" + events + "]}";
}

TEST(ReadTrace, RanksComeOnOneClock) {
  const Folder folder;
  folder.file("b.json", rank(1, 350, 3));
  folder.file("a.json", rank(0, 0, 0));
  folder.file("notes.txt", "no trace");
  Diagnostics diagnostics;
  const auto trace = read_trace({folder.path()}, diagnostics);
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->ranks.size(), 2U);
  EXPECT_EQ(diagnostics.all().size(), 1U);  // what is left out
  EXPECT_EQ(trace->ranks[0].number, 0);
  EXPECT_EQ(trace->ranks[1].clock_shift_ns, -350'000);
  EXPECT_GT(trace->ranks[1].clock_error_ns, 0);
  EXPECT_LT(trace->ranks[1].clock_error_ns, 10);
  EXPECT_EQ(trace->groups.size(), 1U);
  EXPECT_EQ(trace->device.size(), 57U);
  std::int64_t end = 0;
  for (const DeviceEvent& event : trace->device) {
    if (event.rank == 0) end = event.start_ns + event.duration_ns;
  }
  EXPECT_EQ(trace->device.back().start_ns + trace->device.back().duration_ns, end);
}

TEST(ReadTrace, RanksWithoutACommonCollectiveKeepTheirClocks) {
  const Folder folder;
  const std::string a = folder.file(
      "a.json",
      R"({"traceEvents": [{"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 1, "ts": 100, "dur": 1}]})");
  const std::string b = folder.file(
      "b.json",
      R"({"traceEvents": [{"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 1, "ts": 700, "dur": 1}]})");
  Diagnostics diagnostics;
  const auto trace = read_trace({a, b, folder.path() + "/missing"}, diagnostics);
  ASSERT_TRUE(trace);
  EXPECT_EQ(diagnostics.error_count(), 1);
  EXPECT_EQ(diagnostics.all().size(), 2U);
  EXPECT_EQ(trace->ranks.at(1).number, 1);
}

TEST(ReadTrace, UnknownContentIsALocatedError) {
  for (const char* text : {"hello", "{}", "[]", "{\"a\": 1}", "\x1f\x8b", ",", "\0\0"}) {
    Diagnostics diagnostics;
    EXPECT_FALSE(read_trace(Source::over(text, "x"), diagnostics)) << text;
    EXPECT_TRUE(diagnostics.has_errors());
  }
}

const char* const kEverything =
    R"({"distributedInfo": {"rank": 1, "world_size": 2}, "deviceProperties": [{"id": 0, "name": "GPU", "numSms": 132}],
  "traceEvents": [
  {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 10.5, "dur": 20, "args": {"External id": 1, "Input Dims": [[2, 3]], "Input type": ["float"], "Concrete Inputs": ["", "1"]}},
  {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": 12, "dur": 2, "args": {"correlation": 5}},
  {"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": 20, "dur": 5, "args": {"stream": 7, "correlation": 5, "grid": [1, 2, 3], "block": [4, 5, 6]}},
  {"ph": "X", "cat": "kernel", "name": "ncclDevKernel_AllReduce_x", "pid": 0, "tid": 9, "ts": 26, "dur": 5, "args": {"stream": 9, "correlation": 6, "grid": [9, 1, 1], "block": [4, 5, 6], "Collective name": "allreduce", "In msg nelems": 8, "Out msg nelems": 8, "dtype": "Float", "Process Group Name": "0", "Process Group Ranks": "[0, 1]", "In split size": "[4, 4]", "Seq": 3}},
  {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD",
    "pid" : 0, "tid" : 7, "ts" : 40, "dur" : 1, "args" : {
  "stream" : 7, "bytes" : 77
}
}

                                                                                                                                                          ,
  {"ph": "X", "cat": "cuda_sync", "name": "Stream Wait Event", "pid": 0, "tid": 9, "ts": 25, "dur": 1, "args": {"wait_on_stream": 7, "wait_on_cuda_event_record_corr_id": 6, "stream": 9, "correlation": 6}},
  {"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#1", "pid": 1, "tid": 1, "ts": 9, "dur": 90},
  {"ph": "C", "name": "c"}]
                                                                                                                                                          })";

// Every field of the normalised form, as text.
std::string print(const Trace& trace) {
  std::string text = std::to_string(trace.origin_ns) + " " +
                     std::to_string(trace.accounting.events) + " " +
                     std::to_string(trace.accounting.imported) + "\n";
  const auto add = [&](auto... values) { ((text += std::to_string(values) + " "), ...); };
  for (const auto& e : trace.device) {
    add(e.start_ns, e.duration_ns, e.rank, e.stream, e.launch, e.op, e.detail,
        static_cast<int>(e.activity));
    text += trace.texts[e.name] + "\n";
  }
  for (const auto& e : trace.calls) {
    add(e.start_ns, e.duration_ns, e.rank, e.thread, e.op, e.stream, static_cast<int>(e.kind));
    text += trace.texts[e.name] + "\n";
  }
  for (const auto& e : trace.operators) {
    add(e.start_ns, e.duration_ns, e.rank, e.thread, e.parent, e.operands);
    text += trace.texts[e.name] + "\n";
  }
  for (const auto& e : trace.annotations) {
    add(e.start_ns, e.duration_ns, e.rank, e.thread, e.stream, e.step ? 1 : 0);
    text += trace.texts[e.name] + "\n";
  }
  for (const auto& c : trace.collectives) {
    add(static_cast<int>(c.kind), c.kind_known ? 1 : 0, c.bytes, c.bytes_in, c.bytes_out, c.group,
        c.peer, c.sequence, c.shape, c.split_in.size(), c.split_out.size());
    text += trace.texts[c.dtype] + "\n";
  }
  for (const auto& l : trace.launches) add(l.grid[0], l.grid[1], l.grid[2], l.block[2]);
  for (const auto& t : trace.transfers) add(t.bytes, static_cast<int>(t.kind));
  for (const auto& d : trace.dependencies) add(d.before, d.after);
  for (const auto& s : trace.streams) add(s.rank, s.device, s.number);
  for (const auto& g : trace.groups) text += g.name + std::to_string(g.ranks.size());
  for (const auto& r : trace.ranks)
    text += r.file + r.device + std::to_string(r.number) + "/" + std::to_string(r.world) +
            std::string(to_string(r.format));
  for (const auto& o : trace.operands) text += o.values + o.inputs.at(0).type;
  for (const auto& t : trace.threads) text += t.process + t.thread;
  for (const auto& u : trace.accounting.unused) text += u.name + std::to_string(u.count) + u.advice;
  return text;
}

TEST(NormalisedTrace, RoundTrip) {
  const Folder folder;
  Diagnostics diagnostics;
  const auto trace = read_trace(Source::over(kEverything, "a.json"), diagnostics);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->dependencies.size(), 1U);
  const std::string path = folder.path() + "/a.trace";
  ASSERT_TRUE(write_trace(*trace, path, diagnostics));
  const auto again = read_trace({path}, diagnostics);
  ASSERT_TRUE(again);
  EXPECT_TRUE(diagnostics.all().empty());
  EXPECT_EQ(print(*trace), print(*again));
  EXPECT_EQ(again->classes.size(), again->texts.size());
}

TEST(NormalisedTrace, EveryCutIsTold) {
  const Folder folder;
  Diagnostics quiet;
  const auto trace = read_trace(Source::over(kEverything, "a.json"), quiet);
  ASSERT_TRUE(trace);
  const std::string path = folder.path() + "/a.trace";
  ASSERT_TRUE(write_trace(*trace, path, quiet));
  auto source = Source::open(path, quiet);
  ASSERT_TRUE(source);
  const auto plain = read_all(*source, 1 << 20, quiet);
  ASSERT_TRUE(plain);
  for (std::size_t size = 0; size < plain->size(); ++size) {
    Diagnostics diagnostics;
    const auto cut =
        read_trace(Source::over(std::string_view(*plain).substr(0, size), "a"), diagnostics);
    EXPECT_FALSE(diagnostics.all().empty()) << size;
    if (!cut) continue;
    std::int64_t sum = cut->accounting.imported;
    for (const Unused& unused : cut->accounting.unused) sum += unused.count;
    EXPECT_EQ(sum, cut->accounting.events);
  }
}

TEST(NormalisedTrace, FolderThatCannotBeWrittenIsAnError) {
  Diagnostics diagnostics;
  EXPECT_FALSE(write_trace(Trace(), "/nonexistent/a.trace", diagnostics));
  EXPECT_TRUE(diagnostics.has_errors());
}

}  // namespace
}  // namespace aisle::workloads::traces
