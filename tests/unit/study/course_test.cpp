// SPDX-License-Identifier: Apache-2.0
#include "sim/study/course.hpp"

#include <gtest/gtest.h>

namespace aisle::sim {
namespace {

using namespace units;  // NOLINT: literals of a test

/// Steps of 2 s: one at 100 W, one at 60 W.
power::Series step() {
  return {1 * s, {100, 60}};
}

Course course() {
  Course course;
  course.span = 100 * s;
  course.start = 10 * s;
  course.rest = course.waiting = 10 * W;
  course.evaluate_every = 10;
  course.evaluation = 5 * s;
  course.evaluating = 40 * W;
  return course;
}

TEST(Course, EnergyIsThatOfItsParts) {
  // 10 s at rest, then three times 10 steps and an evaluation, then 15 s of steps.
  const power::Series power = power_of_course(course(), step());
  EXPECT_NEAR(power.energy().si(), 10 * 10 + 3 * (10 * 160 + 5 * 40) + 7 * 160 + 100, 1e-6);
  EXPECT_NEAR(power.peak().si(), 100, 1e-9);
}

TEST(Course, ACrashGoesBackToTheNewestCheckpoint) {
  Course crashed = course();
  crashed.evaluate_every = 0;
  crashed.interval = 20 * s;
  crashed.stall = 2 * s;
  crashed.crash = 60 * s;
  crashed.restart = 20 * s;
  const power::Series power = power_of_course(crashed, step());
  // To 60 s: 10 of rest, two rounds of 20 and 2, 6 of steps; then 20 of rest, a round, and no more.
  const double until = 10 * 10 + 2 * (10 * 160 + 2 * 10) + 3 * 160;
  EXPECT_NEAR(power.energy().si(), until + 20 * 10 + 10 * 160, 1e-6);
}

TEST(Course, OfShortStepsTheMean) {
  Course longer = course();
  longer.span = 1e5 * s;
  longer.evaluate_every = 0;
  const power::Series power = power_of_course(longer, {1e-4 * s, {100, 60}});
  EXPECT_NEAR(power.watts.back(), 80, 1e-6);
  EXPECT_LE(power.watts.size(), 1'000'000u);
}

}  // namespace
}  // namespace aisle::sim
