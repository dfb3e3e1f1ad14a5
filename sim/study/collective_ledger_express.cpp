// SPDX-License-Identifier: Apache-2.0
// A row of a ledger of collectives as a question to the simulator: machine, operation, choice.
#include "sim/study/collective.hpp"
#include "sim/study/collective_ledger.hpp"
#include "sim/study/ledger_cells.hpp"
#include "topology/catalogue/figures.hpp"
#include "workloads/collectives/routing.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>
#include <span>

namespace aisle::sim {

namespace {

using workloads::Algorithm;
using workloads::CollectiveKind;
using workloads::Library;
using workloads::Protocol;

std::optional<CollectiveKind> kind_of(const std::string& collective) {
  static const std::map<std::string, CollectiveKind> kinds = {
      {"allreduce", CollectiveKind::all_reduce},
      {"psum", CollectiveKind::all_reduce},
      {"allgather", CollectiveKind::all_gather},
      {"reducescatter", CollectiveKind::reduce_scatter},
      {"psumscatter", CollectiveKind::reduce_scatter},
      {"broadcast", CollectiveKind::broadcast},
      {"bcast", CollectiveKind::broadcast},
      {"reduce", CollectiveKind::reduce},
      {"alltoall", CollectiveKind::all_to_all},
      {"alltoallv", CollectiveKind::all_to_all},
      {"alltoallmoe", CollectiveKind::all_to_all},
      {"a2a", CollectiveKind::all_to_all},
      {"sendrecv", CollectiveKind::send_recv},
      {"p2p", CollectiveKind::send_recv},
      {"pingpong", CollectiveKind::send_recv},
      {"moedispatch", CollectiveKind::dispatch},
      {"dispatch", CollectiveKind::dispatch},
      {"moecombine", CollectiveKind::combine},
      {"combine", CollectiveKind::combine},
      {"barrier", CollectiveKind::barrier},
  };
  // As tests and libraries name them: all_reduce_perf, ncclAllReduce, "AllReduce (in-place)".
  static const std::regex around(R"(\([^)]*\)|^[nrhx]?ccl|[-_ ]?perf$|[-_ ]?(into)?[-_ ]?tensor$)");
  const std::string bare =
      std::regex_replace(lower(collective.substr(0, 200)), around, std::string());
  const auto found = kinds.find(plain(bare));
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

bool is_expert_exchange(CollectiveKind kind) {
  return kind == CollectiveKind::dispatch || kind == CollectiveKind::combine;
}

struct AlgorithmWord {
  std::string_view word;  ///< plain(), at the start of the cell's text
  std::vector<Algorithm> means;
};

/// What the column `algorithm` says; the first word that starts the text counts.
const std::vector<AlgorithmWord>& algorithm_words() {
  using A = Algorithm;
  static const std::vector<AlgorithmWord> words = {
      {"auto", {A::automatic}},
      {"ncclep", {A::low_latency}},
      {"nccl", {A::automatic}},
      {"rccl", {A::automatic}},
      {"hccl", {A::automatic}},
      {"default", {A::automatic}},
      {"torch", {A::automatic}},
      {"p2p", {A::automatic}},  // grouped sends and receives are what the library does anyway
      {"nvlstree", {A::nvls_tree}},
      {"nvls", {A::nvls}},
      {"ring", {A::ring}},
      {"ctring", {A::ring}},
      {"kangaring", {A::ring}},
      {"tree", {A::tree}},
      {"ctsrd", {A::recursive}},
      {"recursive", {A::recursive}},
      {"halving", {A::recursive}},
      {"rdh", {A::recursive}},
      {"pat", {A::pat}},
      {"collnetdirect", {A::collnet_direct}},
      {"collnetchain", {A::collnet_chain}},
      {"collnet", {A::collnet_chain, A::collnet_direct}},
      {"sharp", {A::collnet_chain, A::collnet_direct}},
      {"hierarchical", {A::hierarchical}},
      {"xla", {A::torus}},
      {"torus", {A::torus}},
      {"mesh", {A::one_shot, A::two_shot}},
      {"custom", {A::automatic}},  // of the library that the row names
      {"msccl", {A::automatic}},
      {"oneshot", {A::one_shot}},
      {"twoshot", {A::two_shot}},
      {"lsa", {A::automatic}},
      {"copyengine", {A::copy_engine}},
      {"deepepll", {A::low_latency}},
      {"ucclepll", {A::low_latency}},
      {"deepeplowlatency", {A::low_latency}},
      {"lowlatency", {A::low_latency}},
      {"ibgda", {A::low_latency}},
      {"nvlink", {A::low_latency}},
      {"onesided", {A::two_hop}},
      {"twosided", {A::two_hop}},
      {"mori", {A::two_hop}},  // a copy per rank also where latency counts
      {"pplx", {A::low_latency}},
      {"deepep", {A::two_hop}},
      {"hybridep", {A::two_hop}},
      {"ucclep", {A::two_hop}},
      {"normal", {A::two_hop}},
  };
  return words;
}

/// Why the traffic of the named kernels is outside what is modelled; empty if it is not.
std::string outside(const std::string& algorithm) {
  if (algorithm.starts_with("ibrc")) {
    return "the host's processor posts every message (IBRC); only transports posted by the GPU or "
           "the library's own threads are modelled";
  }
  if (algorithm.starts_with("crossrail") || algorithm.starts_with("railaligned") ||
      algorithm == "incast" || algorithm == "random") {
    return "a stream of single RDMA writes, not a collective";
  }
  return {};
}

std::optional<std::vector<Algorithm>> algorithms_of(const LedgerRow& row, CollectiveKind kind) {
  std::string text = plain(row.algorithm);
  for (const std::string_view setting : {"ncclalgo", "rcclalgo"}) {
    if (text.starts_with(setting)) text.erase(0, setting.size());
  }
  if (text.empty() || text == "auto") {
    if (is_expert_exchange(kind)) {
      const bool decode = lower(row.note).find("decode") != std::string::npos;
      return std::vector{decode ? Algorithm::low_latency : Algorithm::two_hop};
    }
    return std::vector{Algorithm::automatic};
  }
  const bool quick = text.ends_with("ll") || text.find("lowlatency") != std::string::npos;
  for (const AlgorithmWord& entry : algorithm_words()) {
    if (!text.starts_with(entry.word)) continue;
    // A library's name alone means its kernels for many tokens.
    const bool many = entry.means.front() == Algorithm::two_hop && !entry.word.starts_with("mori");
    if (many && quick) return std::vector{Algorithm::low_latency};
    return entry.means;
  }
  return std::nullopt;
}

struct LibraryWord {
  std::string_view word;
  Library means;
};

/// Whose kernels ran, by the columns `algorithm` and `library_version`; the first word found
/// counts.
Library library_of(const LedgerRow& row, CollectiveKind kind) {
  static constexpr LibraryWord exchanges[] = {
      {"one-sided", Library::one_sided},
      {"two-sided", Library::one_sided},
      {"hybrid", Library::hybrid_ep},
      {"pplx", Library::pplx},
      {"uccl", Library::uccl_ep},
      {"mori", Library::mori},
      {"nccl", Library::nccl_ep},
      {"ascend", Library::hccl},
      {"npu", Library::hccl},
      {"cann", Library::hccl},
      {"deepep", Library::deep_ep},
  };
  static constexpr LibraryWord libraries[] = {
      {"trtllm", Library::tensorrt_llm},
      {"tensorrt", Library::tensorrt_llm},
      {"vllm", Library::inference},
      {"sglang", Library::inference},
      {"flashinfer", Library::inference},
      {"mscclpp", Library::mscclpp},
      {"mscclx", Library::mscclpp},
      {"multicast", Library::nccl_device},
      {"lsa", Library::nccl_device},
      {"torchcomms", Library::torchcomms},
      {"ctran", Library::torchcomms},
      {"nccom", Library::neuron},
      {"jax", Library::xla},
      {"xla", Library::xla},
      {"rccl", Library::rccl},
      {"hccl", Library::hccl},
      {"cuda graph", Library::nccl_graph},
  };
  const auto find = [](const std::string& text, std::span<const LibraryWord> words) {
    for (const LibraryWord& entry : words) {
      if (text.find(entry.word) != std::string::npos) return entry.means;
    }
    return Library::automatic;
  };
  const std::string named = lower(row.algorithm + " | " + row.library);
  if (is_expert_exchange(kind)) return find(named, exchanges);
  const std::string note = lower(row.note);
  const bool graph = note.find("cuda graph") != std::string::npos;
  const Library library = find(graph ? named + " cuda graph" : named, libraries);
  const bool tuned = std::regex_search(note, std::regex(R"(\btuned\b)"));
  return library == Library::automatic && tuned ? Library::nccl_tuned : library;
}

std::optional<Protocol> protocol_of(const std::string& protocol) {
  static const std::map<std::string, Protocol> protocols = {
      {"", Protocol::automatic},
      {"auto", Protocol::automatic},
      {"default", Protocol::automatic},
      {"notstated", Protocol::automatic},
      {"ll", Protocol::ll},
      {"ll128", Protocol::ll128},
      {"simple", Protocol::simple},
  };
  const auto found = protocols.find(plain(protocol));
  return found == protocols.end() ? std::nullopt : std::optional(found->second);
}

/// Cores or dies that a library counts as ranks, where a chip of the catalogue is several of them.
int ranks_per_chip(const LedgerRow& row, const std::string& accelerator) {
  const std::string text = lower(row.note);
  if (accelerator.starts_with("trainium")) return accelerator == "trainium1" ? 2 : 8;
  if (text.find("ranks are dies") != std::string::npos) return 2;
  return 1;
}

constexpr int kLargestHost = 16;  // accelerators of a host that is a domain of its own

/// Trays of a rack up to which a named network is taken to be what joins them.
constexpr int kFewHosts = 4;

/// What the row's fabric says, with what only the chip and the note tell.
FabricReading read_links(const LedgerRow& row, const std::string& accelerator, int sold) {
  FabricReading fabric = read_fabric(row.fabric);
  if (fabric.scale_out == "so-efa") {
    const bool ampere = accelerator.starts_with("a100"), hopper = accelerator.starts_with("h100");
    fabric.scale_out = ampere                            ? "so-efa-v1"
                       : hopper                          ? "so-efa-v2"
                       : accelerator.starts_with("h200") ? "so-efa-v3"
                                                         : "so-efa-v4";
  }
  // InfiniBand of which nothing else is said: 200 Gb/s and less are HDR, the default is NDR.
  const BytesPerSecond nic = row.nic.value_or(fabric.nic);
  if (fabric.scale_out == "rail-optimised-2-tier" && nic.si() > 0 &&
      nic <= 200.0 * units::Gb / units::s) {
    fabric.scale_out = "infiniband-hdr";
  }
  if (fabric.adds) {
    fabric.scale_out =
        fabric.scale_out == "infiniband-hdr" ? "infiniband-hdr-sharp" : "infiniband-ndr-sharp";
  }
  if (fabric.domain == FabricReading::Domain::host && sold > kLargestHost && row.nodes > 1) {
    const FabricReading note = read_fabric(row.note);
    if (note.domain == FabricReading::Domain::joined) {
      fabric.domain = note.domain;
      fabric.domains = note.domains;
    } else if (!fabric.apart && !note.apart &&
               (fabric.scale_out.empty() || row.nodes > kFewHosts)) {
      // Nothing else joins the hosts; or racks are what so many trays come in.
      fabric.domain = FabricReading::Domain::joined;
    }
  }
  if (fabric.domain == FabricReading::Domain::joined && fabric.domain_size == 0) {
    fabric.domain_size = sold > kLargestHost ? sold : row.ranks;
  }
  return fabric;
}

/// How the chips lie in scale-up domains, or why that is unknown. `cards`: of a host's PCIe.
std::string place_chips(const LedgerRow& row, const FabricReading& fabric, int sold, bool cards,
                        CollectiveQuestion& question) {
  LedgerMachine& machine = question.machine;
  const int chips = row.ranks / question.ranks_per_chip;
  switch (fabric.domain) {
    case FabricReading::Domain::rank:
      machine.domains = chips;
      break;
    case FabricReading::Domain::host:
      machine.domains = row.nodes;
      break;
    case FabricReading::Domain::joined:
      machine.domains = fabric.domains > 0 ? fabric.domains
                                           : (chips + fabric.domain_size - 1) / fabric.domain_size;
      break;
  }
  if (chips % machine.domains != 0) {
    return fmt::format("{} chips do not divide into {} scale-up domains", chips, machine.domains);
  }
  question.chips_per_domain = machine.domain_size = chips / machine.domains;
  if (fabric.domain == FabricReading::Domain::host && sold <= kLargestHost) {
    machine.domain_size = std::max(sold, question.chips_per_domain);
  }
  // Boxes of 16 V100 and A100, and of as many cards as fit, exist.
  const std::string& chip = machine.accelerator;
  const bool sixteen = chip.starts_with("v100") || chip.starts_with("a100") || cards;
  constexpr int kBridged = 2;
  if (sold == kBridged && question.chips_per_domain > kBridged) {
    return fmt::format(
        "{} chips of which bridges join pairs meet on the host's PCIe, which is not "
        "modelled for them",
        question.chips_per_domain);
  }
  if (fabric.domain == FabricReading::Domain::host && sold <= kLargestHost &&
      question.chips_per_domain > (sixteen ? kLargestHost : sold)) {
    return fmt::format("{} chips in one scale-up domain, where {} are sold in one; state the hosts",
                       question.chips_per_domain, sold);
  }
  if (machine.domains > 1 && !fabric.outside.empty() && fabric.scale_out.empty()) {
    return fmt::format("a network of '{}' is not modelled", fabric.outside);
  }
  if (machine.domains > 1 && fabric.scale_out.empty()) {
    if (!row.nic && row.nodes == 1) {
      return "links are off and no network is named: traffic through the host's memory is not "
             "modelled";
    }
    if (!row.nic) return "the ledger names no network between the hosts, and no NIC rate";
    question.assumption = fmt::format("the network of '{}' is taken as InfiniBand", row.fabric);
  }
  return {};
}

std::string place(const LedgerRow& row, const topology::Catalogue& catalogue,
                  CollectiveQuestion& question) {
  LedgerMachine& machine = question.machine;
  machine.accelerator = find_accelerator(row.chip, catalogue);
  if (machine.accelerator.empty()) {
    const std::string near = did_you_mean(row.chip, catalogue.names("accelerator"));
    return fmt::format("the catalogue has no accelerator '{}'{}{}", row.chip,
                       near.empty() ? "" : "; ", near);
  }
  const int parts = ranks_per_chip(row, machine.accelerator);
  if (row.ranks % parts != 0 || row.ranks == parts) {
    return fmt::format("{} ranks of {} to a chip: the links inside a chip are not modelled",
                       row.ranks, parts);
  }
  question.ranks_per_chip = parts;
  const pb::Accelerator& chip = *catalogue.accelerator(machine.accelerator);
  const int sold = std::max(1, static_cast<int>(topology::number_or(chip.scale_up_domain(), 1)));
  const FabricReading fabric = read_links(row, machine.accelerator, sold);
  machine.fabric = fabric.scale_out;
  const bool cards = chip.scale_up_shape() == pb::pcie || sold == 1;
  std::string reason = place_chips(row, fabric, sold, cards, question);
  if (!reason.empty()) return reason;
  if (machine.domains > 1) machine.nic = row.nic.value_or(fabric.nic) * parts;
  return {};
}

/// Bytes and copies of an expert exchange.
std::string describe_exchange(const LedgerRow& row, CollectiveQuestion& question) {
  workloads::Communication& work = question.communication;
  TokenExchange tokens = read_tokens(row.note, work.kind == CollectiveKind::combine);
  if (!row.bytes && tokens.tokens == 0) {
    if (row.time) {
      return "neither message_bytes nor the number of tokens (\"128 tok/rank\") is stated";
    }
    tokens.tokens = 4096;  // of training and prefill, where bandwidths are published
    question.assumption = "4096 tokens per rank, where a bandwidth is all that is stated";
  }
  const Bytes of_rank = row.bytes ? *row.bytes / tokens.top_k : tokens.per_token * tokens.tokens;
  const int domains = question.machine.domains;
  const int chips = domains * question.chips_per_domain;
  if (row.ranks > tokens.experts) {
    return fmt::format("{} ranks for {} experts", row.ranks, tokens.experts);
  }
  const workloads::Routing routing{tokens.experts, tokens.top_k, tokens.groups, tokens.group_limit};
  work.bytes = of_rank * question.ranks_per_chip;
  work.cores = tokens.cores;
  work.copies_to_domains = workloads::expected_copies(routing, domains);
  // Low-latency kernels send one message per expert, the others one copy per rank.
  const bool low_latency = question.algorithms.front() == Algorithm::low_latency;
  work.copies_to_ranks =
      low_latency ? static_cast<double>(tokens.top_k) : workloads::expected_copies(routing, chips);
  // Published bandwidths count every message, or one copy per domain or rank, its own included.
  question.counted = of_rank * (low_latency   ? static_cast<double>(tokens.top_k)
                                : domains > 1 ? work.copies_to_domains
                                              : workloads::expected_copies(routing, row.ranks));
  if (plain(row.algorithm).starts_with("twosided")) {
    question.assumption =
        "two-sided kernels are taken as one-sided ones of the same engine: the copy through the "
        "receiver's queue is not modelled";
  }
  return {};
}

std::string measured(const LedgerRow& row, CollectiveQuestion& question) {
  if (row.time) {
    question.metric = "time_us";
    question.measured = row.time->in(units::us);
  } else if (row.algorithm_bandwidth) {
    question.metric = "algbw_GBps";
    question.measured = row.algorithm_bandwidth->in(units::GB / units::s);
  } else if (row.bus_bandwidth) {
    question.metric = "busbw_GBps";
    question.measured = row.bus_bandwidth->in(units::GB / units::s);
    question.counted = question.counted * bus_factor(question.communication.kind, row.ranks);
  } else {
    return "nothing is measured: time_us, algbw_GBps and busbw_GBps are empty";
  }
  return {};
}

}  // namespace

bool same_collective(const std::string& a, const std::string& b) {
  return plain(a) == plain(b) || (kind_of(a) && kind_of(a) == kind_of(b));
}

std::string find_accelerator(std::string_view spelling, const topology::Catalogue& catalogue) {
  const auto known = [&](const std::string& name) -> std::string {
    const pb::Accelerator* found = catalogue.accelerator(name);
    return found == nullptr ? std::string() : found->name();
  };
  static const std::regex makers(
      R"(\b(nvidia|amd|intel|google|aws|huawei|tesla|instinct|hgx|dgx)\b)"),
      memory(R"(\bhbm\d*e?\b|\boam\b|\bper gpu\b)"), brackets(R"(\([^)]*\))"),
      capacity(R"([- _]*\d+ *gi?b\b)"), socket(R"([- _]*sxm\d?\b)"), node(R"(-\d+x\d+gb\b)"),
      rack(R"([- _]*nvl ?\d+\b)"), instance(R"(\.\d*x?large\b|\.metal\b)");
  std::string name = lower(std::string(spelling.substr(0, 200)));
  std::string found = known(std::string(spelling));
  const auto drop = [&](const std::regex& pattern, const char* instead) {
    name = std::regex_replace(name, pattern, instead);
    if (found.empty()) found = known(name);
  };
  drop(brackets, "");
  drop(makers, "");
  drop(memory, "");
  drop(node, "");
  drop(rack, "");
  drop(instance, "");
  drop(socket, "-sxm");
  drop(capacity, "");
  drop(socket, "");
  return found;
}

std::variant<CollectiveQuestion, std::string> express(const LedgerRow& row,
                                                      const topology::Catalogue& catalogue) {
  CollectiveQuestion question;
  if (lower(row.id).find("-bad") != std::string::npos) {
    return "a misconfigured run, by its id (-bad)";
  }
  const auto kind = kind_of(row.collective);
  if (plain(row.collective).starts_with("rdma")) {
    return "a stream of single RDMA writes, not a collective";
  }
  if (plain(row.collective) == "gather" || plain(row.collective) == "scatter") {
    return "gather and scatter with one root are not modelled";
  }
  if (!kind) return fmt::format("the collective '{}' is not known", row.collective);
  const auto algorithms = algorithms_of(row, *kind);
  if (const std::string reason = outside(plain(row.algorithm)); !reason.empty()) return reason;
  if (!algorithms) return fmt::format("the algorithm '{}' is not known", row.algorithm);
  auto protocol = protocol_of(row.protocol);
  // Kernels that mark what has not come by a poisoned word carry the flag in the data, as LL does.
  if (lower(row.algorithm).find("poison") != std::string::npos) protocol = Protocol::ll;
  if (!protocol) return fmt::format("the protocol '{}' is not known", row.protocol);
  question.algorithms = *algorithms;
  question.communication.kind = *kind;
  question.communication.protocol = *protocol;
  question.communication.library = library_of(row, *kind);
  // Switches add floating point numbers of two bytes and more only.
  question.communication.summable_in_switch =
      !std::regex_search(lower(row.note), std::regex("^(u?int(8|32)|fp8)\\b"));
  if (row.ranks < 2) return "one rank alone communicates with nobody";
  if (std::string reason = place(row, catalogue, question); !reason.empty()) return reason;
  if (is_expert_exchange(*kind)) {
    if (std::string reason = describe_exchange(row, question); !reason.empty()) return reason;
  } else if (row.bytes) {
    question.communication.bytes = question.counted = *row.bytes;
  } else if (*kind != CollectiveKind::barrier) {
    return "message_bytes is empty";
  }
  if (std::string reason = measured(row, question); !reason.empty()) return reason;
  return question;
}

}  // namespace aisle::sim
