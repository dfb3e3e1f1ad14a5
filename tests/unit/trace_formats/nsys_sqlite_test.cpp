// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/trace_formats/import_text.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>

namespace aisle::workloads::traces {
namespace {

/// A database of a few rows in a file of its own.
class NsysFile {
 public:
  explicit NsysFile(const std::string& statements)
      : path_(testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() +
              " #1.sqlite") {
    std::filesystem::remove(path_);
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    char* what = nullptr;
    EXPECT_EQ(sqlite3_exec(db, statements.c_str(), nullptr, nullptr, &what), SQLITE_OK) << what;
    sqlite3_close(db);
  }

  NsysFile(const NsysFile&) = delete;
  NsysFile& operator=(const NsysFile&) = delete;

  ~NsysFile() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }

  std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string path_;
};

// Two processes with a device each; correlation 1 stands for a call in either. A pid of 1 is
// 1 << 24, a thread 9 of it 16777225.
constexpr const char* kTwoProcesses = R"(
CREATE TABLE StringIds(id INTEGER PRIMARY KEY, value TEXT);
INSERT INTO StringIds VALUES (1,'gemm'), (2,'cudaLaunchKernel_v7000'),
  (3,'ncclDevKernel_AllReduce_Sum_f32(x)'), (4,'cudaStreamSynchronize_v3020'), (5,'cudaFree');
CREATE TABLE TARGET_INFO_SESSION_START_TIME(utcEpochNs INT);
INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1700000000000000000);
CREATE TABLE TARGET_INFO_GPU(id INT, name TEXT, smCount INT, totalMemory INT, cuDevice INT);
INSERT INTO TARGET_INFO_GPU VALUES (0,'H100',132,80,0), (1,'H100',132,80,1);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL(globalPid INT, start INT, "end" INT, deviceId INT,
  streamId INT, correlationId INT, demangledName INT, gridX INT, blockX INT);
INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (33554432,2100,2200,1,15,1,1,8,128),
  (16777216,1100,1200,0,7,1,1,4,128), (16777216,1210,1300,0,7,2,3,4,512), (16777216,9,5,0,7,3,1,1,1);
CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY(globalPid INT, start INT, "end" INT, deviceId INT,
  streamId INT, correlationId INT, bytes INT, copyKind INT);
INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (16777216,1400,1410,0,7,9,4096,8);
CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME(start INT, "end" INT, globalTid INT, correlationId INT,
  nameId INT);
INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (1050,1060,16777225,1,2), (1070,1080,16777225,2,2),
  (1090,1310,16777225,4,4), (2050,2060,33554441,1,2), (2070,2071,33554441,7,5);
CREATE TABLE CUPTI_ACTIVITY_KIND_SYNCHRONIZATION(start INT, "end" INT, deviceId INT, streamId INT,
  correlationId INT, globalPid INT);
INSERT INTO CUPTI_ACTIVITY_KIND_SYNCHRONIZATION VALUES (1090,1310,0,7,4,16777216);
CREATE TABLE NVTX_EVENTS(start INT, "end" INT, eventType INT, globalTid INT, text TEXT, textId INT,
  jsonText TEXT);
INSERT INTO NVTX_EVENTS VALUES
  (1040,1065,59,16777225,'aten::linear, seq = 1, op_id = 2',NULL,NULL),
  (1045,1064,59,16777225,'aten::mm, op_id = 3, sizes = [[2, 3], [3, 4]]',NULL,NULL),
  (1066,1085,59,16777225,'nccl:all_reduce, op_id = 4',NULL,NULL),
  (1068,1082,59,16777225,'ncclAllReduce',NULL,'{"Message size [bytes]":1024}'),
  (1000,1500,60,16777225,'step 3',NULL,NULL), (1000,NULL,59,16777225,'open',NULL,NULL),
  (1001,1001,34,16777225,'mark',NULL,NULL);
CREATE TABLE OSRT_API(start INT, "end" INT);
INSERT INTO OSRT_API VALUES (1,2), (3,4);
)";

