// SPDX-License-Identifier: Apache-2.0
#include "sim/study/collective.hpp"

#include "sim/base/quantity.hpp"
#include "sim/base/random.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/collectives/routing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace aisle::sim {

using workloads::Algorithm;
using workloads::CollectiveKind;
using workloads::Communication;
using workloads::Library;
using workloads::Protocol;

namespace {

constexpr CollectiveKind kKinds[] = {CollectiveKind::all_reduce,     CollectiveKind::all_gather,
                                     CollectiveKind::reduce_scatter, CollectiveKind::broadcast,
                                     CollectiveKind::reduce,         CollectiveKind::all_to_all,
                                     CollectiveKind::send_recv,      CollectiveKind::barrier,
                                     CollectiveKind::dispatch,       CollectiveKind::combine};

constexpr Algorithm kAlgorithms[] = {
    Algorithm::automatic,     Algorithm::ring,      Algorithm::tree,
    Algorithm::nvls,          Algorithm::nvls_tree, Algorithm::collnet_direct,
    Algorithm::collnet_chain, Algorithm::pat,       Algorithm::recursive,
    Algorithm::hierarchical,  Algorithm::one_shot,  Algorithm::two_shot,
    Algorithm::copy_engine,   Algorithm::pairwise,  Algorithm::two_hop,
    Algorithm::low_latency,   Algorithm::torus,     Algorithm::dissemination};

constexpr Library kLibraries[] = {
    Library::automatic,    Library::nccl,       Library::nccl_graph, Library::nccl_tuned,
    Library::nccl_device,  Library::torchcomms, Library::mscclpp,    Library::inference,
    Library::tensorrt_llm, Library::rccl,       Library::hccl,       Library::neuron,
    Library::xla,          Library::deep_ep,    Library::hybrid_ep,  Library::nccl_ep,
    Library::uccl_ep,      Library::pplx,       Library::mori,       Library::one_sided};

constexpr Protocol kProtocols[] = {Protocol::automatic, Protocol::ll, Protocol::ll128,
                                   Protocol::simple};

/// Finds an enumerator by name; reports the nearest and all where there is none.
template <typename Enum, std::size_t N>
std::optional<Enum> named(const Enum (&all)[N], const std::string& name, std::string_view what,
                          const Place& place, const std::string& field, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const Enum value : all) {
    if (plain(to_string(value)) == plain(name)) return value;
    names.emplace_back(to_string(value));
  }
  const std::string nearest = did_you_mean(name, names);
  diagnostics.error(place, field, fmt::format("unknown {} '{}'", what, name),
                    nearest.empty() ? fmt::format("{}", fmt::join(names, ", ")) : nearest);
  return std::nullopt;
}

/// Hands out accelerators to jobs by their placement.
class Placer {
 public:
  Placer(const topology::Cluster& cluster, std::uint64_t seed)
      : cluster_(cluster), free_(static_cast<std::size_t>(cluster.count()), 1) {
    domains_ = cluster.count() / cluster.domain_size();
    for (int d = 0; d < domains_; ++d) shuffled_.push_back(d);
    Random random(seed, "placement");
    for (std::size_t i = shuffled_.size(); i > 1; --i) {
      std::swap(shuffled_[i - 1], shuffled_[random.below(i)]);
    }
  }

  /// Accelerators for `count` ranks, or fewer if no more are free.
  std::vector<int> take(int count, pb::Placement placement) {
    std::vector<int> members;
    const int size = cluster_.domain_size();
    const int whole = (count + size - 1) / size;
    if (placement == pb::rail_aligned) {
      take_rail(count, members);
      return members;
    }
    for (int i = 0; i < domains_ && static_cast<int>(members.size()) < count; ++i) {
      int domain = i;
      if (placement == pb::random) domain = shuffled_[static_cast<std::size_t>(i)];
      if (placement == pb::spread) {
        domain =
            static_cast<int>((static_cast<long long>(i) * domains_ / whole + i / whole) % domains_);
      }
      take_domain(domain, count, members);
    }
    std::sort(members.begin(), members.end());
    return members;
  }

 private:
  void take_domain(int domain, int count, std::vector<int>& members) {
    const int first = domain * cluster_.domain_size();
    for (int a = first; a < first + cluster_.domain_size(); ++a) {
      if (static_cast<int>(members.size()) < count) take_one(a, members);
    }
  }

