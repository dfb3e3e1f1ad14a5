// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/kernel_list.hpp"

#include <algorithm>

namespace aisle::workloads::parallel {

namespace {

double as_double(std::int64_t value) {
  return static_cast<double>(value);
}

/// What an operator costs when each of its steps is a kernel of its own: traffic as a multiple of
/// the fused kernel's, and launches.
struct Eager {
  double traffic = 1;
  int launches = 1;
};

/// Fitted to one model trained uncompiled and compiled on the same machine (pytorch/torchtitan @
/// b5bcd76c6, Llama 3.1 8B on 8 and 128 H100 of 500 W: 1.157 and 1.162 times the step). Counting
/// every operator of an RMSNorm written out in FP32 (36 bytes a number forward where the fused
/// kernel moves 4) would give 9 and 1.8. The norm's steps stream like any element-wise kernel.
Eager eager_cost(Family family, Direction direction) {
  if (family == Family::norm) return {6, direction == Direction::forward ? 6 : 12};
  if (family == Family::elementwise) return {1.5, 2};
  return {};
}

Kernel shaped(Family family, const char* name, Direction direction, topology::Precision precision,
              std::int64_t m, std::int64_t n, std::int64_t k) {
  Kernel kernel;
  kernel.family = family;
  kernel.direction = direction;
  kernel.precision = precision;
  kernel.m = m;
  kernel.n = n;
  kernel.k = k;
  kernel.name = name;
  return kernel;
}

}  // namespace

/// Bytes: A[m,k] and `weights` numbers of B with `operand` bytes each, `scales` numbers that carry
/// block scales, and `output` bytes per number of C.
void KernelList::matrix(Kernel kernel, double weights, double operand, double scales,
                        double output) {
  const double m = as_double(kernel.m), n = as_double(kernel.n), k = as_double(kernel.k);
  kernel.flops = 2 * m * n * k * units::FLOP;
  kernel.hbm_bytes =
      ((m * k + weights) * operand + scales * job_.scale_bytes() + m * n * output) * units::B;
  kernel.load = load_;
  kernel.follows_rows = follows_rows_;
  if (m > 0 && n > 0 && k > 0) kernels_.push_back(kernel);
}

/// Only scaling by blocks outside the tensor cores makes the three products differ.
Direction KernelList::curve_of(Direction direction) const {
  return job_.quantised() && !job_.block_scaled() ? Direction::forward : direction;
}

/// Numbers of both operands that have scales. Blocks of 128 x 128 leave next to none for weights.
double KernelList::scaled(double rows, double weights) const {
  return job_.block_scaled() ? rows : rows + weights;
}

bool KernelList::adapts(std::string_view name) const {
  if (!job_.frozen()) return false;
  if (name == "gate and up" || name == "down") return job_.adapters.feed_forward;
  return name.ends_with("projection") && name != "prediction projection" && job_.adapters.attention;
}

/// Down to the adapter's rank and up again, and its output added to the product's.
void KernelList::adapter(Direction direction, std::int64_t m, std::int64_t n, std::int64_t k) {
  const std::int64_t rank = job_.adapters.rank;
  wide_gemm("adapter down", direction, m, rank, k);
  wide_gemm("adapter up", direction, m, n, rank);
  constexpr double kAddition = 6;  // both read, the sum written
  stream(Family::elementwise, "adapter sum", direction, m, n, kAddition);
}

void KernelList::gemm(const char* name, Direction direction, std::int64_t m, std::int64_t n,
                      std::int64_t k) {
  if (adapts(name)) adapter(direction, m, n, k);
  matrix(shaped(Family::gemm, name, curve_of(direction), job_.precision, m, n, k), as_double(n * k),
         topology::size_of(job_.precision).si(), scaled(as_double(m * k), as_double(n * k)),
         job_.number());
}

void KernelList::weight_gradient(const char* name, std::int64_t m, std::int64_t n, std::int64_t k) {
  if (job_.frozen()) {
    if (!adapts(name)) return;
    const std::int64_t rank = job_.adapters.rank;
    trained_gemm("adapter up", m, rank, k);
    trained_gemm("adapter down", rank, n, k);
    return;
  }
  matrix(shaped(Family::gemm, name, curve_of(Direction::wgrad), job_.precision, m, n, k),
         as_double(n * k), topology::size_of(job_.precision).si(),
         as_double(m * k) + as_double(n * k), gradient_output());
  accumulate(m, n);
}

double KernelList::gradient_output() const {
  return job_.accumulates_apart() ? 2 : 2 * job_.states.gradients;
}

void KernelList::accumulate(std::int64_t m, std::int64_t n) {
  if (!job_.accumulates_apart()) return;
  Kernel kernel =
      shaped(Family::elementwise, "gradient accumulation", Direction::wgrad, job_.wide(), m, n, 0);
  kernel.hbm_bytes = as_double(m) * as_double(n) * (2 + 2 * job_.states.gradients) * units::B;
  kernels_.push_back(kernel);
}

void KernelList::wide_gemm(const char* name, Direction direction, std::int64_t m, std::int64_t n,
                           std::int64_t k, double output) {
  matrix(shaped(Family::gemm, name, direction, job_.wide(), m, n, k), as_double(n * k),
         topology::size_of(job_.wide()).si(), 0, std::max(output, job_.number()));
}

void KernelList::wide_weight_gradient(const char* name, std::int64_t m, std::int64_t n,
                                      std::int64_t k) {
  if (!job_.frozen()) trained_gemm(name, m, n, k);
}

void KernelList::trained_gemm(const char* name, std::int64_t m, std::int64_t n, std::int64_t k) {
  matrix(shaped(Family::gemm, name, Direction::wgrad, job_.wide(), m, n, k), as_double(n * k),
         topology::size_of(job_.wide()).si(), 0, gradient_output());
  accumulate(m, n);
}

void KernelList::grouped(const char* name, Direction direction, std::int64_t rows, std::int64_t n,
                         std::int64_t k, int groups) {
  Kernel kernel =
      shaped(Family::grouped_gemm, name, curve_of(direction), job_.precision, rows, n, k);
  kernel.groups = groups;
  matrix(kernel, groups * as_double(n * k), topology::size_of(job_.precision).si(),
         scaled(as_double(rows * k), groups * as_double(n * k)), job_.number());
}

void KernelList::grouped_weight_gradient(const char* name, std::int64_t m, std::int64_t n,
                                         std::int64_t rows, int groups) {
  if (job_.frozen()) return;
  Kernel kernel =
      shaped(Family::grouped_gemm, name, curve_of(Direction::wgrad), job_.precision, m, n, rows);
  kernel.groups = groups;
  matrix(kernel, as_double(n * rows), topology::size_of(job_.precision).si(),
         as_double(m * rows) + as_double(n * rows), 2 * job_.states.gradients * groups);
}

void KernelList::stream(Family family, const char* name, Direction direction, std::int64_t rows,
                        std::int64_t columns, double bytes_per_element, int count) {
  if (job_.frozen() && direction == Direction::wgrad) return;  // for gradients that nobody wants
  Kernel kernel = shaped(family, name, direction, job_.wide(), rows, columns, 0);
  kernel.hbm_bytes = as_double(rows) * as_double(columns) * bytes_per_element * units::B;
  if (family != Family::optimizer) kernel.hbm_bytes *= job_.number() / 2;
  const Eager cost = job_.eager ? eager_cost(family, direction) : Eager{};
  kernel.hbm_bytes *= cost.traffic / cost.launches;
  kernel.count = count * cost.launches;
  if (job_.eager && family == Family::norm) kernel.family = Family::elementwise;
  kernel.load = load_;
  kernel.follows_rows = follows_rows_;
  if (rows > 0 && columns > 0 && count > 0) kernels_.push_back(kernel);
}

void KernelList::cast(const char* name, Direction direction, std::int64_t rows,
                      std::int64_t columns) {
  if (!job_.quantised()) return;
  const double scaled = topology::size_of(job_.precision).si() + job_.scale_bytes();
  if (job_.scaling == Scaling::nv) {
    stream(Family::cast, "largest of tensor", direction, rows, columns, 2);
  }
  stream(Family::cast, name, direction, rows, columns, 2 + (job_.block_scaled() ? 1 : 2) * scaled);
}

void KernelList::cast_of_norm(const char* name, std::int64_t rows, std::int64_t columns) {
  const bool at_once = job_.scaling == Scaling::per_tensor || job_.scaling == Scaling::mx;
  if (!at_once) cast(name, Direction::forward, rows, columns);
}

void KernelList::cast_transpose(const char* name, std::int64_t rows, std::int64_t columns) {
  if (!job_.block_scaled() || job_.frozen()) return;
  stream(Family::transpose, name, Direction::dgrad, rows, columns,
         2 + topology::size_of(job_.precision).si() + job_.scale_bytes());
}

void KernelList::transpose(const char* name, Direction direction, std::int64_t rows,
                           std::int64_t columns) {
  if (!job_.block_scaled()) return;
  stream(Family::transpose, name, direction, rows, columns,
         2 * topology::size_of(job_.precision).si());
}

void KernelList::scales(Direction direction, std::int64_t rows, std::int64_t columns) {
  if (!job_.block_scaled()) return;
  stream(Family::transpose, "scale transpose", direction, rows,
         static_cast<std::int64_t>(as_double(columns) / kScaleBlock), 2 * kScaleSize);
}

void KernelList::append(const std::vector<Kernel>& kernels) {
  kernels_.insert(kernels_.end(), kernels.begin(), kernels.end());
}

void KernelList::append_part(const std::vector<Kernel>& kernels, int parts) {
  for (Kernel part : kernels) {
    const double weights = part.family == Family::gemm ? as_double(part.n) * as_double(part.k) *
                                                             topology::size_of(part.precision).si()
                                                       : 0;
    part.hbm_bytes = ((part.hbm_bytes.si() - weights) / parts + weights) * units::B;
    part.flops *= 1.0 / parts;
    part.m = std::max<std::int64_t>(1, part.m / parts);
    kernels_.push_back(part);
  }
}

}  // namespace aisle::workloads::parallel
