// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace aisle::topology {

enum class LinkKind : std::uint8_t {
  scale_up,  ///< port of an accelerator into its switched domain, or a direct link inside it
  nic,       ///< accelerator to its leaf
  leaf,      ///< leaf to the spines
  spine,     ///< spine (pod) to the cores
  global,    ///< between dragonfly groups
};
inline constexpr int kLinkKinds = 5;
std::string_view to_string(LinkKind kind);

/// The wires of a cluster, each direction one link, and the way that traffic takes over them.
///
/// Where traffic is sprayed or routed adaptively, the parallel cables of a switch towards one tier
/// are one link (a bundle) with their summed rate; with hashed paths (ECMP) every cable is a link.
/// Faults are applied: a slow part has less capacity, a dead one is routed round. Immutable and
/// safe to share between threads.
class Network {
 public:
  struct Use {
    std::int32_t link;
    double share;  ///< of the bytes
  };

  /// Equal numbers: exchanged by a symmetry of the network that keeps the given colours and the
  /// faults. Every number distinct where no such symmetry is known.
  struct Colours {
    std::vector<std::int32_t> endpoint, link;
  };

  struct Impl;
  explicit Network(std::unique_ptr<Impl> impl);
  ~Network();
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;

  int endpoints() const;
  int links() const;
  BytesPerSecond capacity(std::int32_t link) const;  ///< line rate, one direction, after faults
  LinkKind kind(std::int32_t link) const;
  /// Leads away from the sender: up the tree, or between two of a kind.
  bool outward(std::int32_t link) const;
  std::string name(std::int32_t link) const;

  /// Appends the links from accelerator a to b. Inside a scale-up domain: its links (the fabric
  /// where these are dead). Between domains: the NIC of a to the NIC of b; where they hang on
  /// different rails and `relay` is set, or where their planes meet only inside nodes, first over
  /// the scale-up links to the member of a's domain on b's rail (PXN). A dead NIC is replaced by
  /// the next live one of its domain, whatever `relay` says. `hash` picks among equal paths where
  /// every cable is a link. False, and nothing appended, where faults have cut a from b.
  bool route(int a, int b, std::uint64_t hash, bool relay, std::vector<Use>& uses) const;

  /// Wire latency of the way from a to b: one hop of its tier, and the switches beyond the first.
  Seconds latency(int a, int b) const;

  /// Orbits of endpoints and links. `endpoint_colour` has one entry per endpoint (member of a job
  /// or not, say).
  Colours symmetry(std::span<const std::int32_t> endpoint_colour) const;

  /// Of each fault, in the order given, whether a cable joins its two ends.
  const std::vector<bool>& faults_met() const;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace aisle::topology