  void take_rail(int count, std::vector<int>& members) {
    for (int local = 0; local < cluster_.domain_size(); ++local) {
      for (int d = 0; d < domains_; ++d) {
        if (static_cast<int>(members.size()) == count) return;
        take_one(d * cluster_.domain_size() + local, members);
      }
    }
  }

  void take_one(int accelerator, std::vector<int>& members) {
    char& is_free = free_[static_cast<std::size_t>(accelerator)];
    if (is_free != 0) members.push_back(accelerator);
    is_free = 0;
  }

  const topology::Cluster& cluster_;
  int domains_ = 1;
  std::vector<char> free_;
  std::vector<int> shuffled_;
};

class TaskReader {
 public:
  TaskReader(const pb::Scenario& scenario, const topology::Cluster& cluster,
             const SourceMap& places, Diagnostics& diagnostics)
      : collective_(scenario.workload().collective()),
        cluster_(cluster),
        places_(places),
        diagnostics_(diagnostics),
        placer_(cluster, scenario.seed()) {}

  std::optional<std::vector<CollectiveTask>> read() {
    const int errors_before = diagnostics_.error_count();
    std::vector<CollectiveTask> tasks;
    if (collective_.job_size() == 0) {
      pb::Job whole;
      whole.set_count(cluster_.count());
      whole.set_name("all");
      if (auto task = read_job(whole, "")) tasks.push_back(std::move(*task));
    }
    for (int j = 0; j < collective_.job_size(); ++j) {
      if (auto task = read_job(collective_.job(j), fmt::format("job[{}].", j))) {
        if (task->name.empty()) task->name = fmt::format("job {}", j + 1);
        tasks.push_back(std::move(*task));
      }
    }
    if (diagnostics_.error_count() > errors_before) return std::nullopt;
    return tasks;
  }

 private:
  static constexpr const char* kPath = "workload.collective.";

  void error(const std::string& field, std::string sentence, std::string hint) {
    diagnostics_.error(places_.find(kPath + field), kPath + field, std::move(sentence),
                       std::move(hint));
  }

  std::optional<CollectiveTask> read_job(const pb::Job& job, const std::string& prefix) {
    const bool own_operation = job.has_operation();
    const bool own_bytes = job.has_bytes();
    CollectiveTask task;
    task.name = job.name();
    const bool read = read_operation(own_operation ? job.operation() : collective_.operation(),
                                     (own_operation ? prefix : "") + "operation", task) &&
                      read_bytes(own_bytes ? job.bytes() : collective_.bytes(),
                                 (own_bytes ? prefix : "") + "bytes", task) &&
                      read_choice(task.communication);
    if (!read) return std::nullopt;
    if (!take_members(job, prefix + "count", task)) return std::nullopt;
    task.communication.group = cluster_.hierarchy(task.members);
    if (!read_routing(task.communication)) return std::nullopt;
    if (const auto reason = workloads::why_not(task.communication, cluster_)) {
      error("algorithm", *reason, "leave the algorithm out for the library's own choice");
      return std::nullopt;
    }
    return task;
  }

  bool read_operation(const std::string& name, const std::string& field, CollectiveTask& task) {
    if (name.empty()) {
      error(field, "a collective needs an operation", "for example operation: \"all_reduce\"");
      return false;
    }
    const auto kind =
        named(kKinds, name, "operation", places_.find(kPath + field), kPath + field, diagnostics_);
    if (kind) task.communication.kind = *kind;
    return kind.has_value();
  }

  bool read_bytes(const std::string& text, const std::string& field, CollectiveTask& task) {
    if (task.communication.kind == CollectiveKind::barrier) return true;
    if (text.empty()) {
      error(field, "a collective needs a size", "for example bytes: \"1 GiB\"");
      return false;
    }
    const auto bytes =
        parse_quantity<Bytes>(text, places_.find(kPath + field), kPath + field, diagnostics_);
    if (!bytes) return false;
    if (bytes->si() <= 0) {
      error(field, "a collective moves at least one byte", "for example \"8 B\"");
      return false;
    }
    task.communication.bytes = *bytes;
    return true;
  }

