// SPDX-License-Identifier: Apache-2.0
#include "topology/shapes.hpp"

#include "sim/study/scenario.pb.h"
#include "topology/catalogue/figures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace aisle::topology {

namespace {

std::array<int, 3> extents(const pb::Torus& torus) {
  std::array<int, 3> most{1, 1, 1};
  for (int i = 0; i < std::min(3, torus.extent_size()); ++i) {
    most[static_cast<std::size_t>(i)] = torus.extent(i);
  }
  return most;
}

/// Pods of cubes close rings only in whole cubes, others along each axis by itself.
Slice box(const std::array<int, 3>& dimensions, const pb::Torus& torus) {
  Slice slice{dimensions, {}};
  const int ring = torus.closes_at_multiple_of();
  const bool whole = std::all_of(dimensions.begin(), dimensions.end(),
                                 [&](int extent) { return extent % ring == 0; });
  for (std::size_t axis = 0; axis < 3; ++axis) {
    slice.closed[axis] =
        dimensions[axis] > 2 && dimensions[axis] % ring == 0 && (whole || torus.cube() == 0);
  }
  return slice;
}

/// A slice of a pod of cubes lies inside one cube or is made of whole ones.
bool can_be_cut(const std::array<int, 3>& dimensions, const pb::Torus& torus) {
  if (torus.cube() == 0) return true;
  const int ring = torus.closes_at_multiple_of();
  const auto every = [&](const auto& rule) {
    return std::all_of(dimensions.begin(), dimensions.end(), rule);
  };
  return every([&](int extent) { return extent <= ring; }) ||
         every([&](int extent) { return extent % ring == 0; });
}

int count(const pb::Figure& figure, int fallback) {
  return static_cast<int>(number_or(figure, fallback));
}

}  // namespace

std::optional<Slice> slice_of(int chips, const pb::Torus& torus) {
  const std::array<int, 3> most = extents(torus);
  std::optional<Slice> best;
  const auto merit = [](const std::array<int, 3>& d) {
    // Of equal boxes, the orientation whose extents rise as those of the pods do.
    return std::tuple(d[0] + d[1] + d[2], std::is_sorted(d.begin(), d.end()) ? 0 : 1, d);
  };
  for (int x = 1; x <= most[0]; ++x) {
    for (int y = 1; chips % x == 0 && y <= most[1]; ++y) {
      if (chips / x % y != 0 || chips / x / y > most[2]) continue;
      const std::array<int, 3> sides{x, y, chips / x / y};
      if (!can_be_cut(sides, torus)) continue;
      if (!best || merit(sides) < merit(best->dimensions)) best = box(sides, torus);
    }
  }
  return best;
}

void ShapeReader::error(const std::string& field, std::string sentence, std::string hint) {
  diagnostics_.error(places_.find(field), field, std::move(sentence), std::move(hint));
}

