// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "workloads/kernel.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// A plan: what every (representative) rank does, in which order, before anybody knows how long it
/// takes. Training steps, serving iterations and imported traces all become plans; nothing
/// downstream knows where a plan came from.
namespace aisle::workloads {

enum class CollectiveKind {
  all_reduce,
  all_gather,
  reduce_scatter,
  broadcast,
  reduce,
  all_to_all,
  dispatch,
  combine,
  send_recv,
  barrier
};
std::string_view to_string(CollectiveKind kind);

/// What NCCL and its kin call an algorithm: who sends what to whom, in which order.
enum class Algorithm : std::uint8_t {
  automatic,  ///< the library's own choice
  ring,
  tree,            ///< double binary tree over domains, chains inside
  nvls,            ///< the scale-up switch adds and multicasts
  nvls_tree,       ///< NVLS inside domains, a double tree over them
  collnet_direct,  ///< the fabric's switches add (SHARP)
  collnet_chain,
  pat,           ///< parallel aggregated trees: logarithmic all-gather and reduce-scatter
  recursive,     ///< halving and doubling
  hierarchical,  ///< reduce-scatter inside, all-reduce across, all-gather inside
  one_shot,      ///< every rank reads all inputs
  two_shot,      ///< reduce-scatter and all-gather in one kernel
  copy_engine,   ///< moved by DMA engines, no core held
  pairwise,      ///< grouped sends and receives
  two_hop,      ///< over the network to the same local index, then over the scale-up links (DeepEP)
  low_latency,  ///< one message per token and expert (DeepEP low-latency)
  torus,        ///< rings along each dimension
  dissemination,
};
std::string_view to_string(Algorithm algorithm);

enum class Protocol : std::uint8_t { automatic, ll, ll128, simple };
std::string_view to_string(Protocol protocol);

/// Whose kernels carry a communication out.
enum class Library : std::uint8_t {
  automatic,  ///< the vendor's collective library; exchanges of experts: DeepEP
  nccl,
  nccl_graph,   ///< NCCL launched from a CUDA graph
  nccl_tuned,   ///< NCCL with channels of sends and receives raised
  nccl_device,  ///< on NCCL's device interface: multicast one- and two-shot, pushes
  torchcomms,   ///< ctran: zero-copy over the network
  mscclpp,
  inference,  ///< one- and two-shot kernels of inference engines (vLLM)
  tensorrt_llm,
  rccl,
  hccl,
  neuron,
  xla,
  deep_ep,
  hybrid_ep,
  nccl_ep,
  uccl_ep,
  pplx,
  mori,
  one_sided,  ///< TensorRT-LLM's exchange of experts over NVLink
};
std::string_view to_string(Library library);

/// Which cut of the model a communication serves; none: not told.
enum class ParallelAxis : std::uint8_t { none, tensor, context, expert, pipeline, data };
std::string_view to_string(ParallelAxis axis);

/// One communication operation as its members see it.
struct Communication {
  CollectiveKind kind = CollectiveKind::send_recv;
  /// nccl-tests' size: all-reduce: buffer of one rank; all-gather: gathered output; reduce-scatter:
  /// input of one rank; all-to-all: send buffer of one rank; send_recv: message; dispatch, combine:
  /// bytes that one rank's tokens occupy once each (tokens x bytes per token).
  Bytes bytes;
  topology::Hierarchy group;  ///< how the members lie in the cluster
  /// Dispatch and combine: copies of each token that go to distinct domains, and to distinct ranks
  /// in them (own domain and own rank included).
  double copies_to_domains = 0;
  double copies_to_ranks = 0;
  bool beside_computation = false;  ///< dispatch, combine: another micro-batch computes meanwhile
  /// Dispatch and combine: tokens that arrive at (leave from) the most loaded rank and domain, over
  /// the mean one, whose bytes the fields above give. All wait for them.
  double hottest_rank = 1, hottest_domain = 1;
  Algorithm algorithm = Algorithm::automatic;  ///< forced, as NCCL_ALGO does
  Protocol protocol = Protocol::automatic;     ///< forced, as NCCL_PROTO does
  Library library = Library::automatic;
  bool summable_in_switch = true;  ///< false: int8 and fp8 sums, which NVLS and SHARP do not add
  int cores = 0;                   ///< given to an exchange of experts; 0: the library's own number
  ParallelAxis axis = ParallelAxis::none;
};

/// How a library carries a communication out.
struct Choice {
  Algorithm algorithm = Algorithm::automatic;
  Protocol protocol = Protocol::automatic;
  int channels = 0;      ///< thread blocks (NCCL channels) that move the bytes
  std::string bound_by;  ///< "latency", "NVLink", "NIC", "channels", "switch reduction", ...
};

/// Kernels that run back to back on one stream, or one communication; operations refer to it, so
/// equal work is described (and timed) once.
struct Work {
  std::string name;  ///< "attention forward", "expert dispatch", ... as the timeline shows it
  bool is_communication = false;
  std::vector<Kernel> kernels;
  Communication communication;
  Seconds given;  ///< time of what the host or a copy to its memory does (Stream::host, copy)
  std::int32_t row = 0;  ///< computation: Rank::row of the ranks that do it
};

enum class Stream : std::uint16_t { compute, collective, send, receive, data_parallel, host, copy };
inline constexpr int kStreams = 7;
std::string_view to_string(Stream stream);

/// A rank of the plan: one accelerator, standing for `multiplicity` accelerators that do the same.
struct Rank {
  std::string name;  ///< "pipeline 3", "pipeline 3 data 7 tensor 1"
  std::int64_t multiplicity = 1;
  int pipeline = 0;
  std::int32_t row = 0;  ///< part of the cluster with a power limit of its own; 0: none
};

struct Place {
  std::int32_t rank = 0;
  Stream stream = Stream::compute;
  friend bool operator==(const Place&, const Place&) = default;
};

enum class Phase : std::uint8_t {
  forward,
  backward,
  weight_gradient,
  communication,
  optimizer,
  other
};

/// One operation. It starts when it is first in the queue of every place it occupies and all its
/// dependencies have ended, and it holds all its places until it ends: collectives thereby wait for
/// their last member.
struct Operation {
  std::int32_t work = 0;                                ///< index into Plan::works
  std::int32_t first_place = 0, places = 0;             ///< slice of Plan::places
  std::int32_t first_dependency = 0, dependencies = 0;  ///< slice of Plan::dependencies
  std::int32_t micro_batch = -1;
  std::int32_t layer = -1;  ///< of a pass, counted over all stages
  Phase phase = Phase::other;
};

/// Queues are the order of insertion at each place. Dependencies refer to operation indices and may
/// point forwards (a receive that is queued before the send's producer is inserted); a cycle is a
/// bug of the planner and stops the engine with a message.
struct Plan {
  std::vector<Work> works;
  std::vector<Rank> ranks;
  std::vector<Operation> operations;
  std::vector<Place> places;
  std::vector<std::int32_t> dependencies;
  std::vector<std::string> extra_queues;  ///< of every rank, numbered from kStreams on

  std::size_t queues() const { return kStreams + extra_queues.size(); }

  std::string queue_name(Stream stream) const;
  std::int32_t add_work(Work work);
  std::int32_t add(std::int32_t work, const std::vector<Place>& at,
                   const std::vector<std::int32_t>& after, Phase phase, int micro_batch = -1);
};

}  // namespace aisle::workloads