  bool read_choice(Communication& communication) {
    if (collective_.has_algorithm()) {
      const auto algorithm = named(kAlgorithms, collective_.algorithm(), "algorithm",
                                   places_.find("workload.collective.algorithm"),
                                   "workload.collective.algorithm", diagnostics_);
      if (!algorithm) return false;
      communication.algorithm = *algorithm;
    }
    if (collective_.has_protocol()) {
      const auto protocol = named(kProtocols, collective_.protocol(), "protocol",
                                  places_.find("workload.collective.protocol"),
                                  "workload.collective.protocol", diagnostics_);
      if (!protocol) return false;
      communication.protocol = *protocol;
    }
    if (collective_.has_library()) {
      const auto library = named(kLibraries, collective_.library(), "library",
                                 places_.find("workload.collective.library"),
                                 "workload.collective.library", diagnostics_);
      if (!library) return false;
      communication.library = *library;
    }
    return read_datatype(communication);
  }

  bool read_datatype(Communication& communication) {
    const std::string name = plain(collective_.datatype());
    const bool narrow = name == "int8" || name == "uint8" || name.starts_with("fp8");
    constexpr std::array kWide = {"float", "fp32", "half", "fp16", "bf16", "bfloat16", "double"};
    if (!narrow && std::find(kWide.begin(), kWide.end(), name) == kWide.end()) {
      error("datatype", fmt::format("unknown number format '{}'", collective_.datatype()),
            "float, half, bf16, fp8 or int8");
      return false;
    }
    communication.summable_in_switch = !narrow;
    return true;
  }

  /// Copies of a token that dispatch and combine send.
  bool read_routing(Communication& communication) {
    if (communication.kind != CollectiveKind::dispatch &&
        communication.kind != CollectiveKind::combine) {
      return true;
    }
    const pb::ExpertRouting& given = collective_.routing();
    const int ranks = communication.group.size;
    if (given.experts() < ranks) {
      error("routing.experts",
            fmt::format("{} experts do not reach {} ranks", given.experts(), ranks),
            "at least one expert lies on every rank");
      return false;
    }
    if (given.top_k() < 1 || given.top_k() > given.experts() || given.groups() < 1 ||
        given.experts() % given.groups() != 0 || given.group_limit() < 0) {
      error("routing",
            fmt::format("{} of {} experts in {} groups is no routing", given.top_k(),
                        given.experts(), given.groups()),
            "top_k is 1 to experts, and groups divide experts");
      return false;
    }
    const workloads::Routing routing{given.experts(), given.top_k(), given.groups(),
                                     given.group_limit()};
    communication.copies_to_domains = expected_copies(routing, communication.group.domains);
    communication.copies_to_ranks = communication.algorithm == Algorithm::low_latency
                                        ? given.top_k()
                                        : expected_copies(routing, ranks);
    return true;
  }

  bool take_members(const pb::Job& job, const std::string& field, CollectiveTask& task) {
    const int size = cluster_.domain_size();
    if (job.count() < 1) {
      error(field, "a job needs a count of accelerators, at least 1", "for example count: 64");
      return false;
    }
    if (job.count() > size && job.count() % size != 0 && job.placement() != pb::rail_aligned) {
      error(field,
            fmt::format("{} accelerators do not fill scale-up domains of {}", job.count(), size),
            fmt::format("use {} or {}, or placement: rail_aligned", job.count() / size * size,
                        (job.count() / size + 1) * size));
      return false;
    }
    task.members = placer_.take(job.count(), job.placement());
    if (static_cast<int>(task.members.size()) < job.count()) {
      error(field,
            fmt::format("{} accelerators are asked for, {} are free", job.count(),
                        task.members.size()),
            fmt::format("the cluster has {}", cluster_.count()));
      return false;
    }
    return true;
  }

  const pb::Collective& collective_;
  const topology::Cluster& cluster_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  Placer placer_;
};

}  // namespace

std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

std::optional<std::vector<CollectiveTask>> read_tasks(const pb::Scenario& scenario,
                                                      const topology::Cluster& cluster,
                                                      const SourceMap& places,
                                                      Diagnostics& diagnostics) {
  return TaskReader(scenario, cluster, places, diagnostics).read();
}

double bus_factor(CollectiveKind kind, int ranks) {
  const double others = static_cast<double>(ranks - 1) / std::max(1, ranks);
  switch (kind) {
    case CollectiveKind::all_reduce:
      return 2 * others;
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::all_to_all:
      return others;
    default:
      return 1;
  }
}

}  // namespace aisle::sim
