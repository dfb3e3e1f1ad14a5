// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/layers.hpp"

#include <algorithm>

namespace aisle::workloads::parallel {

/// To where tensor parallelism cuts: shares of the tokens come together. Without sequence
/// parallelism every rank has them all.
void LayerBuilder::gather(Steps& steps, double bytes, Role role) {
  if (!job_.sequence_parallel) return;
  communicate(steps, "tensor all-gather", CollectiveKind::all_gather, Group::tensor, bytes, role);
}

void LayerBuilder::gather_operand(Steps& steps, double bytes, Role role) {
  gather(steps, bytes * job_.operand_number() / job_.number(), role);
}

/// From there: the parts of each sum come together, at the ranks that go on with them.
void LayerBuilder::sum(Steps& steps, double bytes) {
  const bool scatter = job_.sequence_parallel;
  communicate(steps, scatter ? "tensor reduce-scatter" : "tensor all-reduce",
              scatter ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce, Group::tensor,
              bytes);
}

/// Without sequence parallelism a rank sends its share of a message between stages, and the
/// receivers gather the shares (Megatron's scatter-gather optimisation).
Steps LayerBuilder::receipt() {
  Steps steps;
  if (job_.sequence_parallel) return steps;
  communicate(steps, "pipeline all-gather", CollectiveKind::all_gather, Group::tensor,
              static_cast<double>(job_.tokens()) * job_.model->hidden * job_.number());
  return steps;
}

/// Gather, product and scatter cut in as many parts as there are ranks: the product of one part
/// runs beside the ring step that brings the next, and beside the one that takes the sum of the
/// part before on its way.
void LayerBuilder::ring_product(Steps& steps, const std::string& name,
                                const std::vector<Kernel>& kernels, Phase phase,
                                const Around& bytes) {
  const int parts = job_.layout.tensor;
  KernelList k(job_);
  for (int i = 0; i < parts; ++i) {
    if (bytes.gathered > 0 && i + 1 < parts) {
      const double operand = bytes.gathered * job_.operand_number() / job_.number();
      pass_on(steps, "tensor ring", Group::tensor, operand / parts, Role::beside);
    }
    if (bytes.scattered > 0 && i > 0) {
      pass_on(steps, "tensor ring", Group::tensor, bytes.scattered / parts, Role::beside);
    }
    k.append_part(kernels, parts);
    compute(steps, name, k, phase);
  }
}

/// One step of a ring: every rank of the group sends to the next. The slowest pair of neighbours
/// counts: one across domains where the ring leaves a domain.
void LayerBuilder::pass_on(Steps& steps, const std::string& name, Group group, double bytes,
                           Role role) {
  Communication c;
  c.kind = CollectiveKind::send_recv;
  c.axis = axis_of(group);
  c.bytes = bytes * units::B;
  const topology::Hierarchy& ring = hierarchies_.at(group);
  const bool leaves = ring.domains > 1;
  c.group = {2, leaves ? 2 : 1, leaves ? 1 : 2, std::min(ring.pods, 2)};
  steps.push_back(
      {works_.communication(name, c), group, Stream::collective, Phase::communication, role});
}

}  // namespace aisle::workloads::parallel
