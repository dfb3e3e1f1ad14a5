// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/kernels/calibration.pb.h"
#include "sim/kernels/curve.hpp"
#include "sim/kernels/kernels.hpp"

#include <Eigen/Core>
#include <unsupported/Eigen/NonLinearOptimization>
#include <unsupported/Eigen/NumericalDiff>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace aisle::sim {
namespace {

using workloads::Family;

// Highest shares that a fit may claim: no kernel beats these on any device that was measured.
constexpr double kMostEfficiency = 0.99, kMostHbmEfficiency = 0.95;
// Beyond this |ln| error a sample counts by its size, not its square: outliers of warm-up runs.
// Families that only stream hold different kernels, whose time in all counts: there every sample
// counts by its time, and outliers nearly fully.
constexpr double kOutlier = 0.15, kOutlierOfStreams = 1;
// Weight of the pull towards the start, in samples: keeps what the samples do not show in place.
// Fixed times are known beforehand within a small factor, so a few samples must not bend them.
constexpr double kPull = 0.02, kFixedPull = 30;

constexpr std::pair<int, int> kTiles[] = {{0, 0}, {64, 64}, {128, 128}, {128, 256}, {256, 128}};

enum Parameter { efficiency, hbm_efficiency, fixed_us, half_m, half_n, half_k, parameters };

bool is_matrix(Family family) {
  return family == Family::gemm || family == Family::grouped_gemm || family == Family::attention;
}

double share(double x, double most) {
  return most / (1 + std::exp(-x));
}

double inverse_share(double share_of, double most) {
  return -std::log(most / share_of - 1);
}

// Which parameters a family has; the others stay 0. Tiles take the place of half_m and half_n.
std::vector<Parameter> free_parameters(Family family, bool tiled) {
  if (!is_matrix(family)) return {hbm_efficiency, fixed_us};
  std::vector<Parameter> free = {efficiency, fixed_us, half_k};
  if (!tiled) free.push_back(half_m);
  if (family != Family::attention) {
    free.push_back(hbm_efficiency);
    if (!tiled) free.push_back(half_n);
  }
  return free;
}

double start_of(Parameter parameter) {
  switch (parameter) {
    case efficiency:
      return inverse_share(0.75, kMostEfficiency);
    case hbm_efficiency:
      return inverse_share(0.80, kMostHbmEfficiency);
    case fixed_us:
      return std::log(3.0);
    default:
      return std::log(16.0);
  }
}

struct Problem {
  std::vector<const Sample*> samples;
  std::vector<double> weights;  // parallel to samples, 1 on average
  std::vector<Parameter> free;
  DeviceRates rates;
  Family family = Family::gemm;
  int cores = 0;
};

std::vector<double> weights_of(const Problem& problem) {
  std::vector<double> weights(problem.samples.size(), 1);
  if (is_matrix(problem.family)) { return weights; }
  double sum = 0;
  for (const Sample* sample : problem.samples) { sum += sample->time.si(); }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = problem.samples[i]->time.si() * static_cast<double>(weights.size()) / sum;
  }
  return weights;
}

CurveTerms terms_of(const Eigen::VectorXd& x, const Problem& problem, std::pair<int, int> tile) {
  CurveTerms terms;
  terms.cores = problem.cores;
  terms.tile_m = tile.first;
  terms.tile_n = tile.second;
  if (problem.family == Family::attention) {
    terms.hbm_efficiency = 0.8;  // never binds in training and prefill, hence not fitted
  }
  for (std::size_t i = 0; i < problem.free.size(); ++i) {
    const double value = x[static_cast<Eigen::Index>(i)];
    switch (problem.free[i]) {
      case efficiency:
        terms.efficiency = share(value, kMostEfficiency);
        break;
      case hbm_efficiency:
        terms.hbm_efficiency = share(value, kMostHbmEfficiency);
        break;
      case fixed_us:
        terms.fixed_s = std::exp(value) * 1e-6;
        break;
      case half_m:
        terms.half_m = std::exp(value);
        break;
      case half_n:
        terms.half_n = std::exp(value);
        break;
      default:
        terms.half_k = std::exp(value);
    }
  }
  return terms;
}

double log_error(const CurveTerms& terms, const Sample& sample, const DeviceRates& rates) {
  return std::log(terms.time_of(sample.kernel, rates) / sample.time);
}

// Residuals for Eigen: pseudo-Huber of ln(predicted/measured), and the pull towards the start.
struct Residuals {
  using Scalar = double;
  using InputType = Eigen::VectorXd;
  using ValueType = Eigen::VectorXd;
  using JacobianType = Eigen::MatrixXd;

  enum { InputsAtCompileTime = Eigen::Dynamic, ValuesAtCompileTime = Eigen::Dynamic };

  const Problem* problem;
  std::pair<int, int> tile;

  int inputs() const { return static_cast<int>(problem->free.size()); }

  int values() const { return static_cast<int>(problem->samples.size()) + inputs(); }

