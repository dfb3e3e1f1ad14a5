// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace aisle::sim {

/// A linear program some of whose variables may be whole numbers. Least cost is sought.
struct LinearProgram {
  static constexpr double kNone = std::numeric_limits<double>::infinity();

  struct Variable {
    double lower = 0, upper = kNone, cost = 0;
    bool whole = false;
  };

  struct Term {
    int variable = 0;
    double coefficient = 0;
  };

  struct Row {
    double lower = -kNone, upper = kNone;
    std::vector<Term> terms;
  };

  std::vector<Variable> variables;
  std::vector<Row> rows;
  double constant = 0;  ///< of the cost

  int add(const Variable& variable) {
    variables.push_back(variable);
    return static_cast<int>(variables.size()) - 1;
  }

  int add(Row row) {
    rows.push_back(std::move(row));
    return static_cast<int>(rows.size()) - 1;
  }
};

enum class SolveStatus { optimal, infeasible, unbounded, out_of_time };

struct LinearSolution {
  SolveStatus status = SolveStatus::infeasible;
  double cost = 0;
  double bound = 0;            ///< no solution is cheaper
  std::vector<double> values;  ///< of variables; empty where there is no solution
  /// Of rows, without whole numbers: change of the cost for one more of the bound that holds.
  std::vector<double> prices;

  bool found() const { return !values.empty(); }
};

struct SolveOptions {
  bool whole = true;    ///< false: variables may be fractions all the same
  double gap = 1e-6;    ///< of the cost, beyond which a better solution is sought
  double seconds = 60;  ///< then the best found is taken
};

LinearSolution solve(const LinearProgram& program, const SolveOptions& options);

}  // namespace aisle::sim
