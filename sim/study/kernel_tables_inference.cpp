// SPDX-License-Identifier: Apache-2.0
// Tables of inference kernels: aiconfigurator (TensorRT-LLM, SGLang), aiter, InferSim.
#include "sim/study/kernel_table_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace aisle::sim {

namespace {

using topology::Precision;
using workloads::Family;

constexpr double kLatent = 576, kLatentValue = 512;  // MLA: compressed keys and values, with rotary
constexpr double kMlaQk = 192, kMlaV = 128;          // MLA: heads when expanded

std::optional<NumberFormat> format_in(TableLine& line, std::string_view column) {
  const auto format = number_format(line.text(column));
  if (!format && line.has(column)) {
    line.fail(column, fmt::format("'{}' is no number format", line.text(column)),
              "bfloat16, fp8, fp8_block, nvfp4, int8 ...");
  }
  return format;
}

/// Exponent in "power_law_1.2"; 0 for balanced and uniform loads.
double exponent_of(std::string_view distribution) {
  constexpr std::string_view kPrefix = "power_law_";
  if (distribution.substr(0, kPrefix.size()) != kPrefix) return 0;
  return std::strtod(std::string(distribution.substr(kPrefix.size())).c_str(), nullptr);
}

void read_products(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto format = format_in(line, "dtype");
  if (!format) return;
  const auto kernel = dense_product(format->precision, line.number("m"), line.number("n"),
                                    line.number("k"), format->bytes);
  out.push_back(kernel_row(kernel, fmt::format("trtllm {}", line.text("dtype")),
                           line.number("latency_ms") * units::ms, line.key({"dtype", "n", "k"})));
}

void read_experts(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto format = format_in(line, "dtype");
  if (!format) return;
  const double tokens = line.number("num_tokens"), experts = line.number("experts");
  const double ranks = std::max(1.0, line.number("ep")), split = std::max(1.0, line.number("tp"));
  const double chosen = line.number("topk"), hidden = line.number("hidden");
  const double width = line.number("inter") / split;
  if (line.bad() || experts > 1e5 || ranks > experts || chosen > experts) return;
  const double exponent = exponent_of(line.text("distribution"));
  const ExpertLoad load = busiest_rank(tokens, static_cast<int>(chosen), static_cast<int>(experts),
                                       static_cast<int>(ranks), exponent);
  // With a phase: behind an exchange, which leaves a rank only its own tokens to gather.
  const double gathered = line.has("phase") ? 0 : tokens;
  const auto kernel = expert_layer(format->precision, load, gathered, hidden, width, format->bytes);
  // Skewed experts and even ones are different shapes of work: their corrections stand apart.
  out.push_back(kernel_row(
      kernel,
      fmt::format("experts {}{}{} {}{}", line.text("kernel"), line.has("phase") ? " " : "",
                  line.text("phase"), line.text("dtype"), exponent > 0 ? " skewed" : ""),
      line.number("latency_ms") * units::ms,
      line.key({"dtype", "hidden", "inter", "topk", "experts", "tp", "ep"})));
}

void read_latent(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto format = format_in(line, "dtype"), cache = format_in(line, "kv_dtype");
  if (!format || !cache) return;
  CacheAttention shape;
  shape.batch = line.number("batch");
  shape.queries = std::max(1.0, line.number("q_len"));
  shape.heads = line.number("heads");
  shape.operand_bytes = format->bytes.activation;
  shape.cache_bytes = cache->bytes.activation;
  const bool decode = line.text("phase") == "generation";
  if (decode) {
    shape.context = line.number("kv_step") + 1;
    shape.qk = shape.cached = kLatent;
    shape.v = kLatentValue;
  } else {
    shape.context = shape.queries + line.number("kv_step");
    shape.caches = shape.heads;
    shape.qk = kMlaQk;
    shape.v = kMlaV;
    shape.cached = kMlaQk + kMlaV;
    shape.cache_bytes = format->bytes.activation;  // expanded
  }
  out.push_back(kernel_row(
      attention(decode ? Family::mla_decode : Family::mla, format->precision, shape),
      fmt::format("trtllm {} cache {}", line.text("dtype"), line.text("kv_dtype")),
      line.number("latency_ms") * units::ms, line.key({"phase", "heads", "batch", "q_len"})));
}

void read_attention(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto format = format_in(line, "dtype"), cache = format_in(line, "kv_dtype");
  if (!format || !cache || line.number("window") > 0) return;
  CacheAttention shape;
  shape.batch = line.number("batch");
  shape.queries = std::max(1.0, line.number("q_len"));
  shape.heads = line.number("heads");
  shape.caches = line.number("kv_heads");
  shape.qk = shape.v = line.number("head_dim");
  shape.cached = 2 * shape.qk;
  shape.operand_bytes = format->bytes.activation;
  shape.cache_bytes = cache->bytes.activation;
  const bool decode = line.text("phase") == "generation";
  shape.context = line.number("kv_step") + shape.queries;
  out.push_back(kernel_row(
      attention(decode ? Family::attention_decode : Family::attention, format->precision, shape),
      fmt::format("trtllm {} cache {}", line.text("dtype"), line.text("kv_dtype")),
      line.number("latency_ms") * units::ms, line.key({"phase", "heads", "kv_heads", "batch"})));
}

void read_aiter_products(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto format = format_in(line, "dtype");
  if (!format) return;
  if (std::max(1.0, line.number("batch")) > 1) {
    ExpertLoad load;
    load.active = line.number("batch");
    load.rows = line.number("m") * load.active;
    out.push_back(kernel_row(
        expert_product(format->precision, load, line.number("n"), line.number("k"), format->bytes),
        fmt::format("aiter batched {}", line.text("dtype")), line.number("us") * units::us,
        line.key({"dtype", "n", "k"})));
    return;
  }
  out.push_back(kernel_row(dense_product(format->precision, line.number("m"), line.number("n"),
                                         line.number("k"), format->bytes),
                           fmt::format("aiter {} {}", line.text("dtype"), line.text("scaling")),
                           line.number("us") * units::us, line.key({"dtype", "n", "k"})));
}

void read_aiter_experts(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  const auto a = format_in(line, "a_dtype"), w = format_in(line, "w_dtype");
  if (!a || !w) return;
  const double tokens = line.number("tokens"), experts = line.number("experts");
  if (line.bad() || experts > 1e5) return;
  const ExpertLoad load =
      busiest_rank(tokens, static_cast<int>(line.number("topk")), static_cast<int>(experts), 1, 0);
  OperandBytes bytes = a->bytes;
  bytes.weight = w->bytes.weight;
  // A product needs both operands in one format: the wider.
  const Precision precision = a->bytes.activation >= w->bytes.weight ? a->precision : w->precision;
  out.push_back(kernel_row(
      expert_layer(precision, load, tokens, line.number("hidden"), line.number("inter"), bytes),
      fmt::format("experts aiter {} {}", line.text("w_dtype"), line.text("quant")),
      line.number("us_total") * units::us,
      line.key({"a_dtype", "hidden", "inter", "topk", "experts"})));
}

void read_infersim_products(TableLine& line, const topology::Catalogue&,
                            std::vector<KernelRow>& out) {
  out.push_back(kernel_row(dense_product(Precision::fp8, line.number("m"), line.number("n"),
                                         line.number("k"), {1, 1, 2}),
                           "deepgemm", line.number("latency_us") * units::us,
                           line.key({"n", "k"})));
}

void read_infersim_experts(TableLine& line, const topology::Catalogue&,
                           std::vector<KernelRow>& out) {
  const double tokens = line.number("tokens_per_gpu"), experts = line.number("local_experts");
  const double hidden = line.number("hidden"), width = line.number("inter");
  const double rows = tokens * line.number("topk");
  const ExpertLoad load{std::max(1.0, rows), std::clamp(rows, 1.0, std::max(1.0, experts))};
  const std::uint32_t key = line.key({"local_experts", "topk", "hidden", "inter"});
  const std::string variant = fmt::format("deepgemm {}", line.text("phase"));
  out.push_back(kernel_row(expert_product(Precision::fp8, load, 2 * width, hidden, {1, 1, 2}),
                           variant, line.number("up_us") * units::us, key, "up"));
  out.push_back(kernel_row(expert_product(Precision::fp8, load, hidden, width, {1, 1, 2}), variant,
                           line.number("down_us") * units::us, key, "down"));
}

/// "64-8-128": query heads, key-value heads, head size; MLA: "128-512-64" heads, latent, rotary;
/// prefill "128-128-64" heads, head, rotary.
void read_infersim_attention(TableLine& line, const topology::Catalogue&,
                             std::vector<KernelRow>& out) {
  const auto format = format_in(line, "dtype");
  if (!format) return;
  const std::string sizes(line.text("heads_kvheads_dim"));
  char* end = nullptr;
  const double first = std::strtod(sizes.c_str(), &end);
  const double second = std::strtod(*end == '-' ? end + 1 : "0", &end);
  const double third = std::strtod(*end == '-' ? end + 1 : "0", &end);
  if (!(first > 0 && second > 0 && third > 0)) {
    line.fail("heads_kvheads_dim", fmt::format("'{}' is no shape of heads", sizes),
              "64-8-128: query heads, key-value heads, head size");
    return;
  }
  const bool decode = line.text("phase") == "decode", latent = line.text("kind") == "mla";
  if (!latent && line.text("kind") != "mha") return;  // sparse attention is of no family of ours
  CacheAttention shape;
  shape.batch = std::max(1.0, line.number("batch"));
  shape.queries = std::max(1.0, line.number("q_len"));
  shape.context = std::max(line.number("kv_len"), shape.queries);
  shape.heads = first;
  shape.operand_bytes = format->bytes.activation;
  const auto cache = number_format(line.text("kv_dtype"));
  shape.cache_bytes = cache ? cache->bytes.activation : shape.operand_bytes;
  if (latent && decode) {
    shape.qk = shape.cached = second + third;
    shape.v = second;
  } else if (latent) {
    shape.caches = shape.heads;
    shape.qk = second + third;
    shape.v = second;
    shape.cached = shape.qk + shape.v;
  } else {
    shape.caches = second;
    shape.qk = shape.v = third;
    shape.cached = 2 * third;
  }
  const Family family = latent ? (decode ? Family::mla_decode : Family::mla)
                               : (decode ? Family::attention_decode : Family::attention);
  out.push_back(
      kernel_row(attention(family, format->precision, shape),
                 fmt::format("infersim{}{}", cache ? " cache " : "", line.text("kv_dtype")),
                 line.number("latency_us") * units::us,
                 line.key({"kind", "phase", "heads_kvheads_dim", "batch"})));
}

}  // namespace

