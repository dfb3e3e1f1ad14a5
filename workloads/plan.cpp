// SPDX-License-Identifier: Apache-2.0
#include "workloads/plan.hpp"

#include "sim/base/diagnostics.hpp"

#include <utility>

namespace aisle::workloads {

std::string_view to_string(Family family) {
  switch (family) {
    case Family::gemm:
      return "gemm";
    case Family::grouped_gemm:
      return "grouped_gemm";
    case Family::attention:
      return "attention";
    case Family::attention_decode:
      return "attention_decode";
    case Family::mla:
      return "mla";
    case Family::mla_decode:
      return "mla_decode";
    case Family::norm:
      return "norm";
    case Family::elementwise:
      return "elementwise";
    case Family::cast:
      return "cast";
    case Family::transpose:
      return "transpose";
    case Family::permute:
      return "permute";
    case Family::router:
      return "router";
    case Family::embedding:
      return "embedding";
    case Family::loss:
      return "loss";
    case Family::optimizer:
      return "optimizer";
    case Family::convolution:
      return "convolution";
    case Family::reduction:
      return "reduction";
    case Family::copy:
      return "copy";
    case Family::other:
      return "other";
  }
  return "unknown";
}

std::string_view to_string(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::automatic:
      return "automatic";
    case Algorithm::ring:
      return "ring";
    case Algorithm::tree:
      return "tree";
    case Algorithm::nvls:
      return "nvls";
    case Algorithm::nvls_tree:
      return "nvls_tree";
    case Algorithm::collnet_direct:
      return "collnet_direct";
    case Algorithm::collnet_chain:
      return "collnet_chain";
    case Algorithm::pat:
      return "pat";
    case Algorithm::recursive:
      return "recursive";
    case Algorithm::hierarchical:
      return "hierarchical";
    case Algorithm::one_shot:
      return "one_shot";
    case Algorithm::two_shot:
      return "two_shot";
    case Algorithm::copy_engine:
      return "copy_engine";
    case Algorithm::pairwise:
      return "pairwise";
    case Algorithm::two_hop:
      return "two_hop";
    case Algorithm::low_latency:
      return "low_latency";
    case Algorithm::torus:
      return "torus";
    case Algorithm::dissemination:
      return "dissemination";
  }
  return "unknown";
}

std::string_view to_string(Library library) {
  constexpr std::string_view kNames[] = {"automatic",
                                         "NCCL",
                                         "NCCL (CUDA graph)",
                                         "NCCL (tuned)",
                                         "NCCL device kernels",
                                         "torchcomms",
                                         "mscclpp",
                                         "inference kernels",
                                         "TensorRT-LLM",
                                         "RCCL",
                                         "HCCL",
                                         "Neuron",
                                         "XLA",
                                         "DeepEP",
                                         "Hybrid-EP",
                                         "NCCL EP",
                                         "UCCL-EP",
                                         "pplx",
                                         "MORI",
                                         "TensorRT-LLM one-sided"};
  return kNames[static_cast<std::size_t>(library)];
}

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::automatic:
      return "automatic";
    case Protocol::ll:
      return "ll";
    case Protocol::ll128:
      return "ll128";
    case Protocol::simple:
      return "simple";
  }
  return "unknown";
}

std::string_view to_string(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return "all_reduce";
    case CollectiveKind::all_gather:
      return "all_gather";
    case CollectiveKind::reduce_scatter:
      return "reduce_scatter";
    case CollectiveKind::broadcast:
      return "broadcast";
    case CollectiveKind::reduce:
      return "reduce";
    case CollectiveKind::all_to_all:
      return "all_to_all";
    case CollectiveKind::dispatch:
      return "dispatch";
    case CollectiveKind::combine:
      return "combine";
    case CollectiveKind::send_recv:
      return "send_recv";
    case CollectiveKind::barrier:
      return "barrier";
  }
  return "unknown";
}

std::string_view to_string(ParallelAxis axis) {
  switch (axis) {
    case ParallelAxis::none:
      return "none";
    case ParallelAxis::tensor:
      return "tensor";
    case ParallelAxis::context:
      return "context";
    case ParallelAxis::expert:
      return "expert";
    case ParallelAxis::pipeline:
      return "pipeline";
    case ParallelAxis::data:
      return "data";
  }
  return "unknown";
}

std::string_view to_string(Stream stream) {
  switch (stream) {
    case Stream::compute:
      return "compute";
    case Stream::collective:
      return "collective";
    case Stream::send:
      return "send";
    case Stream::receive:
      return "receive";
    case Stream::data_parallel:
      return "data parallel";
    case Stream::host:
      return "host";
    case Stream::copy:
      return "copy";
  }
  return "unknown";
}

std::string Plan::queue_name(Stream stream) const {
  const auto index = static_cast<std::size_t>(stream);
  return index < kStreams ? std::string(to_string(stream)) : extra_queues[index - kStreams];
}

std::int32_t Plan::add_work(Work work) {
  works.push_back(std::move(work));
  return static_cast<std::int32_t>(works.size()) - 1;
}

std::int32_t Plan::add(std::int32_t work, const std::vector<Place>& at,
                       const std::vector<std::int32_t>& after, Phase phase, int micro_batch) {
  AISLE_ASSERT(work >= 0 && work < static_cast<std::int32_t>(works.size()),
               "an operation refers to a work of its plan");
  AISLE_ASSERT(!at.empty(), "an operation occupies at least one place");
  Operation operation;
  operation.work = work;
  operation.first_place = static_cast<std::int32_t>(places.size());
  operation.places = static_cast<std::int32_t>(at.size());
  operation.first_dependency = static_cast<std::int32_t>(dependencies.size());
  operation.dependencies = static_cast<std::int32_t>(after.size());
  operation.micro_batch = micro_batch;
  operation.phase = phase;
  places.insert(places.end(), at.begin(), at.end());
  dependencies.insert(dependencies.end(), after.begin(), after.end());
  operations.push_back(operation);
  return static_cast<std::int32_t>(operations.size()) - 1;
}

}  // namespace aisle::workloads
