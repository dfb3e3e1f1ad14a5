// SPDX-License-Identifier: Apache-2.0
// The one file that knows the solver: CBC, and CLP for what has no whole numbers.
#include "sim/study/milp.hpp"

#include "sim/base/diagnostics.hpp"

#include <CbcModel.hpp>
#include <CbcSolver.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <cmath>
#include <string>

namespace aisle::sim {

namespace {

double bound_of(double value, double infinity) {
  return std::isinf(value) ? std::copysign(infinity, value) : value;
}

void load(const LinearProgram& program, bool whole, OsiClpSolverInterface& solver) {
  solver.messageHandler()->setLogLevel(0);
  const double infinity = solver.getInfinity();
  CoinPackedMatrix matrix(false, 0, 0);
  matrix.setDimensions(0, static_cast<int>(program.variables.size()));
  std::vector<double> row_lower, row_upper;
  std::vector<int> columns;
  std::vector<double> coefficients;
  for (const LinearProgram::Row& row : program.rows) {
    columns.clear();
    coefficients.clear();
    for (const LinearProgram::Term& term : row.terms) {
      columns.push_back(term.variable);
      coefficients.push_back(term.coefficient);
    }
    matrix.appendRow(static_cast<int>(columns.size()), columns.data(), coefficients.data());
    row_lower.push_back(bound_of(row.lower, infinity));
    row_upper.push_back(bound_of(row.upper, infinity));
  }
  std::vector<double> lower, upper, cost;
  for (const LinearProgram::Variable& variable : program.variables) {
    lower.push_back(bound_of(variable.lower, infinity));
    upper.push_back(bound_of(variable.upper, infinity));
    cost.push_back(variable.cost);
  }
  solver.loadProblem(matrix, lower.data(), upper.data(), cost.data(), row_lower.data(),
                     row_upper.data());
  if (!whole) return;
  for (std::size_t i = 0; i < program.variables.size(); ++i) {
    if (program.variables[i].whole) solver.setInteger(static_cast<int>(i));
  }
}

LinearSolution solve_fractions(const LinearProgram& program, OsiClpSolverInterface& solver) {
  solver.initialSolve();
  LinearSolution solution;
  if (solver.isProvenDualInfeasible()) solution.status = SolveStatus::unbounded;
  if (!solver.isProvenOptimal()) return solution;
  solution.status = SolveStatus::optimal;
  solution.cost = solution.bound = solver.getObjValue() + program.constant;
  const double* values = solver.getColSolution();
  solution.values.assign(values, values + program.variables.size());
  const double* prices = solver.getRowPrice();
  solution.prices.assign(prices, prices + program.rows.size());
  return solution;
}

LinearSolution solve_whole(const LinearProgram& program, const OsiClpSolverInterface& solver,
                           const SolveOptions& options) {
  CbcModel model(solver);
  model.setLogLevel(0);
  CbcSolverUsefulData data;
  CbcMain0(model, data);
  model.setLogLevel(0);
  const std::string seconds = std::to_string(options.seconds), gap = std::to_string(options.gap);
  const char* arguments[] = {"aisle",     "-log",      "0",      "-seconds", seconds.c_str(),
                             "-ratioGap", gap.c_str(), "-solve", "-quit"};
  CbcMain1(
      static_cast<int>(std::size(arguments)), arguments, model, [](CbcModel*, int) { return 0; },
      data);
  LinearSolution solution;
  const double* values = model.bestSolution();
  if (model.isContinuousUnbounded()) solution.status = SolveStatus::unbounded;
  if (model.isSecondsLimitReached() || model.status() == 1) {
    solution.status = SolveStatus::out_of_time;
  }
  if (values == nullptr) return solution;
  if (solution.status != SolveStatus::out_of_time) solution.status = SolveStatus::optimal;
  solution.values.assign(values, values + program.variables.size());
  for (std::size_t i = 0; i < solution.values.size(); ++i) {
    if (program.variables[i].whole) solution.values[i] = std::round(solution.values[i]);
  }
  solution.cost = model.getObjValue() + program.constant;
  solution.bound = model.getBestPossibleObjValue() + program.constant;
  return solution;
}

}  // namespace

LinearSolution solve(const LinearProgram& program, const SolveOptions& options) {
  bool whole = false;
  for (const LinearProgram::Variable& variable : program.variables) whole |= variable.whole;
  whole = whole && options.whole;
  OsiClpSolverInterface solver;
  load(program, whole, solver);
  return whole ? solve_whole(program, solver, options) : solve_fractions(program, solver);
}

}  // namespace aisle::sim
