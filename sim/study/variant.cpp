// SPDX-License-Identifier: Apache-2.0
#include "sim/study/variant.hpp"

#include <memory>
#include <utility>

namespace aisle::sim {

Study variant_of(const Study& study, pb::Scenario scenario) {
  Study other;
  other.name = study.name;
  other.path = study.path;
  other.scenario = std::make_unique<pb::Scenario>(std::move(scenario));
  other.places.note("", {study.path, 0, 0});
  return other;
}

}  // namespace aisle::sim
