// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/shapes.hpp"

#include <algorithm>
#include <charconv>

namespace aisle::workloads::traces {

namespace {

/// The first whole number after `word`; 0 where there is none.
std::int64_t number_after(std::string_view text, std::string_view word) {
  std::size_t at = text.find(word);
  if (at == std::string_view::npos) return 0;
  at = text.find_first_of("0123456789", at + word.size());
  if (at == std::string_view::npos) return 0;
  std::int64_t value = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), value);
  return value;
}

/// "<128, 4, ...": the second number, work per thread.
std::int64_t second_number(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return 0;
  const std::size_t comma = text.find(',', at);
  return comma == std::string_view::npos ? 0 : number_after(text.substr(comma), "");
}

/// Elements that one block of an ATen kernel handles. Four a thread, or as many as the vector is
/// wide; kernels for strided tensors carry the number in their name.
std::int64_t elements_per_block(std::string_view name, std::int64_t threads) {
  constexpr std::int64_t kPerThread = 4, kWidest = 32;
  std::int64_t each = 0;
  if (name.find("vectorized_elementwise_kernel<") != std::string_view::npos) {
    each = std::max(kPerThread, number_after(name, "vectorized_elementwise_kernel<"));
    if (name.find("<(int)") != std::string_view::npos) {
      each = std::max(kPerThread, number_after(name, "vectorized_elementwise_kernel<(int)"));
    }
  } else if (name.find("unrolled_elementwise_kernel<") != std::string_view::npos) {
    each = kPerThread;
  } else if (name.find("elementwise_kernel_manual_unroll<") != std::string_view::npos) {
    each = second_number(name, "elementwise_kernel_manual_unroll<");
  } else if (name.find("elementwise_kernel<") != std::string_view::npos) {
    each = second_number(name, "elementwise_kernel<");
  }
  return each >= 1 && each <= kWidest ? each * threads : 0;
}

/// Tensors that an ATen kernel touches: the length of its array of pointers, else by its functor.
std::int64_t tensors_of(std::string_view name) {
  constexpr std::string_view kArrays[] = {"array<char *, (unsigned long)", "array<char*, ",
                                          "Array<char*, ", "Array<char *, "};
  for (const std::string_view array : kArrays) {
    const std::int64_t length = number_after(name, array);
    if (length >= 1 && length <= 8) return length;
  }
  if (name.find("FillFunctor") != std::string_view::npos) return 1;
  const bool binary = name.find("BinaryFunctor") != std::string_view::npos ||
                      name.find("CUDAFunctor_add") != std::string_view::npos;
  return binary ? 3 : 2;
}

}  // namespace

bool shape_from_grid(std::string_view name, const LaunchShape& shape, Kernel& kernel) {
  // With fewer blocks the last, partly filled one would be a large part of the whole.
  constexpr std::int64_t kFewest = 16;
  const std::int64_t blocks = shape.grid[0];
  if (shape.grid[1] != 1 || shape.grid[2] != 1 || blocks < kFewest || shape.block[0] < 1) {
    return false;
  }
  if (name.find("at::native") == std::string_view::npos) return false;
  const std::int64_t elements = blocks * elements_per_block(name, shape.block[0]);
  if (elements == 0) return false;
  kernel.m = elements;
  kernel.n = 1;
  kernel.hbm_bytes =
      static_cast<double>(elements * tensors_of(name)) * topology::size_of(kernel.precision);
  return true;
}

}  // namespace aisle::workloads::traces