void expect_two_processes(const Trace& trace) {
  expect_accounted(trace);
  ASSERT_EQ(trace.ranks.size(), 2U);
  EXPECT_EQ(trace.ranks[0].device, "H100");
  EXPECT_EQ(trace.ranks[1].cores, 132);
  ASSERT_EQ(trace.device.size(), 4U);
  EXPECT_EQ(trace.origin_ns, 1700000000000001000);
  const DeviceEvent& gemm = trace.device[0];
  EXPECT_EQ(gemm.start_ns, 100);
  EXPECT_EQ(gemm.duration_ns, 100);
  ASSERT_NE(gemm.op, kNone);
  const Operator& op = trace.operators[static_cast<std::size_t>(gemm.op)];
  EXPECT_EQ(trace.texts[op.name], "aten::mm");
  EXPECT_EQ(trace.texts[trace.operators.at(static_cast<std::size_t>(op.parent)).name],
            "aten::linear");
  EXPECT_EQ(trace.operands.at(static_cast<std::size_t>(op.operands)).inputs.at(1).shape,
            (std::vector<std::int64_t>{3, 4}));
  const DeviceEvent& reduce = trace.device[1];
  ASSERT_EQ(reduce.activity, Activity::communication);
  const CollectiveCall& call = trace.collectives.at(static_cast<std::size_t>(reduce.detail));
  EXPECT_EQ(call.kind, CollectiveKind::all_reduce);
  EXPECT_EQ(call.bytes, 1024);
  EXPECT_EQ(trace.launches.at(static_cast<std::size_t>(call.shape)).block[0], 512);
  EXPECT_EQ(trace.transfers.at(0).kind, CopyKind::within);
  // The second process has its own correlation 1.
  const DeviceEvent& other = trace.device[3];
  EXPECT_EQ(other.rank, 1);
  EXPECT_EQ(trace.calls[static_cast<std::size_t>(other.launch)].start_ns, 1050);
  EXPECT_EQ(unused_of(trace, "device row without start and end"), 1);
  EXPECT_EQ(unused_of(trace, "host call without device work"), 1);
  EXPECT_EQ(unused_of(trace, "NVTX mark"), 1);
  EXPECT_EQ(unused_of(trace, "NVTX range without an end"), 1);
  EXPECT_EQ(unused_of(trace, "row of table OSRT_API"), 2);
}

TEST(NsysSqlite, JoinsByProcessAndReadsRanges) {
  const NsysFile file(kTwoProcesses);
  Diagnostics diagnostics;
  const auto trace = read_trace({file.path()}, diagnostics);
  ASSERT_TRUE(trace);
  expect_two_processes(*trace);
  const std::string bytes = file.bytes();  // as from a compressed file
  expect_two_processes(import_text(bytes, Format::nsys_sqlite));
}

TEST(NsysSqlite, ReadsOldExportsWithoutProcesses) {
  const NsysFile file(
      "CREATE TABLE StringIds(id INT, value TEXT); INSERT INTO StringIds VALUES (7,'norm');"
      "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL(start INT, \"end\" INT, deviceId INT, streamId INT, "
      "correlationId INT, shortName INT);"
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (100,200,0,7,1,7);");
  Diagnostics diagnostics;
  const auto trace = read_trace({file.path()}, diagnostics);
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->device.size(), 1U);
  EXPECT_EQ(trace->name_of(trace->device[0]), "norm");
}

TEST(NsysSqlite, RunsNoViewOfAHostileFile) {
  const NsysFile file(
      "CREATE TABLE StringIds(id INTEGER PRIMARY KEY, value TEXT);"
      "CREATE VIEW CUPTI_ACTIVITY_KIND_KERNEL AS WITH RECURSIVE n(start) AS (SELECT 1 UNION ALL "
      "SELECT start + 1 FROM n) SELECT start, start + 1 AS \"end\", 0 AS deviceId FROM n;");
  Diagnostics diagnostics;
  const auto trace = read_trace({file.path()}, diagnostics);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->accounting.events, 0);
}

TEST(NsysSqlite, RefusesOtherDatabasesAndSurvivesDamage) {
  const NsysFile other("CREATE TABLE people(name TEXT);");
  Diagnostics diagnostics;
  EXPECT_FALSE(read_trace({other.path()}, diagnostics));
  EXPECT_TRUE(diagnostics.has_errors());
  const NsysFile file(kTwoProcesses);
  const std::string whole = file.bytes();
  for (std::size_t size = 100; size < whole.size(); size += 509) {
    Diagnostics cut;
    const auto trace = read_trace(Source::over(std::string_view(whole).substr(0, size), "t"), cut);
    if (trace) {
      expect_accounted(*trace);
    } else {
      EXPECT_TRUE(cut.has_errors());
    }
  }
}

}  // namespace
}  // namespace aisle::workloads::traces
