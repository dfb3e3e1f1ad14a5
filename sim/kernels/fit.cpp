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

// What is not continuous: tiles, how compute and memory join, and whether the depth is split.
struct Alternative {
  int tile_m = 0, tile_n = 0;
  double overlap = 0;
  int split_k = 0;
};

constexpr std::pair<int, int> kTiles[] = {{0, 0}, {64, 64}, {128, 128}, {128, 256}, {256, 128}};
constexpr double kOverlap = 3;
// Products split their depth a few times; attention over a cache, as often as it has pages.
constexpr int kSplit = 16, kSplitCache = 256;
// The formula is fitted to so many samples at most, taken evenly, and forms are compared on fewer;
// the correction is fitted to all.
constexpr std::size_t kMostSamples = 400, kForForms = 150;

enum Parameter {
  efficiency,
  hbm_efficiency,
  fixed_us,
  half_bytes,
  half_blocks,
  half_m,
  half_n,
  half_k
};

bool has_context(Family family) {
  return family == Family::attention || family == Family::attention_decode ||
         family == Family::mla || family == Family::mla_decode;
}

bool is_matrix(Family family) {
  return family == Family::gemm || family == Family::grouped_gemm || has_context(family);
}

double share(double x, double most) {
  return most / (1 + std::exp(-x));
}

double inverse_share(double share_of, double most) {
  return -std::log(most / share_of - 1);
}

// Which parameters a family has; the others stay 0. Tiles take the place of half_m and half_n.
std::vector<Parameter> free_parameters(Family family, bool tiled, bool corrected) {
  if (!is_matrix(family)) return {hbm_efficiency, fixed_us};
  std::vector<Parameter> free = {efficiency, fixed_us, half_k};
  if (!tiled) free.push_back(half_m);
  if (family != Family::attention) free.push_back(hbm_efficiency);
  if (!tiled && !has_context(family)) free.push_back(half_n);
  if (corrected && family != Family::attention) free.push_back(half_bytes);
  if (corrected && !has_context(family)) free.push_back(half_blocks);
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
    case half_bytes:
      return std::log(1e5);
    case half_blocks:
      return std::log(8.0);
    default:
      return std::log(16.0);
  }
}

struct Problem {
  std::vector<const Sample*> samples;
  std::vector<Parameter> free;
  DeviceRates rates;
  Family family = Family::gemm;
  int cores = 0;
};

CurveTerms terms_of(const Eigen::VectorXd& x, const Problem& problem, const Alternative& form) {
  CurveTerms terms;
  terms.cores = problem.cores;
  terms.tile_m = form.tile_m;
  terms.tile_n = form.tile_n;
  terms.overlap = form.overlap;
  terms.split_k = form.split_k;
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
      case half_bytes:
        terms.half_bytes = std::exp(value);
        break;
      case half_blocks:
        terms.half_blocks = std::exp(value);
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
  Alternative form;
  bool corrected;

  int inputs() const { return static_cast<int>(problem->free.size()); }

  int values() const { return static_cast<int>(problem->samples.size()) + inputs(); }

  int operator()(const Eigen::VectorXd& x, Eigen::VectorXd& out) const {
    const CurveTerms terms = terms_of(x, *problem, form);
    const double outlier = is_matrix(problem->family) ? kOutlier : kOutlierOfStreams;
    Eigen::Index row = 0;
    for (const Sample* sample : problem->samples) {
      const double error = log_error(terms, *sample, problem->rates) / outlier;
      const double robust = 2 * (std::sqrt(1 + error * error) - 1);
      out[row++] = std::copysign(outlier * std::sqrt(sample->weight * robust), error);
    }
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      const auto parameter = problem->free[static_cast<std::size_t>(i)];
      // A correction needs a fixed time that fits; few samples of a trace must not bend it.
      const double weight = parameter == fixed_us && !corrected ? kFixedPull : kPull;
      out[row++] = std::sqrt(weight) * kOutlier * (x[i] - start_of(parameter));
    }
    return 0;
  }
};

// `shift` moves the start of the half lengths: from far below them their effect is flat, so each
// fit starts from both sides.
std::pair<CurveTerms, double> solve(const Problem& problem, const Alternative& form, double shift,
                                    bool corrected) {
  Eigen::VectorXd x(static_cast<Eigen::Index>(problem.free.size()));
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const auto parameter = problem.free[static_cast<std::size_t>(i)];
    x[i] = start_of(parameter) + (parameter >= half_m ? shift : 0);
  }
  Eigen::NumericalDiff<Residuals, Eigen::Central> function(Residuals{&problem, form, corrected});
  Eigen::LevenbergMarquardt<decltype(function), double> solver(function);
  solver.parameters.maxfev = 500;
  solver.parameters.ftol = solver.parameters.xtol = 1e-6;
  solver.minimize(x);
  return {terms_of(x, problem, form), solver.fvec.squaredNorm()};
}

std::vector<Alternative> alternatives(Family family, bool corrected) {
  std::vector<Alternative> out;
  for (const auto& [m, n] : kTiles) {
    if (m > 0 && !is_matrix(family)) continue;
    // Attention has one column: its head dimension lies inside a tile.
    const int columns = has_context(family) && m > 0 ? 1 : n;
    if (columns == 1 && m != n) continue;
    Alternative form{m, columns, corrected && is_matrix(family) ? kOverlap : 0, 0};
    out.push_back(form);
    if (!corrected || m == 0) continue;
    form.split_k = has_context(family) ? kSplitCache : kSplit;
    if (family == Family::gemm) out.pop_back();  // libraries of dense products always may
    out.push_back(form);
  }
  return out;
}

