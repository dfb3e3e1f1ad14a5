// SPDX-License-Identifier: Apache-2.0
// Laws of the cost of communication, over every accelerator of the catalogue that can communicate,
// every operation, 2 to 131,072 ranks and 8 B to 16 GiB.
#include "sim/base/proto_text.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/collectives/collective.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace aisle::sim {
namespace {

using workloads::Algorithm;
using workloads::CollectiveKind;
using workloads::Communication;
using workloads::Protocol;

constexpr int kRanks[] = {2, 4, 8, 16, 32, 64, 256, 1024, 8192, 131072};
constexpr CollectiveKind kKinds[] = {CollectiveKind::all_reduce,     CollectiveKind::all_gather,
                                     CollectiveKind::reduce_scatter, CollectiveKind::broadcast,
                                     CollectiveKind::reduce,         CollectiveKind::all_to_all,
                                     CollectiveKind::send_recv,      CollectiveKind::barrier,
                                     CollectiveKind::dispatch,       CollectiveKind::combine};
constexpr Algorithm kAlgorithms[] = {
    Algorithm::ring,         Algorithm::tree,           Algorithm::nvls,
    Algorithm::nvls_tree,    Algorithm::collnet_direct, Algorithm::pat,
    Algorithm::hierarchical, Algorithm::one_shot,       Algorithm::two_shot,
    Algorithm::copy_engine,  Algorithm::torus};
constexpr Protocol kProtocols[] = {Protocol::automatic, Protocol::ll, Protocol::ll128,
                                   Protocol::simple};

const topology::Catalogue& catalogue() {
  static Diagnostics diagnostics;
  static const auto read = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  return *read;
}

std::set<std::string> accelerators() {
  std::set<std::string> out;
  for (const std::string& name : catalogue().names("accelerator")) {
    out.insert(catalogue().accelerator(name)->name());
  }
  return out;
}

/// A cluster of one accelerator; nothing where it cannot communicate.
struct Machine {
  std::string name;
  std::optional<topology::Cluster> cluster;
  std::optional<KernelModel> kernels;

  Machine(const std::string& accelerator, int count,
          const std::function<void(pb::Cluster&)>& change = {})
      : name(accelerator) {
    pb::Cluster spec;
    spec.set_accelerator(accelerator);
    spec.set_count(count);
    if (change) change(spec);
    Diagnostics diagnostics;
    cluster = topology::build_cluster(spec, SourceMap(), catalogue(), diagnostics);
    if (cluster) kernels.emplace(cluster->accelerator(), catalogue());
  }

  bool communicates() const { return cluster && cluster->scale_up().bandwidth.value.si() > 0; }

  Communication communication(CollectiveKind kind, int ranks, Bytes bytes) const {
    Communication out;
    out.kind = kind;
    out.bytes = bytes;
    const int domain = std::max(1, cluster->domain_size());
    out.group = {ranks, (ranks + domain - 1) / domain, std::min(ranks, domain), 1};
    out.copies_to_domains = std::min<double>(out.group.domains, 4);
    out.copies_to_ranks = std::min<double>(ranks, 8);
    return out;
  }

  workloads::CommunicationCost cost(const Communication& communication) const {
    return workloads::cost_of(communication, *cluster, kernels->communication());
  }
};

/// Counts of accelerators that fill whole domains.
int count_for(int ranks, int domain) {
  return (ranks + domain - 1) / domain * domain;
}

/// Every machine of the catalogue with room for `ranks`.
void for_machines(int ranks, const std::function<void(const Machine&)>& visit) {
  for (const std::string& name : accelerators()) {
    const pb::Accelerator& entry = *catalogue().accelerator(name);
    int domain = 1;
    if (entry.has_scale_up_domain())
      domain = std::max(1, std::atoi(entry.scale_up_domain().value().c_str()));
    const Machine machine(name, count_for(ranks, domain));
    if (machine.communicates()) visit(machine);
  }
}

std::string text(const Machine& machine, const Communication& c) {
  return fmt::format("{} {} {}/{} ranks x {:.0f} B {} {}", machine.name,
                     workloads::to_string(c.kind), c.group.size, c.group.domains,
                     c.bytes.in(units::B), workloads::to_string(c.algorithm),
                     workloads::to_string(c.protocol));
}

TEST(CollectiveCost, TimesAreFiniteAndGrowWithSize) {
  // NCCL's own switches of algorithm may cost: its measured sweeps fall by up to a tenth.
  constexpr double kFall = 0.90;
  for (const int ranks : kRanks) {
    for_machines(ranks, [&](const Machine& machine) {
      for (const CollectiveKind kind : kKinds) {
        double longest = 0;
        for (double bytes = 8; bytes <= 16.0 * 1024 * 1024 * 1024; bytes *= 2) {
          const Communication c = machine.communication(kind, ranks, bytes * units::B);
          const auto cost = machine.cost(c);
          const double time = cost.alone.in(units::us);
          EXPECT_TRUE(std::isfinite(time) && time > 0) << text(machine, c) << ": " << time;
          EXPECT_GE(time, kFall * longest)
              << text(machine, c) << " " << workloads::to_string(cost.algorithm) << " "
              << workloads::to_string(cost.protocol);
          EXPECT_LE(cost.latency.in(units::us), time * 1.0000001) << text(machine, c);
          EXPECT_GE(cost.latency.si(), -1e-12) << text(machine, c);
          longest = std::max(longest, time);
        }
      }
    });
  }
}

}  // namespace
}  // namespace aisle::sim
