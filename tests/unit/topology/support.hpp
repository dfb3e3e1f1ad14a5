// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "topology/cluster.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace aisle::topology {

/// The shipped catalogue, read once.
inline const Catalogue& shipped() {
  static const Catalogue catalogue = [] {
    Diagnostics diagnostics;
    auto read = Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    for (const auto& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
    return std::move(read).value();
  }();
  return catalogue;
}

/// A cluster from the text of its message's fields.
inline std::optional<Cluster> build(const std::string& fields, Diagnostics& diagnostics) {
  pb::Scenario scenario;
  SourceMap places;
  EXPECT_TRUE(
      read_text("cluster {\n" + fields + "\n}\n", "test.textproto", scenario, places, diagnostics));
  return build_cluster(scenario.cluster(), places, shipped(), diagnostics);
}

inline Cluster built(const std::string& fields) {
  Diagnostics diagnostics;
  auto cluster = build(fields, diagnostics);
  for (const auto& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
  return std::move(cluster).value();
}

inline std::vector<int> range(int from, int to, int step = 1) {
  std::vector<int> ids;
  for (int i = from; i < to; i += step) ids.push_back(i);
  return ids;
}

}  // namespace aisle::topology
