// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aisle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SetField : public testing::Test {
 protected:
  SetField() {
    EXPECT_TRUE(
        read_text("cluster { count: 8 site { pue: 1.5 rental: '2 USD/h' } }\n"
                  "reference { metric: 'a' value: 1 }\n"
                  "workload { training { parallel { stage_layers: [1, 2] } } }",
                  "s", scenario_, places_, diagnostics_));
  }

  bool set(std::string_view assignment) {
    return set_field(assignment, scenario_, places_, diagnostics_);
  }

  std::string refused(std::string_view assignment) {
    const std::string before = scenario_.SerializeAsString();
    Diagnostics diagnostics;
    EXPECT_FALSE(set_field(assignment, scenario_, places_, diagnostics)) << assignment;
    EXPECT_EQ(scenario_.SerializeAsString(), before) << "a failed --set leaves nothing behind";
    EXPECT_GT(diagnostics.error_count(), 0);
    return diagnostics.all().empty() ? "" : to_string(diagnostics.all().front());
  }

  auto& layers() { return scenario_.workload().training().parallel().stage_layers(); }

  pb::Scenario scenario_;
  SourceMap places_;
  Diagnostics diagnostics_;
};

TEST_F(SetField, Scalars) {
  EXPECT_TRUE(set("cluster.count=4096"));
  EXPECT_TRUE(set("cluster.scale_out.nic=800 Gb/s"));
  EXPECT_TRUE(set("cluster.scale_out.oversubscription = 1.5"));
  EXPECT_TRUE(set("engine=analytic"));
  EXPECT_TRUE(set("workload.training.parallel.overlap=false"));
  EXPECT_TRUE(set("title=a \"quoted\" = title"));
  EXPECT_TRUE(set("question=\"why?\""));
  EXPECT_EQ(scenario_.cluster().count(), 4096);
  EXPECT_EQ(scenario_.cluster().scale_out().nic(), "800 Gb/s");
  EXPECT_EQ(scenario_.cluster().scale_out().oversubscription(), 1.5);
  EXPECT_EQ(scenario_.engine(), pb::analytic);
  EXPECT_FALSE(scenario_.workload().training().parallel().overlap());
  EXPECT_EQ(scenario_.title(), "a \"quoted\" = title");
  EXPECT_EQ(scenario_.question(), "why?");
}

TEST_F(SetField, ListEntriesAndWholeLists) {
  EXPECT_TRUE(set("workload.training.parallel.stage_layers[1]=7"));
  EXPECT_TRUE(set("workload.training.parallel.stage_layers[2]=8"));
  EXPECT_THAT(layers(), ElementsAre(1, 7, 8));
  EXPECT_TRUE(set("workload.training.parallel.stage_layers=4,5"));
  EXPECT_THAT(layers(), ElementsAre(4, 5));
  EXPECT_TRUE(set("workload.training.parallel.stage_layers=[6]"));
  EXPECT_THAT(layers(), ElementsAre(6));
  EXPECT_TRUE(set("reference[0].value=3"));
  EXPECT_EQ(scenario_.reference(0).metric(), "a");
  EXPECT_EQ(scenario_.reference(0).value(), 3);
  EXPECT_TRUE(set("reference[1].value=4"));
  EXPECT_TRUE(set("reference[1]={ metric: 'b' }"));
  ASSERT_EQ(scenario_.reference_size(), 2);
  EXPECT_EQ(scenario_.reference(1).metric(), "b");
  EXPECT_FALSE(scenario_.reference(1).has_value());
}

TEST_F(SetField, MessagesAreReplaced) {
  EXPECT_TRUE(set("cluster.site={ pue: 1.1 }"));
  EXPECT_EQ(scenario_.cluster().site().pue(), 1.1);
  EXPECT_FALSE(scenario_.cluster().site().has_rental());
}

TEST_F(SetField, PlainFigureIsAssumed) {
  EXPECT_TRUE(set("cluster.what_if.hbm_bandwidth=4.8 TB/s"));
  pb::Figure figure = scenario_.cluster().what_if().hbm_bandwidth();
  EXPECT_EQ(figure.value(), "4.8 TB/s");
  EXPECT_EQ(figure.basis(), pb::assumed);
  EXPECT_EQ(figure.source(), "--set");
  EXPECT_TRUE(set("cluster.what_if.hbm_bandwidth=value: '5 TB/s' basis: vendor"));
  figure = scenario_.cluster().what_if().hbm_bandwidth();
  EXPECT_EQ(figure.value(), "5 TB/s");
  EXPECT_EQ(figure.basis(), pb::vendor);
  EXPECT_FALSE(figure.has_source());
}

TEST_F(SetField, LaterErrorsPointAtTheAssignment) {
  EXPECT_TRUE(set("cluster.scale_out.nic=800"));
  EXPECT_EQ(places_.find("cluster.scale_out.nic").file, "--set cluster.scale_out.nic=800");
  EXPECT_EQ(places_.find("cluster.count").file, "s");
  EXPECT_TRUE(set("cluster.site={ pue: 1.1 }"));
  EXPECT_EQ(places_.find("cluster.site.rental").file, "--set cluster.site={ pue: 1.1 }");
}

TEST_F(SetField, RefusalsNameTheWayOut) {
  EXPECT_EQ(refused("cluster.cuont=1"),
            "--set cluster.cuont=1: error: cluster.cuont: unknown field (did you mean 'count'?)");
  EXPECT_THAT(refused("cluster.count=abc"), HasSubstr("cluster.count: expected integer, got: abc"));
  EXPECT_THAT(refused("cluster.count="), HasSubstr("count is a whole number"));
  EXPECT_THAT(refused("engine=analitic"), HasSubstr("did you mean 'analytic'?"));
  EXPECT_THAT(refused("reference.value=3"), HasSubstr("is a list (name an entry: reference[0])"));
  EXPECT_THAT(refused("reference[3].value=3"), HasSubstr("reference[1] would append one"));
  EXPECT_THAT(refused("cluster[0].count=3"), HasSubstr("is not a list"));
  EXPECT_THAT(refused("cluster.count.x=3"), HasSubstr("has no fields of its own"));
  EXPECT_THAT(refused("cluster.site={ puee: 1.1 }"),
              HasSubstr("cluster.site.puee: unknown field (did you mean 'pue'?)"));
  EXPECT_THAT(refused("cluster.count=3 system: \"x\""), HasSubstr("more than one value"));
  EXPECT_THAT(refused("cluster.count"), HasSubstr("has no '='"));
  EXPECT_THAT(refused("cluster..count=3"), HasSubstr("is not a field path"));
  EXPECT_THAT(refused("reference[-1].value=3"), HasSubstr("is not a field path"));
  EXPECT_THAT(refused("=3"), HasSubstr("is not a field path"));
}

}  // namespace
}  // namespace aisle