std::vector<const Sample*> evenly(const std::vector<const Sample*>& from, std::size_t most) {
  const std::size_t count = std::min(from.size(), most);
  std::vector<const Sample*> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(from[i * from.size() / count]);
  return out;
}

struct Start {
  Alternative form;
  double shift = 0, cost = 0;
};

CurveTerms solve_best(Problem& problem, bool corrected) {
  const std::vector<const Sample*> all = problem.samples;
  const auto solved = [&](const Start& start) {
    problem.free = free_parameters(problem.family, start.form.tile_m > 0, corrected);
    return solve(problem, start.form, start.shift, corrected);
  };
  std::vector<Start> starts;
  for (const Alternative& form : alternatives(problem.family, corrected)) {
    for (const double shift : {0.0, std::log(64.0)}) {
      if (shift > 0 && corrected && form.tile_m > 0) continue;
      starts.push_back({form, shift, 0});
    }
  }
  if (corrected) {  // many samples: compare forms on some, and refine the two best
    problem.samples = evenly(all, kForForms);
    for (Start& start : starts) start.cost = solved(start).second;
    std::sort(starts.begin(), starts.end(),
              [](const Start& a, const Start& b) { return a.cost < b.cost; });
    starts.resize(std::min<std::size_t>(starts.size(), 2));
    problem.samples = evenly(all, kMostSamples);
  }
  CurveTerms best;
  double least = std::numeric_limits<double>::infinity();
  for (const Start& start : starts) {
    const auto [terms, cost] = solved(start);
    if (cost < least) {
      least = cost;
      best = terms;
    }
  }
  return best;
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
    if (terms.overlap > 0) curve.set_overlap(terms.overlap);
    if (terms.split_k > 0) curve.set_split_k(terms.split_k);
    if (terms.half_blocks > 0) curve.set_half_blocks(rounded(terms.half_blocks, 10));
    if (terms.half_bytes > 0) curve.set_half_kb(rounded(terms.half_bytes / 1e3, 10));
  }
  curve.set_hbm_efficiency(rounded(terms.hbm_efficiency, 1e4));
  curve.set_fixed_us(rounded(terms.fixed_s * 1e6, 100));
  if (terms.cores > 0) { curve.set_cores(terms.cores); }
  return curve;
}

// Adds to the curve what it misses around the samples that are not held out, of a given stiffness,
// if it is above 0.
void correct(pb::Curve& curve, std::span<const Sample> samples, const DeviceRates& rates,
             double stiffness) {
  const CurveTerms terms = CurveTerms::from(curve);
  std::vector<Correction::Sample> points;
  for (const Sample& sample : samples) {
    if (sample.held_out) continue;
    points.push_back({logarithms_of(sample.kernel), -log_error(terms, sample, rates), sample.weight,
                      sample.fold});
  }
  const Correction correction = Correction::fitted(points, stiffness);
  if (!correction.empty()) correction.write(*curve.mutable_correction());
}

void write_errors(pb::Curve& curve, std::span<const Sample> samples, const DeviceRates& rates) {
  const CurveTerms written = CurveTerms::from(curve);
  std::vector<double> fitted, held_out;
  for (const Sample& sample : samples) {
    (sample.held_out ? held_out : fitted).push_back(std::abs(log_error(written, sample, rates)));
  }
  curve.set_samples(static_cast<int>(fitted.size()));
  curve.set_median_error(rounded(quantile(fitted, 0.5), 1e4));
  curve.set_p90_error(rounded(quantile(fitted, 0.9), 1e4));
  curve.set_held_out_samples(static_cast<int>(held_out.size()));
  curve.set_held_out_median_error(rounded(quantile(held_out, 0.5), 1e4));
  curve.set_held_out_p90_error(rounded(quantile(held_out, 0.9), 1e4));
}

}  // namespace

pb::Curve fit(std::span<const Sample> samples, const topology::Accelerator& accelerator, int cores,
              bool corrected) {
  AISLE_ASSERT(!samples.empty(), "a fit needs samples");
  Problem problem;
  problem.rates = rates_of(accelerator);
  problem.family = samples.front().kernel.family;
  problem.cores = cores;
  for (const Sample& sample : samples) {
    AISLE_ASSERT(sample.time.si() > 0, "a kernel takes time");
    if (!sample.held_out) problem.samples.push_back(&sample);
  }
  AISLE_ASSERT(!problem.samples.empty(), "a fit needs samples that are not held out");
  pb::Curve curve = to_curve(solve_best(problem, corrected), samples.front().kernel);
  const auto direction = samples.front().kernel.direction;
  if (std::any_of(samples.begin(), samples.end(),
                  [&](const Sample& sample) { return sample.kernel.direction != direction; })) {
    curve.clear_direction();
  }
  if (corrected) correct(curve, samples, problem.rates, 0);
  write_errors(curve, samples, problem.rates);
  return curve;
}

pb::Curve refit(const pb::Curve& curve, std::span<const Sample> samples,
                const topology::Accelerator& accelerator) {
  pb::Curve out = curve;
  out.clear_correction();
  const DeviceRates rates = rates_of(accelerator);
  correct(out, samples, rates, curve.correction().stiffness());
  write_errors(out, samples, rates);
  return out;
}

}  // namespace aisle::sim
