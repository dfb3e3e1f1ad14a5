// SPDX-License-Identifier: Apache-2.0
#include "sim/study/milp.hpp"

#include <gtest/gtest.h>

namespace aisle::sim {
namespace {

constexpr double kNone = LinearProgram::kNone;

/// max 5x + 4y, 6x + 4y <= 24, x + 2y <= 6: (3, 1.5) with 21; in whole numbers (4, 0) with 20.
LinearProgram textbook(bool whole) {
  LinearProgram program;
  const int x = program.add(LinearProgram::Variable{0, kNone, -5, whole});
  const int y = program.add(LinearProgram::Variable{0, kNone, -4, whole});
  program.add(LinearProgram::Row{-kNone, 24, {{x, 6}, {y, 4}}});
  program.add(LinearProgram::Row{-kNone, 6, {{x, 1}, {y, 2}}});
  return program;
}

TEST(Milp, FractionsAndTheirPrices) {
  const LinearSolution solution = solve(textbook(false), {});
  ASSERT_EQ(solution.status, SolveStatus::optimal);
  EXPECT_NEAR(solution.cost, -21, 1e-9);
  EXPECT_NEAR(solution.values[0], 3, 1e-9);
  EXPECT_NEAR(solution.values[1], 1.5, 1e-9);
  EXPECT_NEAR(solution.prices[0], -0.75, 1e-9);
  EXPECT_NEAR(solution.prices[1], -0.5, 1e-9);
}

TEST(Milp, WholeNumbers) {
  const LinearSolution solution = solve(textbook(true), {});
  ASSERT_EQ(solution.status, SolveStatus::optimal);
  EXPECT_NEAR(solution.cost, -20, 1e-9);
  EXPECT_EQ(solution.values, (std::vector<double>{4, 0}));
  EXPECT_NEAR(solution.bound, -20, 1e-4);
}

TEST(Milp, WhatCannotBe) {
  for (const bool whole : {false, true}) {
    LinearProgram program = textbook(whole);
    program.add(LinearProgram::Row{9, kNone, {{0, 1}, {1, 1}}});
    const LinearSolution solution = solve(program, {});
    EXPECT_EQ(solution.status, SolveStatus::infeasible);
    EXPECT_FALSE(solution.found());
  }
  // Halves alone would do.
  LinearProgram program;
  program.add(LinearProgram::Variable{0, 1, 1, true});
  program.add(LinearProgram::Row{0.5, 0.5, {{0, 1}}});
  EXPECT_FALSE(solve(program, {}).found());
  EXPECT_TRUE(solve(program, {.whole = false}).found());
}

TEST(Milp, WithoutEnd) {
  LinearProgram program;
  program.add(LinearProgram::Variable{0, kNone, -1, false});
  EXPECT_EQ(solve(program, {}).status, SolveStatus::unbounded);
}

}  // namespace
}  // namespace aisle::sim
