// SPDX-License-Identifier: Apache-2.0
#include "power/delivery.hpp"

#include "power/power.pb.h"
#include "sim/base/proto_text.hpp"
#include "sim/base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace aisle::power {
namespace {

using namespace units;  // NOLINT: literals of a test
using testing::HasSubstr;

class Deliveries : public testing::Test {
 protected:
  std::optional<Delivery> build(const std::string& text, int accelerators = 144) {
    pb::Delivery entry;
    SourceMap places;
    EXPECT_TRUE(read_text(text, "site", entry, places, diagnostics)) << errors();
    return build_delivery(entry, accelerators, places, "", diagnostics);
  }

  std::string errors() const {
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
    return all;
  }

  Diagnostics diagnostics;
};

constexpr const char* kSite = R"(
name: "site"
stage { name: "supply" from: "ups" rating: "33 kW" accelerators_per_unit: 72 units: 6 spare_units: 2 carries: it counts_as_it: true
        efficiency { load: 0.1 efficiency: 0.9 } efficiency { load: 0.5 efficiency: 0.96 } efficiency { load: 1 efficiency: 0.91 } }
stage { name: "ups" from: "transformer" rating: "250 kW" units: 2 spare_units: 1 efficiency { load: 0 efficiency: 0.95 } }
stage { name: "transformer" rating: "1 MW" carries: cooling efficiency { load: 0 efficiency: 0.99 } }
)";

TEST_F(Deliveries, ByHand) {
  const auto site = build(kSite);
  ASSERT_TRUE(site) << errors();
  const Flow flow = flow_of(*site, 198 * kW, 50 * kW);
  ASSERT_EQ(flow.stages.size(), 3u);
  EXPECT_EQ(site->stages[0].name, "transformer");
  const StageFlow& supply = flow.stages[2];
  EXPECT_NEAR(supply.load, 0.5, 1e-12);  // 12 units of 33 kW
  EXPECT_NEAR(supply.load_failed, 0.75, 1e-12);
  EXPECT_NEAR(supply.input.in(kW), 198 / 0.96, 1e-9);
  EXPECT_NEAR(flow.it.in(kW), 198 / 0.96, 1e-9);
  EXPECT_NEAR(flow.feed.in(kW), (198 / 0.96 / 0.95 + 50) / 0.99, 1e-9);
  EXPECT_TRUE(overloads(*site, flow).empty());
  // A quarter more: one UPS alone would trip, both together hold.
  const auto tripped = overloads(*site, flow_of(*site, 250 * kW, 50 * kW));
  ASSERT_EQ(tripped.size(), 1u);
  EXPECT_EQ(tripped[0].stage, "ups");
  EXPECT_TRUE(tripped[0].only_failed);
}

// Generators carry nothing until the stage that they stand in for fails, and batteries wait for
// them.
TEST_F(Deliveries, GeneratorsStandIn) {
  const std::string stage =
      std::string(kSite) +
      "stage { name: \"generators\" stands_in_for: \"transformer\" rating: \"200 kW\" "
      "units: 2 spare_units: 1 starts_in: \"10 s\" }";
  EXPECT_FALSE(build(stage));
  EXPECT_THAT(errors(), testing::HasSubstr("nothing carries the load until 'generators' runs"));
  diagnostics = Diagnostics();
  std::string ridden = stage;
  ridden.replace(ridden.find("name: \"ups\""), 11, "name: \"ups\" rides_through: \"1 min\"");
  const auto site = build(ridden);
  ASSERT_TRUE(site) << errors();
  const auto plain = build(kSite);
  const Flow flow = flow_of(*site, 198 * kW, 20 * kW);
  EXPECT_EQ(flow.feed, flow_of(*plain, 198 * kW, 20 * kW).feed);
  const auto tripped = overloads(*site, flow);
  ASSERT_EQ(tripped.size(), 1u);
  EXPECT_EQ(tripped[0].stage, "generators");
  EXPECT_EQ(tripped[0].lost, "transformer");
  EXPECT_NEAR(tripped[0].load, (198 / 0.96 / 0.95 + 20) / 200, 1e-9);
}

// Whatever the tree: what the utility gives is what the loads take and the stages lose.
TEST_F(Deliveries, Conservation) {
  Random random(31, "delivery");
  for (int round = 0; round < 300; ++round) {
    Delivery delivery;
    const auto count = 1 + random.below(12);
    for (std::size_t i = 0; i < count; ++i) {
      Stage stage;
      stage.from = i == 0 ? -1 : static_cast<int>(random.below(i + 1)) - 1;
      stage.units = 1 + static_cast<double>(random.below(9));
      stage.rating = (1 + 99 * random.uniform()) * kW;
      stage.counts_as_it = random.below(2) == 0;
      double load = 0;
      for (int p = 0; p < 4; ++p) {
        load += random.uniform();
        stage.efficiency.push_back({load, 0.5 + 0.5 * random.uniform()});
      }
      delivery.stages.push_back(stage);
    }
    delivery.stages[random.below(count)].carries.push_back(Load::it);
    delivery.stages[random.below(count)].carries.push_back(Load::cooling);
    const Watts it = 100 * random.uniform() * kW, cooling = 30 * random.uniform() * kW;
    const Flow flow = flow_of(delivery, it, cooling);
    double lost = 0, of_it = 0;
    for (std::size_t i = 0; i < count; ++i) {
      double below = 0;
      for (const Load load : delivery.stages[i].carries) {
        below += (load == Load::it ? it : cooling).si();
      }
      for (std::size_t j = 0; j < count; ++j) {
        if (delivery.stages[j].from == static_cast<int>(i)) below += flow.stages[j].input.si();
      }
      EXPECT_NEAR(flow.stages[i].input.si(), below + flow.stages[i].loss().si(), 1e-9 * below);
      lost += flow.stages[i].loss().si();
      if (delivery.stages[i].counts_as_it) of_it += flow.stages[i].loss().si();
    }
    const double all = (it + cooling).si() + lost;
    EXPECT_NEAR(flow.feed.si(), all, 1e-9 * all);
    EXPECT_NEAR(flow.it.si(), it.si() + of_it, 1e-9 * all);
  }
}

TEST_F(Deliveries, Errors) {
  EXPECT_FALSE(build(R"(
stage { name: "a" from: "b" carries: it }
stage { name: "b" from: "a" carries: cooling })"));
  EXPECT_THAT(errors(), HasSubstr("site:2:"));
  EXPECT_THAT(errors(), HasSubstr("'a' feeds itself, by way of 'b'"));
  EXPECT_FALSE(build("stage { name: 'a' from: 'nobody' carries: it carries: cooling }"));
  EXPECT_THAT(errors(), HasSubstr("no stage is named 'nobody'"));
  EXPECT_FALSE(build("stage { name: 'a' carries: it }"));
  EXPECT_THAT(errors(), HasSubstr("0 stages carry 'cooling'"));
  EXPECT_FALSE(build("stage { name: 'a' units: 2 spare_units: 2 carries: it carries: cooling }"));
  EXPECT_THAT(errors(), HasSubstr("of 2 units 2 cannot be spare"));
  EXPECT_FALSE(
      build("stage { name: 'a' rating: '1 MW' carries: it carries: cooling "
            "efficiency { load: 0.5 efficiency: 1.2 } }"));
  EXPECT_THAT(errors(), HasSubstr("1.2 at a load of 0.5 cannot be"));
}

}  // namespace
}  // namespace aisle::power