void ShapeReader::read_torus(const pb::Torus& torus, int size, Domain& domain) {
  const std::string field = "cluster.scale_up.dimensions";
  const std::string pod = fmt::format("{}", fmt::join(torus.extent(), "x"));
  std::optional<Slice> slice;
  if (spec_.scale_up().dimensions_size() == 0) {
    slice = slice_of(size, torus);
    if (!slice) {
      int near = size;
      while (near > 1 && !slice_of(near, torus)) --near;
      error("cluster.count", fmt::format("{} chips make no box inside a pod of {}", size, pod),
            fmt::format("{} do; or set cluster.scale_up.dimensions", near));
    }
  } else {
    std::array<int, 3> asked{1, 1, 1};
    const int axes = spec_.scale_up().dimensions_size();
    for (int i = 0; i < std::min(3, axes); ++i) {
      asked[static_cast<std::size_t>(i)] = spec_.scale_up().dimensions(i);
    }
    const auto product = static_cast<long>(asked[0]) * asked[1] * asked[2];
    const std::string text = fmt::format("{}", fmt::join(spec_.scale_up().dimensions(), "x"));
    std::array<int, 3> low = asked, high = extents(torus);
    std::sort(low.begin(), low.end());
    std::sort(high.begin(), high.end());
    if (axes > 3 || product != size || low[0] < 1) {
      error(field, fmt::format("{} is not a box of {} chips", text, size),
            "the product of up to three dimensions is the size of the domain");
    } else if (low[0] > high[0] || low[1] > high[1] || low[2] > high[2]) {
      error(field, fmt::format("{} does not fit into a pod of {}", text, pod), "");
    } else if (!can_be_cut(asked, torus)) {
      error(field, fmt::format("{} is neither inside one cube of the pod nor of whole cubes", text),
            fmt::format("extents up to {0}, or multiples of {0}", torus.closes_at_multiple_of()));
    } else {
      slice = box(asked, torus);
    }
  }
  if (!slice) return;
  domain.dimensions = slice->dimensions;
  domain.closed = slice->closed;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    domain.wraps = domain.wraps && (slice->closed[axis] || slice->dimensions[axis] == 1);
    domain.axis_bandwidth[axis] = domain.pair_bandwidth.value;
    const int i = static_cast<int>(axis);
    if (i >= torus.link_bandwidth_size() || spec_.scale_up().has_bandwidth()) continue;
    const auto rate =
        parse_quantity<BytesPerSecond>(torus.link_bandwidth(i).value(), {}, {}, diagnostics_);
    if (rate) domain.axis_bandwidth[axis] = *rate;
  }
}

Domain ShapeReader::domain(const pb::Accelerator& entry, const pb::System* system, int size,
                           const Estimate<BytesPerSecond>& port,
                           const std::optional<Estimate<BytesPerSecond>>& pair) {
  Domain domain;
  domain.pair_bandwidth = pair.value_or(port);
  domain.in_switch_reduction = entry.in_switch_reduction();
  switch (entry.scale_up_shape()) {
    case pb::switched:
      return domain;
    case pb::pcie:
      domain.shape = DomainShape::pcie;
      return domain;
    case pb::mesh:
      if (size == 1) return domain;
      domain.shape = DomainShape::mesh;
      if (!pair) domain.pair_bandwidth.value /= size - 1;  // the links share the port's rate
      return domain;
    case pb::torus:
      break;
  }
  domain.shape = DomainShape::torus;
  const pb::Torus& torus =
      system != nullptr && system->has_torus() ? system->torus() : entry.torus();
  if (!pair) domain.pair_bandwidth.value /= 2.0 * std::max(1, torus.extent_size());
  read_torus(torus, size, domain);
  return domain;
}

double ShapeReader::oversubscription(const char* name, bool stated, double value,
                                     double published) {
  if (!stated) return published;
  if (value > 0 && std::isfinite(value)) return value;
  error(std::string("cluster.scale_out.") + name, "oversubscription must be above 0",
        "1 is non-blocking, 2 halves the uplinks");
  return 1;
}

