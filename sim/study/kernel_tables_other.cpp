// SPDX-License-Identifier: Apache-2.0
// Tables of training and streaming kernels (SimuMax, DeepGEMM, NeuSight), and our own recordings.
#include "sim/study/kernel_table_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace aisle::sim {

namespace {

using topology::Precision;
using workloads::Direction;
using workloads::Family;

/// Value of `name=` in "b=1, m=4096, layout=TN"; empty if absent.
std::string_view field(std::string_view shape, std::string_view name) {
  for (std::size_t begin = 0; begin < shape.size();) {
    std::size_t end = shape.find(',', begin);
    if (end == std::string_view::npos) end = shape.size();
    std::string_view part = shape.substr(begin, end - begin);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    if (part.size() > name.size() && part.substr(0, name.size()) == name &&
        part[name.size()] == '=') {
      return part.substr(name.size() + 1);
    }
    begin = end + 1;
  }
  return {};
}

double length(std::string_view shape, std::string_view name) {
  return std::max(0.0, std::strtod(std::string(field(shape, name)).c_str(), nullptr));
}

/// Share of the stated peak: products count all their operations, attention the whole square.
void read_shares(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const std::string_view op = line.text("op"), shape = line.text("shape");
  const double rate = line.number("peak_tflops_used") * line.number("efficiency") * 1e12;
  if (line.bad() || !(rate > 0)) return;
  workloads::Kernel kernel;
  double counted = 0;
  if (op == "matmul" || op == "group_matmul") {
    const bool grouped = op == "group_matmul";
    const double groups = grouped ? std::max(1.0, length(shape, "ng")) : 1;
    const double m = length(shape, grouped ? "M" : "m"), n = length(shape, grouped ? "N" : "n");
    const double k = length(shape, grouped ? "K" : "k");
    const std::string_view stage = field(shape, "stage"), layout = field(shape, "layout");
    const bool weights = layout == "NT" || stage == "bwd_grad_w";
    const bool inputs = layout == "NN" || stage == "bwd_grad_act";
    OperandBytes bytes;
    if (weights) bytes.output = field(shape, "accumulate") == "True" ? 8 : 4;
    if (grouped) {
      kernel = expert_product(Precision::bf16, {m * groups, groups}, n, k, bytes);
    } else {
      kernel = dense_product(Precision::bf16, m, n, k, bytes);
    }
    kernel.direction = weights ? Direction::wgrad : inputs ? Direction::dgrad : Direction::forward;
    counted = kernel.flops.si();
    if (grouped && weights) {  // every group accumulates its own gradient over its rows
      kernel.m = std::llround(k);
      kernel.k = std::llround(m * groups);
    }
  } else if (op == "sdp_fwd" || op == "sdp_bwd") {
    CacheAttention a;
    a.batch = length(shape, "batch");
    a.queries = a.context = length(shape, "seq_len");
    a.heads = length(shape, "head_num");
    a.caches = length(shape, "kv_head_num");
    a.qk = length(shape, "qk_head_dim");
    a.v = length(shape, "v_head_dim");
    a.cached = a.qk + a.v;
    kernel = attention(Family::attention, Precision::bf16, a);
    counted = 2 * a.batch * a.queries * a.queries * a.heads * (a.qk + a.v);
    kernel.groups = 1;  // as planners give it
    if (op == "sdp_bwd") {
      kernel.direction = Direction::dgrad;
      kernel.flops *= 2.5;
      kernel.hbm_bytes *= 2.5;
      counted *= 2.5;
    }
  } else {
    return;
  }
  out.push_back(
      kernel_row(kernel, "simumax", Seconds::from_si(counted / rate), line.key({"op", "shape"})));
}

void read_rates(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const double groups = std::max(1.0, line.number("groups")), m = line.number("m_per_group");
  const double n = line.number("n"), k = line.number("k"), rate = line.number("tflops") * 1e12;
  if (line.bad() || !(rate > 0)) return;
  const bool dense = line.text("layout") == "dense";
  const OperandBytes bytes{1, 1, 2};
  const auto kernel = dense ? dense_product(Precision::fp8, m, n, k, bytes)
                            : expert_product(Precision::fp8, {m * groups, groups}, n, k, bytes);
  out.push_back(kernel_row(kernel, "deepgemm", Seconds::from_si(kernel.flops.si() / rate),
                           line.key({"n", "k"})));
}

/// Operators on 32-bit numbers; a trailing u in the name means one operand.
void read_streams(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const std::string op(line.text("op"));
  const bool normalises = op == "ln" || op == "layernorm", softmax = op == "softmax";
  const bool unary = normalises || softmax || op == "gelu" || op == "relu" || op == "tanh" ||
                     op == "silu" || (!op.empty() && op.back() == 'u');
  const double rows = line.number("B"), columns = line.number("H");
  if (line.bad() || !(rows > 0 && columns > 0)) return;
  const Family family = normalises ? Family::norm
                        : softmax  ? Family::reduction
                                   : Family::elementwise;
  out.push_back(kernel_row(streaming(family, rows, columns, unary ? 8 : 12),
                           unary ? "fp32" : "fp32 two operands",
                           line.number("latency_ms") * units::ms, line.key({"op", "B", "H"})));
}

std::optional<Family> family_named(std::string_view name) {
  for (int i = 0; i < workloads::kFamilies; ++i) {
    if (to_string(static_cast<Family>(i)) == name) return static_cast<Family>(i);
  }
  return std::nullopt;
}

workloads::Kernel recorded_attention(TableLine& line, Family family, const NumberFormat& format) {
  CacheAttention shape;
  shape.batch = std::max(1.0, line.number("batch"));
  shape.queries = std::max(1.0, line.number("q_len"));
  shape.context = std::max(line.number("kv_len"), shape.queries);
  shape.heads = std::max(1.0, line.number("heads"));
  shape.caches = std::max(1.0, line.number("kv_heads"));
  shape.qk = shape.v = std::max(1.0, line.number("head_dim"));
  shape.cached = 2 * shape.qk;
  shape.operand_bytes = shape.cache_bytes = format.bytes.activation;
  if (family == Family::mla_decode) {
    shape.caches = 1;
    shape.qk = shape.cached = 576;
    shape.v = 512;
  } else if (family == Family::mla) {
    shape.caches = shape.heads;
    shape.qk = 192;
    shape.v = 128;
    shape.cached = shape.qk + shape.v;
  }
  workloads::Kernel kernel = attention(family, format.precision, shape);
  if (line.text("direction") == "dgrad") {
    kernel.flops *= 2.5;
    kernel.hbm_bytes *= 2.5;
  }
  return kernel;
}

void read_recorded(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto family = family_named(line.text("family"));
  if (!family) {
    line.fail("family", fmt::format("'{}' is no family of kernels", line.text("family")),
              "gemm, grouped_gemm, attention, attention_decode, mla, mla_decode, norm, "
              "elementwise, cast, copy ...");
    return;
  }
  const auto format = number_format(line.has("dtype") ? line.text("dtype") : "bf16");
  if (!format) {
    line.fail("dtype", fmt::format("'{}' is no number format", line.text("dtype")), "bf16, fp8");
    return;
  }
  const double m = line.number("m"), n = line.number("n"), k = line.number("k");
  const double groups = std::max(1.0, line.number("groups")), bytes = line.number("bytes");
  workloads::Kernel kernel;
  if (*family == Family::gemm) {
    kernel = dense_product(format->precision, m, n, k, format->bytes);
  } else if (*family == Family::grouped_gemm) {
    kernel = expert_product(format->precision, {m, groups}, n, k, format->bytes);
  } else if (line.number("heads") > 0) {
    kernel = recorded_attention(line, *family, *format);
  } else {
    kernel = streaming(*family, std::max(1.0, m), std::max(1.0, n), 0);
    kernel.precision = format->precision;
  }
  if (bytes > 0) kernel.hbm_bytes = bytes * units::B;
  const std::string_view direction = line.text("direction");
  kernel.direction = direction == "wgrad"   ? Direction::wgrad
                     : direction == "dgrad" ? Direction::dgrad
                                            : Direction::forward;
  out.push_back(kernel_row(kernel, std::string(line.text("library")),
                           line.number("time_us") * units::us,
                           line.key({"family", "dtype", "n", "k", "heads", "kv_heads", "batch"})));
}

}  // namespace

const std::vector<TableLayout>& other_layouts() {
  static const std::vector<TableLayout> layouts = {
      {"simumax", {"device", "op", "peak_tflops_used", "shape", "efficiency"}, read_shares},
      {"deepgemm", {"device", "layout", "groups", "m_per_group", "n", "k", "tflops"}, read_rates},
      {"neusight", {"op", "device", "B", "H", "latency_ms"}, read_streams},
      {"recorded",
       {"device", "family", "direction", "dtype", "m", "n", "k", "groups", "time_us"},
       read_recorded},
  };
  return layouts;
}

}  // namespace aisle::sim
