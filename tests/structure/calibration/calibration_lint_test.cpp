// SPDX-License-Identifier: Apache-2.0
// Do the shipped calibrations say where every curve is from and how far it is off?
#include "sim/base/diagnostics.hpp"
#include "sim/kernels/calibration.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/collectives/library.hpp"

#include <gtest/gtest.h>

#include <set>

namespace aisle {
namespace {

class Calibrations : public testing::Test {
 protected:
  void SetUp() override {
    Diagnostics diagnostics;
    catalogue_ = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    ASSERT_TRUE(catalogue_.has_value()) << to_string(diagnostics.all().front());
    ASSERT_GE(catalogue_->calibrations().size(), 7u);
  }

  std::optional<topology::Catalogue> catalogue_;
};

std::string name_of(const pb::Calibration& calibration, const pb::Curve& curve) {
  return calibration.accelerator() + ": " + curve.precision() + ' ' + curve.family() + ' ' +
         curve.direction() + ' ' + curve.variant();
}

TEST_F(Calibrations, BelongToAcceleratorsAndSayTheirConditions) {
  for (const pb::Calibration* calibration : catalogue_->calibrations()) {
    EXPECT_NE(catalogue_->accelerator(calibration->accelerator()), nullptr)
        << calibration->accelerator();
    EXPECT_FALSE(calibration->source().empty()) << calibration->accelerator();
    EXPECT_TRUE(calibration->has_clock() && calibration->has_power_limit())
        << calibration->accelerator();
    EXPECT_TRUE(calibration->has_launch_gap_source() && calibration->has_interference_source())
        << calibration->accelerator();
    EXPECT_GE(calibration->interference(), 1) << calibration->accelerator();
    if (calibration->has_borrows_from()) {
      EXPECT_NE(catalogue_->calibration(calibration->borrows_from()), nullptr)
          << calibration->accelerator();
    }
  }
}

TEST_F(Calibrations, CurvesHaveSourcesSamplesAndErrors) {
  for (const pb::Calibration* calibration : catalogue_->calibrations()) {
    for (const pb::Curve& curve : calibration->curve()) {
      SCOPED_TRACE(name_of(*calibration, curve));
      EXPECT_FALSE(curve.source().empty());
      ASSERT_TRUE(curve.has_samples());
      if (curve.samples() == 0) {
        EXPECT_FALSE(curve.note().empty()) << "says from where it is carried over, and how";
        continue;
      }
      EXPECT_TRUE(curve.has_median_error() && curve.has_p90_error());
      EXPECT_LE(curve.median_error(), curve.p90_error());
      if (curve.held_out_samples() > 0) {
        EXPECT_TRUE(curve.has_held_out_median_error() && curve.has_held_out_p90_error());
      } else {
        EXPECT_TRUE(curve.note().find("hold") != std::string::npos ||
                    curve.note().find("held") != std::string::npos)
            << "says why none is held out";
      }
    }
  }
}

TEST_F(Calibrations, SharesAreShares) {
  for (const pb::Calibration* calibration : catalogue_->calibrations()) {
    for (const pb::Curve& curve : calibration->curve()) {
      SCOPED_TRACE(name_of(*calibration, curve));
      EXPECT_GT(curve.hbm_efficiency(), 0);
      EXPECT_LE(curve.hbm_efficiency(), 1);
      if (curve.has_efficiency()) {
        EXPECT_GT(curve.efficiency(), 0);
        EXPECT_LE(curve.efficiency(), 1);
      }
      EXPECT_TRUE(curve.tile_m() == 0 || curve.half_m() + curve.half_n() == 0)
          << "tiles take the place of half lengths";
      EXPECT_GE(curve.fixed_us(), 0);
      EXPECT_LT(curve.fixed_us(), 600);  // of an expert layer behind an exchange: 390 us
    }
    for (const pb::CommunicationCurve& curve : calibration->communication()) {
      SCOPED_TRACE(calibration->accelerator() + ": " + curve.tier() + ' ' + curve.operation());
      EXPECT_TRUE(curve.tier() == "scale_up" || curve.tier() == "scale_out");
      if (curve.has_efficiency()) { EXPECT_GT(curve.efficiency(), 0); }
      EXPECT_LE(curve.efficiency(), 1);
      EXPECT_GT(curve.cores(), 0);
      EXPECT_FALSE(curve.source().empty());
    }
  }
}

TEST_F(Calibrations, CollectivesHaveSourcesSamplesAndErrors) {
  for (const pb::Calibration* calibration : catalogue_->calibrations()) {
    if (!calibration->has_collectives()) continue;
    SCOPED_TRACE(calibration->accelerator());
    const pb::CollectiveModel& model = calibration->collectives();
    EXPECT_FALSE(model.source().empty());
    EXPECT_GT(model.samples(), 0);
    EXPECT_TRUE(model.has_held_out_median_error() || model.note().find("held") != std::string::npos)
        << "says why none is held out";
    if (model.has_architecture()) {
      EXPECT_TRUE(workloads::parse_architecture(model.architecture()).has_value());
    }
  }
}

TEST_F(Calibrations, NoTwoCurvesAnswerTheSameQuestion) {
  for (const pb::Calibration* calibration : catalogue_->calibrations()) {
    std::set<std::string> seen;
    for (const pb::Curve& curve : calibration->curve()) {
      EXPECT_TRUE(seen.insert(name_of(*calibration, curve)).second) << name_of(*calibration, curve);
    }
  }
}

}  // namespace
}  // namespace aisle