FabricShape ShapeReader::shape(const pb::Fabric& fabric) {
  FabricShape shape;
  const std::string field = "cluster.scale_out.what_if";
  if (fabric.family() == "dragonfly") {
    shape.family = FabricFamily::dragonfly;
  } else if (fabric.family() == "dragonfly_plus") {
    shape.family = FabricFamily::dragonfly_plus;
  } else if (!fabric.family().empty() && fabric.family() != "fat_tree") {
    error(field + ".family", fmt::format("unknown family '{}'", fabric.family()),
          "fat_tree, dragonfly or dragonfly_plus");
  }
  shape.switch_ports = std::max(2, count(fabric.switch_ports(), shape.switch_ports));
  shape.tiers = count(fabric.tiers(), shape.tiers);
  if (shape.tiers < 1 || shape.tiers > 3) {
    error(field + ".tiers", fmt::format("a fabric of {} tiers is not built", shape.tiers),
          "1, 2 or 3");
    shape.tiers = 2;
  }
  shape.rails = count(fabric.rails(), shape.rails);
  shape.planes = count(fabric.planes(), shape.planes);
  shape.endpoints_per_leaf = std::max(0, count(fabric.endpoints_per_leaf(), 0));
  shape.endpoints_per_unit = std::max(0, count(fabric.endpoints_per_unit(), 0));
  shape.endpoints_per_pod = std::max(0, count(fabric.endpoints_per_pod(), 0));
  shape.leaves_per_group = std::max(0, count(fabric.leaves_per_group(), 0));
  shape.global_ports = std::max(0, count(fabric.global_ports(), 0));
  const bool tree = shape.family == FabricFamily::fat_tree;
  shape.nic_ports = tree ? std::max(1, count(fabric.nic_ports(), 1)) : 1;
  if (fabric.uplink_bandwidth().has_value() && fabric.endpoint_bandwidth().has_value()) {
    const auto up =
        parse_quantity<BytesPerSecond>(fabric.uplink_bandwidth().value(), {}, {}, diagnostics_);
    const auto end =
        parse_quantity<BytesPerSecond>(fabric.endpoint_bandwidth().value(), {}, {}, diagnostics_);
    if (up && end && end->si() > 0) shape.uplink_ratio = *up / *end;
  }
  const pb::ScaleOut& out = spec_.scale_out();
  shape.oversubscription =
      oversubscription("oversubscription", out.has_oversubscription(), out.oversubscription(),
                       number_or(fabric.oversubscription(), 1));
  shape.core_oversubscription =
      oversubscription("core_oversubscription", out.has_core_oversubscription(),
                       out.core_oversubscription(), number_or(fabric.core_oversubscription(), 1));
  return shape;
}

FabricTraits ShapeReader::traits(const pb::Fabric& fabric) {
  FabricTraits traits;
  const pb::ScaleOut& out = spec_.scale_out();
  pb::Routing routing = fabric.has_routing() ? fabric.routing() : pb::adaptive;
  if (out.has_routing()) routing = out.routing();
  traits.routing = routing == pb::spray  ? FabricTraits::Routing::spray
                   : routing == pb::ecmp ? FabricTraits::Routing::ecmp
                                         : FabricTraits::Routing::adaptive;
  traits.queue_pairs = out.has_queue_pairs() ? out.queue_pairs() : count(fabric.queue_pairs(), 1);
  if (traits.queue_pairs < 1 || traits.queue_pairs > 1024) {
    error("cluster.scale_out.queue_pairs", "a connection has 1 to 1024 queue pairs", "");
    traits.queue_pairs = 1;
  }
  traits.efficiency = number_or(fabric.efficiency(), traits.efficiency);
  if (!(traits.efficiency > 0 && traits.efficiency <= 1)) {
    error("cluster.scale_out.what_if.efficiency", "a share of the line rate is above 0, at most 1",
          "");
    traits.efficiency = 1;
  }
  traits.in_network_reduction = fabric.in_network_reduction();
  if (!fabric.transport().empty()) traits.transport = fabric.transport();
  return traits;
}

void ShapeReader::check(const FabricPlan& plan) {
  const std::string problem = plan.problem();
  if (problem.empty()) return;
  const bool tapered = spec_.scale_out().has_oversubscription() &&
                       problem.find("oversubscription") != std::string::npos;
  error(tapered ? "cluster.scale_out.oversubscription" : "cluster.scale_out",
        "the fabric does not join all accelerators: " + problem,
        "change switch_ports, endpoints_per_leaf, tiers or oversubscription in "
        "cluster.scale_out.what_if");
}

std::vector<PartFault> ShapeReader::faults(const PartCounts& counts) {
  std::vector<PartFault> faults;
  for (int i = 0; i < spec_.fault_size(); ++i) {
    const std::string field = fmt::format("cluster.fault[{}]", i);
    const pb::Fault& fault = spec_.fault(i);
    if (!(fault.rate() >= 0 && fault.rate() <= 1)) {
      error(field + ".rate", "the share of the rate that is left lies between 0 and 1",
            "0 is dead, 0.5 half the rate");
    }
    if (const auto part =
            parse_part(fault.part(), fault.rate(), counts, places_.find(field + ".part"),
                       field + ".part", diagnostics_)) {
      faults.push_back(*part);
    }
  }
  return faults;
}

}  // namespace aisle::topology
