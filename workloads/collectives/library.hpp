// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace aisle::workloads {

/// Generation of a chip as its collective library sees it: picks the library's own tables.
enum class Architecture : std::uint8_t { volta, ampere, hopper, blackwell, other };
std::string_view to_string(Architecture architecture);
std::optional<Architecture> parse_architecture(std::string_view name);

/// Time of NCCL's kernels on one architecture, fitted by mechanism; shares are of line rate, hops
/// are multiples of the fabric's one-hop latency. Defaults are Hopper's. Formulas, samples and
/// residuals: docs/model/collectives.md. sim/kernels reads it from the calibration by these names.
struct LibraryModel {
  Architecture architecture = Architecture::hopper;
  double search_share = 0.824;  ///< link rate that the library's own search assumes

  // LL: steps x hop overlap with streaming; all channels at work wait for their slowest.
  double widening = 0.247;
  double ll_share = 0.98;    ///< of the rate that the library's table gives LL
  double ll_overlap = 1.67;  ///< exponent of the norm that joins steps and streaming

  Seconds ll128_base = 8.2 * units::us, ll128_step = 0.92 * units::us;
  double ll128_share = 0.77, ll128_ramp = 0.19;
  Bytes ll128_ramp_over = 20e6 * units::B;
  bool ll128_inside = true;  ///< chosen inside one domain

  // Simple: two slices of a chunk in flight, so a step costs at least its latency and half a chunk.
  Seconds simple_step = 7.2 * units::us, simple_settle = 17.3 * units::us;
  double simple_share = 0.795;
  double own_copy = 2.8;  ///< rate at which a rank's own part is copied, over the link's
  double own_all_reduce = 0.84, own_reduce_scatter = 1.0;  ///< what of that copy each has to do

  Seconds nvls_base = 26 * units::us;
  double nvls_share = 0.597, nvls_ramp = 0.935, nvls_ramp_chunks = 0.98;

  // Grouped sends and receives inside a domain.
  double pair_base = 1.3;  ///< of the launch
  Seconds pair_peer = 0.27 * units::us, pair_simple = 6.6 * units::us;
  Bytes pair_half = 22e3 * units::B;  ///< message at which half of `pair_simple` has come
  double pair_share = 0.743, pair_ramp = 0.21;
  Bytes pair_ramp_over = 11e6 * units::B;
  double part_share = 0.19;  ///< of the link, by four channels of a lone message

  // Across domains.
  double network_share = 0.96, network_gather_share = 0.8;
  double network_widening = 0.34;
  BytesPerSecond tree_ll_rate = 25e9 * units::B / units::s;
  BytesPerSecond ring_ll_rate = 45e9 * units::B / units::s;
  Seconds network_ll128_base = 8 * units::us;
  double tree_ll128_hop = 1.74, ring_ll128_hop = 1.5, network_ll128_ramp = 0.2;
  Bytes network_ll128_ramp_over = 10e6 * units::B;
  Seconds tree_base = 2 * units::us, tree_step = 4.5 * units::us;
  double tree_hop = 2.8, tree_share = 0.92, tree_ramp = 0.5;
  Bytes tree_ramp_over = 20e6 * units::B;
  Seconds nvls_tree_base = 5.3 * units::us, nvls_tree_step = 13 * units::us;
  double nvls_tree_hop = 2.4, nvls_tree_share = 0.56, nvls_tree_ramp = 0.46, nvls_tree_depth = 1.1;
  double nvls_tree_chunks = 1.16;
  Seconds ring_base = 2 * units::us, ring_step = 8 * units::us, ring_settle = 80 * units::us;
  double ring_hop = 2.8;
  double pair_hop = 1;
  Seconds pair_remote = 2 * units::us, pair_network = 20 * units::us;
  Bytes pair_network_half = 100e3 * units::B;
  double pair_network_share = 0.45, send_network_share = 0.42;
};

}  // namespace aisle::workloads
