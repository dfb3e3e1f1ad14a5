// SPDX-License-Identifier: Apache-2.0
// Do the words that ledgers use reach the right machine and question?
#include "sim/study/collective_ledger.hpp"

#include <gtest/gtest.h>

namespace {

using aisle::sim::CollectiveQuestion;
using aisle::sim::FabricReading;
using aisle::sim::LedgerRow;
using aisle::sim::read_fabric;
using aisle::workloads::Algorithm;
using aisle::workloads::CollectiveKind;
using aisle::workloads::Library;
using Domain = FabricReading::Domain;
namespace units = aisle::units;

const aisle::topology::Catalogue& catalogue() {
  static const auto read = [] {
    aisle::Diagnostics diagnostics;
    return aisle::topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

LedgerRow row_of(const std::string& collective, const std::string& chip, int nodes, int ranks,
                 const std::string& fabric) {
  LedgerRow row;
  row.id = "a-1";
  row.collective = collective;
  row.chip = chip;
  row.nodes = nodes;
  row.ranks = ranks;
  row.fabric = fabric;
  row.bytes = 1.0 * units::MiB;
  row.time = 100.0 * units::us;
  return row;
}

CollectiveQuestion question_of(const LedgerRow& row) {
  const auto answer = express(row, catalogue());
  const auto* reason = std::get_if<std::string>(&answer);
  EXPECT_EQ(reason, nullptr) << *reason;
  return reason == nullptr ? std::get<CollectiveQuestion>(answer) : CollectiveQuestion{};
}

TEST(Fabric, NamesTheNetwork) {
  const std::pair<const char*, const char*> cases[] = {
      {"EFAv1 p4de", "so-efa-v1"},
      {"EFA v2 (32x100G)", "so-efa-v2"},
      {"EFAv3 16x200G per node", "so-efa-v3"},
      {"P6-B200 EFAv4", "so-efa-v4"},
      {"GPUDirect-TCPXO (A3 Mega)", "so-gcp-tcpxo"},
      {"GPUDirect-TCPX", "so-gcp-tcpx"},
      {"8x IB NDR400 per node", "rail-optimised-2-tier"},
      {"NVLink3 + 8x HDR200 IB", "infiniband-hdr"},
      {"8x 400G BlueField-3 RoCE", "roce-bluefield3"},
      {"RoCE 16x100G per node", "roce-oci-a100"},
      {"xGMI + Pollara", "so-amd-ref"},
      {"NVLink5 NVSwitch", ""},
      {"xGMI full mesh", ""},
      {"NVLink5 (one NVL72 domain; IB disabled)", ""},
      {"Ribbon cables", ""},  // "ib" inside a word is no InfiniBand
  };
  for (const auto& [text, network] : cases) EXPECT_EQ(read_fabric(text).scale_out, network) << text;
}

TEST(Fabric, FollowsChipAndRateWhereTheTextDoesNot) {
  const auto network = [](const char* chip, const char* text, double gigabits) {
    auto row = row_of("all_reduce", chip, 2, 16, text);
    row.nic = gigabits * units::Gb / units::s;
    return question_of(row).machine.fabric;
  };
  EXPECT_EQ(network("A100-SXM4-80GB", "NVLink + IB", 200), "infiniband-hdr");
  EXPECT_EQ(network("H100-SXM", "NVLink + IB", 400), "rail-optimised-2-tier");
  EXPECT_EQ(network("A100-SXM4-80GB", "IB HDR + SHARP", 200), "infiniband-hdr-sharp");
  EXPECT_EQ(network("A100-SXM4-80GB", "EFA", 50), "so-efa-v1");
  EXPECT_EQ(network("H200-SXM", "EFA", 400), "so-efa-v3");
}

TEST(Fabric, NamesTheDomain) {
  EXPECT_EQ(read_fabric("NVLink4 NVSwitch").domain, Domain::host);
  EXPECT_EQ(read_fabric("NVL72 NVLink5 (one rack)").domain, Domain::joined);
  EXPECT_EQ(read_fabric("ICI 3D torus slice 2x2x1").domain, Domain::joined);
  EXPECT_EQ(read_fabric("HCCS/UB supernode").domain, Domain::joined);
  for (const char* text : {"IB/RoCE only (P2P and SHM off), 2 NICs per rank", "IB only",
                           "pure RDMA, IB CX-7 400G", "NVLink disabled, 8x CX-7 per node"}) {
    const FabricReading reading = read_fabric(text);
    EXPECT_EQ(reading.domain, Domain::rank) << text;
    EXPECT_FALSE(reading.scale_out.empty()) << text;
  }
  EXPECT_EQ(read_fabric("2x NVL72 + IB NDR 400G/GPU").domains, 2);
  EXPECT_EQ(read_fabric("20 racks of NVL72, RoCE").domains, 20);
  EXPECT_EQ(read_fabric("two racks, MNNVL").domains, 2);
  EXPECT_EQ(read_fabric("IB HDR").nic, 200.0 * units::Gb / units::s);
}

TEST(Tokens, AreReadFromNotes) {
  const auto dispatch = aisle::sim::read_tokens(
      "128 tok/rank, 7168 hidden, top-8, FP8 dispatch/BF16 combine; bytes computed", false);
  EXPECT_EQ(dispatch.tokens, 128);
  EXPECT_EQ(dispatch.hidden, 7168);
  EXPECT_EQ(dispatch.top_k, 8);
  EXPECT_EQ(dispatch.per_token, 7392.0 * units::B);  // a 4-byte scale per 128 numbers
  const auto combine = aisle::sim::read_tokens(
      "4096 tok/rank, 7168, top-4 groups, top-8, FP8 dispatch/BF16 combine", true);
  EXPECT_EQ(combine.group_limit, 4);
  EXPECT_EQ(combine.top_k, 8);
  EXPECT_EQ(combine.per_token, 14336.0 * units::B);
  const auto hybrid = aisle::sim::read_tokens(
      "BF16, 16 SMs, torch API; 4096 tok, 6144, top-6 of 128, uniform", false);
  EXPECT_EQ(hybrid.cores, 16);
  EXPECT_EQ(hybrid.hidden, 6144);
  EXPECT_EQ(hybrid.experts, 128);
  EXPECT_EQ(hybrid.per_token, 12288.0 * units::B);
  EXPECT_EQ(aisle::sim::read_tokens("normal mode", false).tokens, 0);
}

TEST(Accelerator, IsFoundByFreeSpellings) {
  const std::pair<const char*, const char*> cases[] = {
      {"H100-SXM", "h100-sxm"},
      {"NVIDIA H100 80GB HBM3", "h100-sxm"},
      {"H200-SXM5-141GB", "h200-sxm"},
      {"A100-SXM4-40GB", "a100-40gb-sxm"},
      {"A100-SXM4", "a100-80gb-sxm"},
      {"AMD Instinct MI300X", "mi300x"},
      {"MI300X OAM", "mi300x"},
      {"GB300", "gb300"},
      {"HGX B200", "b200-sxm"},
      {"TPU v6e", "tpu-v6e"},
      {"Ascend 910C (A3 384)", "ascend-910c"},
      {"X9000", ""},
  };
  for (const auto& [spelling, name] : cases) {
    EXPECT_EQ(aisle::sim::find_accelerator(spelling, catalogue()), name) << spelling;
  }
}

std::string reason_of(const LedgerRow& row) {
  const auto answer = express(row, catalogue());
  const auto* reason = std::get_if<std::string>(&answer);
  return reason == nullptr ? "expressed" : *reason;
}

TEST(Express, PlacesRanksInDomains) {
  const auto pair = question_of(row_of("all_reduce", "H100-SXM", 1, 2, "NVLink4 NVSwitch"));
  EXPECT_EQ(pair.machine.domains, 1);
  EXPECT_EQ(pair.machine.domain_size, 8);
  EXPECT_EQ(pair.chips_per_domain, 2);
  const auto hosts = question_of(row_of("all_gather", "H100-SXM", 4, 32, "8x IB NDR400 per node"));
  EXPECT_EQ(hosts.machine.domains, 4);
  EXPECT_EQ(hosts.machine.nic, 400.0 * units::Gb / units::s);
  const auto rack = question_of(row_of("all_reduce", "GB200", 18, 72, "NVL72 NVLink5 (one rack)"));
  EXPECT_EQ(rack.machine.domains, 1);
  EXPECT_EQ(rack.machine.domain_size, 72);
  const auto racks = question_of(row_of("alltoall", "GB300", 32, 128, "NVL72 + RoCE"));
  EXPECT_EQ(racks.machine.domains, 2);
  EXPECT_EQ(racks.machine.domain_size, 64);
  const auto alone = question_of(row_of("all_gather", "GB200", 2, 4, "IB only (P2P and SHM off)"));
  EXPECT_EQ(alone.machine.domains, 4);
  EXPECT_EQ(alone.machine.domain_size, 1);
}

TEST(Express, TakesAlgorithmsFromColumnsAndNotes) {
  auto row = row_of("alltoall", "H100-SXM", 1, 8, "NVLink4");
  row.algorithm = "p2p";
  EXPECT_EQ(question_of(row).communication.kind, CollectiveKind::all_to_all);
  EXPECT_EQ(question_of(row).algorithms, std::vector{Algorithm::automatic});
  row.collective = "all_reduce";
  row.algorithm = "custom one/two-shot";
  row.library = "vllm 0.24.0 custom all-reduce";
  EXPECT_EQ(question_of(row).communication.library, Library::inference);
  row.algorithm = "auto";
  row.library = "NCCL 2.27";
  EXPECT_TRUE(question_of(row).communication.summable_in_switch);
  row.note = "int8 sum: NVLS does not take it";
  EXPECT_FALSE(question_of(row).communication.summable_in_switch);
  EXPECT_EQ(question_of(row).communication.library, Library::automatic);
  row.note = "CUDA graph, 4 CTAs";
  EXPECT_EQ(question_of(row).communication.library, Library::nccl_graph);
  row.algorithm = "NVLSTree";
  row.protocol = "Simple";
  EXPECT_EQ(question_of(row).algorithms, std::vector{Algorithm::nvls_tree});
  EXPECT_EQ(question_of(row).communication.protocol, aisle::workloads::Protocol::simple);
}

TEST(Express, CountsExpertExchangesAsTheyArePublished) {
  auto row = row_of("moe_dispatch", "H800", 8, 64, "NVLink + IB CX-7 400G");
  row.algorithm = "DeepEP LL";
  row.note = "128 tok/rank, 7168 hidden, top-8, FP8 dispatch/BF16 combine";
  row.bytes = 7585792.0 * units::B;
  const auto low_latency = question_of(row);
  EXPECT_EQ(low_latency.metric, "time_us");
  EXPECT_EQ(low_latency.counted, *row.bytes);
  row.algorithm = "DeepEP normal";
  row.bytes.reset();
  row.time.reset();
  row.algorithm_bandwidth = 50.0 * units::GB / units::s;
  const auto normal = question_of(row);
  EXPECT_EQ(normal.metric, "algbw_GBps");
  // The published figure counts one copy per domain that a token reaches, its own included.
  EXPECT_NEAR(normal.counted / normal.communication.bytes, normal.communication.copies_to_domains,
              1e-12);
}

TEST(Express, SaysWhyNot) {
  using testing::HasSubstr;
  auto row = row_of("all_reduce", "H100-SXN", 1, 8, "NVLink4");
  EXPECT_THAT(reason_of(row), HasSubstr("did you mean"));
  row.chip = "H100-SXM";
  row.collective = "all_scatter";
  EXPECT_THAT(reason_of(row), HasSubstr("all_scatter"));
  row.collective = "all_reduce";
  row.algorithm = "magic";
  EXPECT_THAT(reason_of(row), HasSubstr("magic"));
  row.algorithm = "auto";
  row.id = "x-bad-3";
  EXPECT_THAT(reason_of(row), HasSubstr("misconfigured"));
  row.id = "x-3";
  row.nodes = 2;
  row.ranks = 16;
  EXPECT_THAT(reason_of(row), HasSubstr("no network"));
  row.ranks = 15;
  EXPECT_THAT(reason_of(row), HasSubstr("do not divide"));
  row = row_of("all_reduce", "H100-SXM", 1, 8, "NVLink4");
  row.time.reset();
  EXPECT_THAT(reason_of(row), HasSubstr("nothing is measured"));
}

}  // namespace
