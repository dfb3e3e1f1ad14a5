// SPDX-License-Identifier: Apache-2.0
#include "sim/study/collective_tables.hpp"

#include "sim/study/validate.hpp"
#include "tests/command.hpp"

#include <gtest/gtest.h>

namespace {

using aisle::Diagnostics;
using aisle::sim::LedgerRow;
using testing::HasSubstr;
namespace units = aisle::units;

constexpr const char* kElements = "system,op,kernel,dtype,gpus,message_elems,latency_ms\n";
constexpr const char* kDeepEp =
    "system,mode,nodes,hidden,tokens,topk,experts,sms,dispatch_us,combine_us\n";
constexpr const char* kAllToAll =
    "system,op,kernel,dtype,num_tokens,hidden,topk,experts,ep,latency_ms\n";
constexpr const char* kWorkers =
    "num_workers,devices_per_node,size_bytes,median_ms,min_ms,max_ms\n";

const aisle::topology::Catalogue& catalogue() {
  static const auto read = [] {
    Diagnostics diagnostics;
    return aisle::topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

std::vector<LedgerRow> rows_of(const std::string& text, Diagnostics& diagnostics,
                               const std::string& file = "own.csv") {
  const auto table = aisle::parse_csv(text, file, diagnostics);
  if (!table || !aisle::sim::is_collective_table(*table)) return {};
  return aisle::sim::read_collective_table(*table, catalogue(), diagnostics)
      .value_or(std::vector<LedgerRow>());
}

std::vector<LedgerRow> good(const std::string& text, const std::string& file = "own.csv") {
  Diagnostics diagnostics;
  auto rows = rows_of(text, diagnostics, file);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.all().front().sentence;
  return rows;
}

aisle::sim::CollectiveQuestion asked(const LedgerRow& row) {
  const auto question = aisle::sim::express(row, catalogue());
  if (const auto* reason = std::get_if<std::string>(&question)) ADD_FAILURE() << *reason;
  const auto* found = std::get_if<aisle::sim::CollectiveQuestion>(&question);
  return found == nullptr ? aisle::sim::CollectiveQuestion() : *found;
}

TEST(CollectiveTables, CountElementsOfTheirFormat) {
  const auto rows = good(std::string(kElements) +
                         "h100_sxm,all_reduce,NCCL,half,8,1000,0.02\n"
                         "h100_sxm,all_reduce,NCCL,int8,8,1000,0.02\n"
                         "h100_sxm,all_reduce,TRTLLM,bfloat16,4,1000,0.01\n");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(*rows[0].bytes, 2000.0 * units::B);
  EXPECT_EQ(*rows[1].bytes, 1000.0 * units::B);
  EXPECT_EQ(*rows[2].bytes, 2000.0 * units::B);
  EXPECT_DOUBLE_EQ(rows[0].time->in(units::us), 20);
  EXPECT_EQ(asked(rows[0]).chips_per_domain, 8);
  EXPECT_TRUE(asked(rows[0]).communication.summable_in_switch);
  EXPECT_FALSE(asked(rows[1]).communication.summable_in_switch);
  EXPECT_EQ(asked(rows[2]).communication.library, aisle::workloads::Library::tensorrt_llm);
}

TEST(CollectiveTables, ALineOfDeepEpIsADispatchAndACombine) {
  const auto rows = good(std::string(kDeepEp) +
                         "h100_sxm,normal,2,4096,512,6,64,20,100,200\n"
                         "gb200,low_latency,1,4096,16,6,64,,10,20\n");
  ASSERT_EQ(rows.size(), 4U);
  const auto dispatch = asked(rows[0]), combine = asked(rows[1]);
  EXPECT_EQ(dispatch.machine.domains, 2);
  EXPECT_EQ(dispatch.chips_per_domain, 8);
  EXPECT_EQ(dispatch.communication.cores, 20);
  EXPECT_EQ(dispatch.communication.bytes, 512 * (4096 + 4096 / 128 * 4) * units::B);
  EXPECT_EQ(combine.communication.bytes, 512 * 2 * 4096 * units::B);
  EXPECT_DOUBLE_EQ(combine.measured, 200);
  EXPECT_EQ(asked(rows[2]).chips_per_domain, 4);  // a tray
  EXPECT_EQ(asked(rows[2]).algorithms.front(), aisle::workloads::Algorithm::low_latency);
}

TEST(CollectiveTables, ExchangesOfARackAreOneDomain) {
  const auto rows = good(std::string(kAllToAll) +
                         "gb200,alltoall_dispatch,NVLinkOneSided,nvfp4,64,1024,4,32,16,0.02\n"
                         "gb200,alltoall_combine,NVLinkTwoSided,fp8,64,1024,4,32,16,0.02\n"
                         "gb200,alltoall_combine_low_precision,NVLinkTwoSided,nvfp4,64,1024,4,32,"
                         "16,0.02\n"
                         "gb200,alltoall_prepare,NVLinkTwoSided,nvfp4,64,1024,4,32,16,0.01\n");
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(asked(rows[0]).machine.domains, 1);
  EXPECT_EQ(asked(rows[0]).chips_per_domain, 16);
  EXPECT_EQ(asked(rows[0]).communication.library, aisle::workloads::Library::one_sided);
  EXPECT_EQ(asked(rows[0]).communication.bytes, 64 * 576.0 * units::B);
  EXPECT_EQ(asked(rows[1]).communication.bytes, 64 * 2048.0 * units::B);
  EXPECT_THAT(asked(rows[1]).assumption, HasSubstr("one-sided"));
  for (const std::size_t other : {2U, 3U}) {  // quantising, and preparing
    EXPECT_TRUE(std::holds_alternative<std::string>(aisle::sim::express(rows[other], catalogue())));
  }
}

TEST(CollectiveTables, AFilesNameTellsDeviceAndOperation) {
  const std::string text = std::string(kWorkers) + "8,8,65536,0.05,0.04,0.06\n";
  const auto rows = good(text, "own_h100_dgx_all_reduce.csv");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(asked(rows[0]).communication.kind, aisle::workloads::CollectiveKind::all_reduce);
  EXPECT_EQ(rows[0].chip, "h100");
  EXPECT_DOUBLE_EQ(rows[0].time->in(units::us), 50);
  const auto pair =
      good(std::string(kWorkers) + "2,1,65536,0.05,0.04,0.06\n", "own_h100_send_recv.csv");
  const auto across = aisle::sim::express(pair.at(0), catalogue());
  ASSERT_TRUE(std::holds_alternative<std::string>(across));
  EXPECT_THAT(std::get<std::string>(across), HasSubstr("no network"));
}

struct BadTable {
  std::string text, says;
  int line, column;
};

TEST(CollectiveTables, BadCellsAreLocated) {
  const BadTable tables[] = {
      {std::string(kElements) + "h100,all_reduce,NCCL,half,8,1k,0.1\n", "'1k' is not a number", 2,
       29},
      {std::string(kElements) + "h100,all_reduce,NCCL,half,,1,0.1\n", "the cell is empty", 2, 27},
      {std::string(kElements) + "h100,all_reduce,NCCL,octet,8,1,0.1\n", "format 'octet'", 2, 22},
      {std::string(kElements) + "h100,all_reduce,NCCL,half,8,1,-2\n", "-2 is out of range", 2, 31},
      {std::string(kDeepEp) + "h100,fast,1,64,1,1,8,,1,1\n", "mode 'fast'", 2, 6},
      {std::string(kDeepEp) + "h100,normal,1,64,1,9,8,,1,1\n", "9 of 8 experts", 2, 20},
      {std::string(kDeepEp) + "h100,normal,1.5,64,1,1,8,,1,1\n", "1.5 is no count", 2, 13},
      {std::string(kAllToAll) + "gb200,alltoall_dispatch,x,y,1,64,1,8,4,1\n", "format 'y'", 2, 27},
      {std::string(kWorkers) + "9,8,1,1,1,1\n", "9 workers are not whole nodes", 2, 3},
      {kElements, "no rows", 1, 1},
  };
  for (const BadTable& table : tables) {
    Diagnostics diagnostics;
    EXPECT_TRUE(rows_of(table.text, diagnostics).empty()) << table.says;
    ASSERT_TRUE(diagnostics.has_errors()) << table.says;
    EXPECT_THAT(diagnostics.all().front().sentence, HasSubstr(table.says));
    EXPECT_EQ(diagnostics.all().front().place.line, table.line) << table.says;
    EXPECT_EQ(diagnostics.all().front().place.column, table.column) << table.says;
  }
}

TEST(CollectiveTables, StandBesideLedgers) {
  const aisle::tests::Folder folder;
  Diagnostics diagnostics;
  const std::string table = folder.write(
      "t.csv", std::string(kElements) + "h100_sxm,all_reduce,NCCL,half,8,1048576,0.04\n");
  const auto validation = aisle::sim::validate({{table}, {}, {}}, catalogue(), diagnostics);
  ASSERT_TRUE(validation);
  ASSERT_EQ(validation->rows.size(), 1U);
  EXPECT_TRUE(validation->rows.front().predicted);
  EXPECT_EQ(validation->rows.front().id, "h100_sxm all_reduce NCCL half 8:2");
}

}  // namespace
