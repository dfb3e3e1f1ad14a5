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
  }
  return "unknown";
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
