// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/kernel_shapes.hpp"

#include "sim/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

namespace aisle::workloads {

namespace {

std::int64_t whole(double value) {
  return std::max<std::int64_t>(1, std::llround(value));
}

Kernel shaped(Family family, topology::Precision precision, double m, double n, double k) {
  Kernel kernel;
  kernel.family = family;
  kernel.precision = precision;
  kernel.m = whole(m);
  kernel.n = whole(n);
  kernel.k = whole(k);
  return kernel;
}

constexpr int kDraws = 8;

/// Bytes that sorting, gathering and summing move for each number of every token of the group,
/// computed here or not: some six passes in 16 bits (experts spread over 128 and 256 ranks).
constexpr double kGatherBytes = 12;

/// Tokens of each expert for one draw: shares of a power law, rounded to their sum.
std::vector<double> drawn_tokens(double tokens, int chosen, int experts, double exponent,
                                 Random& random) {
  const double most = std::max(1.0, 0.8 * tokens), power = 1 - exponent;
  std::vector<double> share(static_cast<std::size_t>(experts));
  for (double& s : share) {
    const double u = random.uniform();
    s = std::abs(power) < 1e-9 ? std::pow(most, u)
                               : std::pow(1 + u * (std::pow(most, power) - 1), 1 / power);
  }
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  const double pairs = tokens * chosen;
  std::vector<std::pair<double, std::size_t>> rest;
  double left = pairs;
  for (std::size_t e = 0; e < share.size(); ++e) {
    const double exact = std::min(tokens, pairs * share[e] / sum);
    share[e] = std::floor(exact);
    left -= share[e];
    rest.emplace_back(exact - share[e], e);
  }
  std::sort(rest.rbegin(), rest.rend());
  for (std::size_t i = 0; i < rest.size() && left > 0.5; i = (i + 1) % rest.size()) {
    double& of = share[rest[i].second];
    if (of + 1 <= tokens) of += 1;
    left -= 1;
  }
  return share;
}

ExpertLoad drawn_load(double tokens, int chosen, int experts, int ranks, double exponent) {
  Random random(20260101, "expert load");
  ExpertLoad mean{0, 0};
  const auto local = static_cast<std::size_t>(std::max(1, experts / ranks));
  for (int draw = 0; draw < kDraws; ++draw) {
    const std::vector<double> of = drawn_tokens(tokens, chosen, experts, exponent, random);
    ExpertLoad most{0, 0};
    for (std::size_t first = 0; first + local <= of.size(); first += local) {
      const auto begin = of.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end = begin + static_cast<std::ptrdiff_t>(local);
      const double rows = std::accumulate(begin, end, 0.0);
      if (rows <= most.rows) continue;
      most.rows = rows;
      most.active = static_cast<double>(std::count_if(begin, end, [](double t) { return t > 0; }));
    }
    mean.rows += most.rows / kDraws;
    mean.active += most.active / kDraws;
  }
  return {std::max(1.0, mean.rows), std::max(1.0, mean.active)};
}

}  // namespace

Kernel dense_product(topology::Precision precision, double m, double n, double k,
                     const OperandBytes& bytes) {
  Kernel kernel = shaped(Family::gemm, precision, m, n, k);
  kernel.flops = 2 * m * n * k * units::FLOP;
  kernel.hbm_bytes =
      (m * k * bytes.activation + n * k * bytes.weight + m * n * bytes.output) * units::B;
  return kernel;
}

ExpertLoad busiest_rank(double tokens, int chosen, int experts, int ranks, double exponent) {
  if (exponent <= 0) {
    const double rows = tokens * chosen / ranks;
    const double local = std::max(1.0, static_cast<double>(experts) / ranks);
    return {std::max(1.0, rows), std::clamp(std::ceil(rows), 1.0, local)};
  }
  using Key = std::tuple<double, int, int, int, double>;
  thread_local std::map<Key, ExpertLoad> known;
  const auto [place, fresh] = known.try_emplace({tokens, chosen, experts, ranks, exponent});
  if (fresh) place->second = drawn_load(tokens, chosen, experts, ranks, exponent);
  return place->second;
}

Kernel expert_product(topology::Precision precision, const ExpertLoad& load, double n, double k,
                      const OperandBytes& bytes) {
  Kernel kernel = shaped(Family::grouped_gemm, precision, load.rows, n, k);
  kernel.groups = static_cast<int>(whole(load.active));
  kernel.flops = 2 * load.rows * n * k * units::FLOP;
  kernel.hbm_bytes =
      (load.rows * (k * bytes.activation + n * bytes.output) + load.active * n * k * bytes.weight) *
      units::B;
  return kernel;
}

Kernel expert_layer(topology::Precision precision, const ExpertLoad& load, double tokens,
                    double hidden, double width, const OperandBytes& bytes) {
  Kernel kernel = expert_product(precision, load, 3 * width, hidden, {0, bytes.weight, 0});
  const double gathered = hidden * (2 + bytes.activation), result = hidden * 2 * 2;
  const double inside = 2 * width * 2 * 2 + 2 * width * bytes.activation;
  kernel.hbm_bytes += (load.rows * (gathered + inside + result + hidden * bytes.activation) +
                       tokens * hidden * kGatherBytes) *
                      units::B;
  return kernel;
}

Kernel attention(Family family, topology::Precision precision, const CacheAttention& shape) {
  const double tokens = shape.batch * shape.queries;
  Kernel kernel = shaped(family, precision, tokens, shape.qk + shape.v, shape.heads);
  kernel.groups = static_cast<int>(std::min(1e9, shape.batch * shape.caches));
  const double seen = shape.causal ? shape.context - (shape.queries - 1) / 2 : shape.context;
  kernel.flops = 2 * tokens * seen * (shape.qk + shape.v) * shape.heads * units::FLOP;
  kernel.hbm_bytes =
      (tokens * shape.heads * (shape.qk * shape.operand_bytes + shape.v * 2) +
       shape.batch * shape.caches * shape.context * shape.cached * shape.cache_bytes) *
      units::B;
  return kernel;
}

Kernel streaming(Family family, double rows, double columns, double bytes_per_element) {
  Kernel kernel = shaped(family, topology::Precision::bf16, rows, columns, 0);
  kernel.k = 0;
  kernel.hbm_bytes = rows * columns * bytes_per_element * units::B;
  return kernel;
}

}  // namespace aisle::workloads