const std::vector<TableLayout>& inference_layouts() {
  static const std::vector<TableLayout> layouts = {
      {"aic_gemm", {"system", "dtype", "m", "n", "k", "latency_ms"}, read_products},
      {"aic_moe",
       {"system", "kernel", "dtype", "num_tokens", "hidden", "inter", "topk", "experts", "tp", "ep",
        "distribution", "latency_ms"},
       read_experts},
      {"aic_mla",
       {"system", "phase", "dtype", "kv_dtype", "heads", "batch", "q_len", "kv_step", "latency_ms"},
       read_latent},
      {"aic_gqa_attention",
       {"system", "phase", "dtype", "kv_dtype", "heads", "kv_heads", "head_dim", "window", "batch",
        "q_len", "kv_step", "latency_ms"},
       read_attention},
      {"aiter_gemm",
       {"gfx", "cu_num", "batch", "m", "n", "k", "dtype", "scaling", "us"},
       read_aiter_products},
      {"aiter_fused_moe",
       {"gfx", "cu_num", "tokens", "hidden", "inter", "experts", "topk", "a_dtype", "w_dtype",
        "quant", "us_total"},
       read_aiter_experts},
      {"infersim_gemm",
       {"device", "m", "k", "n", "latency_us", "mfu_reported"},
       read_infersim_products},
      {"infersim_grouped_gemm",
       {"device", "phase", "local_experts", "topk", "hidden", "inter", "tokens_per_gpu", "up_us",
        "down_us"},
       read_infersim_experts},
      {"infersim_attention",
       {"device", "kind", "phase", "heads_kvheads_dim", "dtype", "batch", "q_len", "kv_len",
        "latency_us"},
       read_infersim_attention},
  };
  return layouts;
}

}  // namespace aisle::sim
