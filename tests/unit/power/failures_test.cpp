// SPDX-License-Identifier: Apache-2.0
#include "power/failures.hpp"

#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>

namespace aisle::power {
namespace {

using namespace units;  // NOLINT: literals of a test

RunModel model() {
  RunModel model;
  model.work = 100 * hour;
  model.interval = 30 * (60 * s);
  model.stall = model.write = 1 * (60 * s);
  model.classes = {{"gpu", 5 * hour, 0 * s, 12 * (60 * s), 0 * s}};
  return model;
}

double mean_hours(const RunModel& model, int draws) {
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    Random random(3, "run " + std::to_string(i));
    const RunDraw draw = draw_run(model, random, 1e9 * s);
    const Seconds parts = draw.work + draw.checkpoint + draw.lost + draw.detection + draw.restart +
                          draw.repair + draw.stalled;
    EXPECT_NEAR(parts / draw.whole, 1, 1e-12);
    EXPECT_NEAR(draw.work / model.work, 1, 1e-12);
    sum += draw.whole.in(hour) / draws;
  }
  return sum;
}

// Daly's complete model: m e^(R/m) (e^(s/m) - 1) n.
TEST(Failures, MeanIsDalys) {
  const double m = 5, restart = 0.2, segment = 0.5 + 1.0 / 60;
  const double closed = m * std::exp(restart / m) * std::expm1(segment / m) * 200;
  EXPECT_NEAR(mean_hours(model(), 2000) / closed, 1, 0.005);
}

// A link that flaps holds the job up and loses nothing; it strikes while the job works.
TEST(Failures, StallsLoseNothing) {
  RunModel flaps = model();
  flaps.classes = {{"link", 2 * hour, 0 * s, 0 * s, 0 * s, 6 * (60 * s)}};
  const double worked = 100 + 200.0 / 60;
  EXPECT_NEAR(mean_hours(flaps, 2000), worked * (1 + 0.1 / 2), 0.05);
  Random random(3, "run");
  EXPECT_EQ(draw_run(flaps, random, 1e9 * s).lost, Seconds());
}

TEST(Failures, NoneWithoutClasses) {
  RunModel calm = model();
  calm.classes.clear();
  EXPECT_NEAR(mean_hours(calm, 1), 100 + 200.0 / 60, 1e-9);
}

// Checkpoints that are written beside the work lose what came before them until they are whole.
TEST(Failures, LateCheckpointsLoseMore) {
  RunModel rare = model();
  rare.work = 1000 * hour;
  rare.classes[0].between = 50 * hour;
  RunModel late = rare;
  late.write = 10 * (60 * s);
  const double more = mean_hours(late, 3000) - mean_hours(rare, 3000);
  EXPECT_NEAR(more / (1000.0 / 50 * 9 / 60), 1, 0.1);  // nine minutes of work for each failure
}

// Too few spares: the job waits for repairs; plenty: it never does.
TEST(Failures, SparesAreWaitedFor) {
  RunModel worn = model();
  worn.classes[0].repair = 20 * hour;  // four nodes out on the mean
  double last = 1e9;
  for (const int spares : {0, 2, 4, 8}) {
    worn.spares = spares;
    const double hours = mean_hours(worn, 200);
    EXPECT_LT(hours, last);
    last = hours;
  }
  worn.spares = 40;
  EXPECT_NEAR(mean_hours(worn, 200) / mean_hours(model(), 200), 1, 1e-12);
}

TEST(Failures, CausesShareByTheirRates) {
  RunModel two = model();
  two.work = 20000 * hour;
  two.classes = {{"gpu", 6 * hour, 5 * (60 * s), 10 * (60 * s), 0 * s},
                 {"network", 18 * hour, 1 * (60 * s), 10 * (60 * s), 0 * s}};
  Random random(5);
  const RunDraw draw = draw_run(two, random, 1e12 * s);
  const double ratio =
      static_cast<double>(draw.failures[0]) / static_cast<double>(draw.failures[1]);
  EXPECT_NEAR(ratio, 3, 0.3);
  EXPECT_NEAR(draw.detection.in(60 * s),
              5.0 * static_cast<double>(draw.failures[0]) + static_cast<double>(draw.failures[1]),
              1e-6);
}

// A million accelerators for 100 days: a failure every three minutes.
TEST(Failures, MillionAcceleratorsAreQuick) {
  RunModel large;
  large.work = 2400 * hour;
  large.interval = 1 * (60 * s);
  large.stall = 1 * s;
  large.write = 20 * s;
  large.spares = 4000;
  large.classes = {{"all", 50700 * hour / 1e6, 5 * s, 30 * s, 24 * hour}};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    Random random(9, std::to_string(i));
    EXPECT_GT(draw_run(large, random, 1e9 * s).goodput(), 0.3);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 5);
}

}  // namespace
}  // namespace aisle::power