  int operator()(const Eigen::VectorXd& x, Eigen::VectorXd& out) const {
    const CurveTerms terms = terms_of(x, *problem, tile);
    const double outlier = is_matrix(problem->family) ? kOutlier : kOutlierOfStreams;
    Eigen::Index row = 0;
    for (const Sample* sample : problem->samples) {
      const double weight = problem->weights[static_cast<std::size_t>(row)];
      const double error = log_error(terms, *sample, problem->rates) / outlier;
      const double robust = 2 * (std::sqrt(1 + error * error) - 1);
      out[row++] = std::copysign(outlier * std::sqrt(weight * robust), error);
    }
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      const auto parameter = problem->free[static_cast<std::size_t>(i)];
      const double weight = parameter == fixed_us ? kFixedPull : kPull;
      out[row++] = std::sqrt(weight) * kOutlier * (x[i] - start_of(parameter));
    }
    return 0;
  }
};

// `shift` moves the start of the half lengths: from far below them their effect is flat, so each
// fit starts from both sides.
std::pair<CurveTerms, double> solve(const Problem& problem, std::pair<int, int> tile,
                                    double shift) {
  Eigen::VectorXd x(static_cast<Eigen::Index>(problem.free.size()));
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const auto parameter = problem.free[static_cast<std::size_t>(i)];
    x[i] = start_of(parameter) + (parameter >= half_m ? shift : 0);
  }
  Eigen::NumericalDiff<Residuals, Eigen::Central> function(Residuals{&problem, tile});
  Eigen::LevenbergMarquardt<decltype(function), double> solver(function);
  solver.parameters.maxfev = 2000;
  solver.minimize(x);
  return {terms_of(x, problem, tile), solver.fvec.squaredNorm()};
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) { return 0; }
  const long at = std::lround(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

// To so many steps per unit; division, unlike multiplication, gives the nearest decimal.
double rounded(double value, double steps_per_unit) {
  return std::round(value * steps_per_unit) / steps_per_unit;
}

std::string_view name_of(workloads::Direction direction) {
  constexpr std::string_view kNames[] = {"forward", "dgrad", "wgrad"};
  return kNames[static_cast<std::size_t>(direction)];
}

pb::Curve to_curve(const CurveTerms& terms, const workloads::Kernel& kernel) {
  pb::Curve curve;
  curve.set_family(std::string(workloads::to_string(kernel.family)));
  curve.set_direction(std::string(name_of(kernel.direction)));
  if (is_matrix(kernel.family)) {
    curve.set_precision(std::string(topology::to_string(kernel.precision)));
    curve.set_efficiency(rounded(terms.efficiency, 1e4));
    curve.set_half_m(rounded(terms.half_m, 10));
    curve.set_half_n(rounded(terms.half_n, 10));
    curve.set_half_k(rounded(terms.half_k, 10));
    curve.set_tile_m(terms.tile_m);
    curve.set_tile_n(terms.tile_n);
  }
  curve.set_hbm_efficiency(rounded(terms.hbm_efficiency, 1e4));
  curve.set_fixed_us(rounded(terms.fixed_s * 1e6, 100));
  if (terms.cores > 0) { curve.set_cores(terms.cores); }
  return curve;
}

}  // namespace

pb::Curve fit(std::span<const Sample> samples, const topology::Accelerator& accelerator,
              int cores) {
  AISLE_ASSERT(!samples.empty(), "a fit needs samples");
  Problem problem;
  problem.rates = rates_of(accelerator);
  problem.family = samples.front().kernel.family;
  problem.cores = cores;
  for (const Sample& sample : samples) {
    AISLE_ASSERT(sample.time.si() > 0, "a kernel takes time");
    if (!sample.held_out) { problem.samples.push_back(&sample); }
  }
  AISLE_ASSERT(!problem.samples.empty(), "a fit needs samples that are not held out");

  problem.weights = weights_of(problem);

  CurveTerms best;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& tile : kTiles) {
    if (tile.first > 0 && !is_matrix(problem.family)) { continue; }
    // Attention has one column: its head dimension lies inside a tile.
    const auto shape =
        problem.family == Family::attention && tile.first > 0 ? std::pair(tile.first, 1) : tile;
    problem.free = free_parameters(problem.family, tile.first > 0);
    for (const double shift : {0.0, std::log(64.0)}) {
      const auto [terms, cost] = solve(problem, shape, shift);
      if (cost < least) {
        least = cost;
        best = terms;
      }
    }
  }

  pb::Curve curve = to_curve(best, samples.front().kernel);
  const auto direction = samples.front().kernel.direction;
  if (std::any_of(samples.begin(), samples.end(),
                  [&](const Sample& sample) { return sample.kernel.direction != direction; })) {
    curve.clear_direction();
  }
  const CurveTerms written = CurveTerms::from(curve);
  std::vector<double> fitted, held_out;
  for (const Sample& sample : samples) {
    (sample.held_out ? held_out : fitted)
        .push_back(std::abs(log_error(written, sample, problem.rates)));
  }
  curve.set_samples(static_cast<int>(fitted.size()));
  curve.set_median_error(rounded(quantile(fitted, 0.5), 1e4));
  curve.set_p90_error(rounded(quantile(fitted, 0.9), 1e4));
  curve.set_held_out_samples(static_cast<int>(held_out.size()));
  curve.set_held_out_median_error(rounded(quantile(held_out, 0.5), 1e4));
  curve.set_held_out_p90_error(rounded(quantile(held_out, 0.9), 1e4));
  return curve;
}

}  // namespace aisle::sim
