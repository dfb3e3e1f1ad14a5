// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/units.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Delivery;
}

namespace aisle::power {

/// Efficiency at a load, both as shares of the rating.
struct EfficiencyPoint {
  double load = 0, efficiency = 1;
};

/// What hangs on a stage beside other stages.
enum class Load { it, cooling };

/// Equal units side by side that share their load evenly; some of them may be spare.
struct Stage {
  std::string name;
  int from = -1;                            ///< the stage that feeds it; -1: the utility
  int stands_in_for = -1;                   ///< whose load it takes over; nothing before that
  double units = 1;                         ///< in all
  double spare = 0;                         ///< of them, that may fail
  Watts rating;                             ///< of one, at its output; 0: none
  bool counts_as_it = false;                ///< its losses are IT power
  std::vector<EfficiencyPoint> efficiency;  ///< by load, linear between; empty: no loss
  std::vector<Load> carries;

  double efficiency_at(double load) const;
};

/// The way from the utility to the racks, one stage for all equal units (docs/model/power.md). Each
/// stage comes after the one that feeds it.
struct Delivery {
  std::string name;
  std::vector<Stage> stages;
};

/// What one stage carries, all its units together.
struct StageFlow {
  Watts output, input;
  double load = 0;         ///< of one unit, all working, as a share of its rating
  double load_failed = 0;  ///< the same with its spares failed

  Watts loss() const { return input - output; }
};

struct Flow {
  std::vector<StageFlow> stages;
  Watts feed;  ///< from the utility
  Watts it;    ///< loads of IT with the losses that count as IT
};

/// Flows from the loads up; at every stage input = outputs below + losses.
Flow flow_of(const Delivery& delivery, Watts it, Watts cooling);

/// A stage that would trip: its units are loaded above their rating, or would be with the spares
/// failed.
struct Overload {
  std::string stage;
  double load = 0;
  bool only_failed = false;
  std::string lost = {};  ///< the stage for which it stands in then; empty: it carries load now
};

std::vector<Overload> overloads(const Delivery& delivery, const Flow& flow);

/// For so many accelerators. Reports unknown and missing feeders, cycles, loads that nothing
/// carries and wrong figures at their place under `path`.
std::optional<Delivery> build_delivery(const pb::Delivery& entry, int accelerators,
                                       const SourceMap& places, const std::string& path,
                                       Diagnostics& diagnostics);

}  // namespace aisle::power
