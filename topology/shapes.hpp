// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "topology/cluster.hpp"
#include "topology/fabric.hpp"
#include "topology/faults.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace aisle::pb {
class Cluster;
class ScaleOut;
}  // namespace aisle::pb

namespace aisle::topology {

/// A box of chips out of a torus pod.
struct Slice {
  std::array<int, 3> dimensions{1, 1, 1};
  std::array<bool, 3> closed{false, false, false};
};

/// The slice of `chips` that a pod gives: of all boxes that fit into it and that its rules allow,
/// the one with the smallest sum of extents (the most cubic). Empty where there is none.
std::optional<Slice> slice_of(int chips, const pb::Torus& torus);

/// Reads the parts of a cluster that are about shape; errors at their places in the study.
class ShapeReader {
 public:
  ShapeReader(const pb::Cluster& spec, const SourceMap& places, Diagnostics& diagnostics)
      : spec_(spec), places_(places), diagnostics_(diagnostics) {}

  /// How a domain of `size` is joined. `port` is the rate of one accelerator into it, `pair` that
  /// of a direct link where published.
  Domain domain(const pb::Accelerator& entry, const pb::System* system, int size,
                const Estimate<BytesPerSecond>& port,
                const std::optional<Estimate<BytesPerSecond>>& pair);
  FabricShape shape(const pb::Fabric& fabric);
  FabricTraits traits(const pb::Fabric& fabric);
  /// Says why `plan` does not join all endpoints, where the study described the fabric itself.
  void check(const FabricPlan& plan);
  std::vector<PartFault> faults(const PartCounts& counts);

 private:
  void error(const std::string& field, std::string sentence, std::string hint);
  void read_torus(const pb::Torus& torus, int size, Domain& domain);
  double oversubscription(const char* name, bool stated, double value, double published);

  const pb::Cluster& spec_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
};

}  // namespace aisle::topology
