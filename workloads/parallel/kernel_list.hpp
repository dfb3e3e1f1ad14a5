// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace aisle::workloads::parallel {

/// Kernels with their minimal traffic, in the order in which they run. Byte counts are those of the
/// kernel table of deepseek-ai/profile-data @ 4496024 : train.json, generalised to any shape
/// (docs/model/parallel.md lists them).
class KernelList {
 public:
  explicit KernelList(const Job& job) : job_(job) {}

  /// C[m,n] = A[m,k] B[k,n] in the job's precision: operands once, their scales, and the output.
  void gemm(const char* name, Direction direction, std::int64_t m, std::int64_t n, std::int64_t k);
  /// Weight gradient C[m,n] += A[m,k] B[k,n]: the accumulator is read and written.
  void weight_gradient(const char* name, std::int64_t m, std::int64_t n, std::int64_t k);
  /// The same in the wide format (head, router); `output` is the size of one output number.
  void wide_gemm(const char* name, Direction direction, std::int64_t m, std::int64_t n,
                 std::int64_t k, double output = 2);
  void wide_weight_gradient(const char* name, std::int64_t m, std::int64_t n, std::int64_t k);
  /// `groups` products over `rows` rows in all, each with its own weights.
  void grouped(const char* name, Direction direction, std::int64_t rows, std::int64_t n,
               std::int64_t k, int groups);
  /// Per group C[m,n] += A[m,rows/groups] B[rows/groups,n]; Kernel::k is the rows of all groups.
  void grouped_weight_gradient(const char* name, std::int64_t m, std::int64_t n, std::int64_t rows,
                               int groups);

  /// A kernel that only moves `bytes_per_element` for each of rows x columns elements; as many as
  /// two-byte numbers take, where wider ones are computed with.
  void stream(Family family, const char* name, Direction direction, std::int64_t rows,
              std::int64_t columns, double bytes_per_element, int count = 1);
  /// Cast of a two-byte matrix to the narrow format: scaled by blocks in one layout, else in both;
  /// after a pass for its maximum where the tensor has a scale too (nv). Nothing where not
  /// quantised.
  void cast(const char* name, Direction direction, std::int64_t rows, std::int64_t columns);
  /// Cast of a norm's output: the norm writes it narrow at once, but for scales of blocks or of the
  /// tensor's maximum (Transformer Engine).
  void cast_of_norm(const char* name, std::int64_t rows, std::int64_t columns);
  /// Cast that also transposes, for the operands of a weight gradient (blocks only, like the rest).
  void cast_transpose(const char* name, std::int64_t rows, std::int64_t columns);
  /// Transposition of a narrow matrix.
  void transpose(const char* name, Direction direction, std::int64_t rows, std::int64_t columns);
  /// Re-ordering of the block scales of a quantised operand.
  void scales(Direction direction, std::int64_t rows, std::int64_t columns);

  void add(const Kernel& kernel) { kernels_.push_back(kernel); }

  /// Kernels from here on follow the rows that experts receive; `load`: those of the most loaded
  /// rank over the mean (Kernel::load).
  void follow_rows(double load) {
    load_ = load;
    follows_rows_ = true;
  }

  /// Kernels from here on do not.
  void follow_tokens() {
    load_ = 1;
    follows_rows_ = false;
  }

  void append(const std::vector<Kernel>& kernels);
  /// One of so many parts of their rows: products read all weights for each.
  void append_part(const std::vector<Kernel>& kernels, int parts);

  /// The kernels so far; the list starts anew.
  std::vector<Kernel> take() { return std::exchange(kernels_, {}); }

 private:
  /// Whether products of this name have an adapter beside them.
  bool adapts(std::string_view name) const;
  void adapter(Direction direction, std::int64_t m, std::int64_t n, std::int64_t k);
  /// A weight gradient in the wide format, of weights that are trained.
  void trained_gemm(const char* name, std::int64_t m, std::int64_t n, std::int64_t k);
  Direction curve_of(Direction direction) const;
  double scaled(double rows, double weights) const;
  /// Bytes of memory traffic per number of a weight gradient.
  double gradient_output() const;
  void accumulate(std::int64_t m, std::int64_t n);
  void matrix(Kernel kernel, double weights, double operand, double scales, double output);

  const Job& job_;
  double load_ = 1;
  bool follows_rows_ = false;
  std::vector<Kernel> kernels_;
};

/// Scaling blocks of quantised operands: one four-byte scale for so many numbers.
inline constexpr double kScaleBlock = 128;
inline constexpr double kScaleSize = 4;

}  // namespace aisle::workloads::parallel
