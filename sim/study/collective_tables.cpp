// SPDX-License-Identifier: Apache-2.0
#include "sim/study/collective_tables.hpp"

#include "sim/study/kernel_table_line.hpp"
#include "sim/study/ledger_cells.hpp"
#include "topology/catalogue/figures.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace aisle::sim {

namespace {

constexpr const char* kHostLinks = "links of the node";
constexpr const char* kAcross = "links of the node, RDMA between nodes";

/// A row of the line with what all have. `setting` names the series that the line is of.
LedgerRow started(const LedgerCells& cells, const std::string& setting, const std::string& chip) {
  LedgerRow row;
  row.id = fmt::format("{}:{}", setting, cells.line());
  row.chip = chip;
  row.fabric = kHostLinks;
  row.place = cells.place();
  return row;
}

std::optional<Seconds> time_in(LedgerCells& cells, std::string_view column, Seconds unit) {
  const auto time = cells.number(column);
  if (!time) return std::nullopt;
  return *time * unit;
}

/// aiconfigurator's runs of nccl-tests and of the all-reduces of inference engines, in one node.
/// `message_elems` counts the numbers of nccl-tests' size: of the whole buffer for all-gather and
/// reduce-scatter too.
void read_elements(LedgerCells& cells, const topology::Catalogue&, std::vector<LedgerRow>& out) {
  const std::string op = cells.text("op"), kernel = cells.text("kernel"),
                    dtype = cells.text("dtype"), system = cells.text("system");
  LedgerRow row = started(
      cells, fmt::format("{} {} {} {} {}", system, op, kernel, dtype, cells.text("gpus")), system);
  row.collective = op;
  row.ranks = cells.count("gpus");
  const bool nccl = lower(kernel).starts_with("nccl");
  row.algorithm = nccl ? "auto" : "custom " + kernel;
  row.library = kernel;
  row.note = dtype;
  const auto format = number_format(dtype);
  if (!format) {
    cells.error("dtype", fmt::format("the number format '{}' is not known", dtype.substr(0, 40)),
                "half, bfloat16, float32, fp8 and int8 are");
    return;
  }
  if (const auto elements = cells.number("message_elems")) {
    row.bytes = *elements * format->bytes.activation * units::B;
  }
  row.time = time_in(cells, "latency_ms", units::ms);
  out.push_back(std::move(row));
}

/// Accelerators of one node: trays of racks have four, boxes eight.
int ranks_of_node(const std::string& chip, const topology::Catalogue& catalogue) {
  constexpr int kTray = 4, kBox = 8;
  const pb::Accelerator* found = catalogue.accelerator(find_accelerator(chip, catalogue));
  const double sold = found == nullptr ? 0 : topology::number_or(found->scale_up_domain(), 1);
  return sold > 2 * kBox ? kTray : kBox;
}

/// "4096 tokens/rank, 24 SMs, hidden 7168, top-8 of 256": what ledgers note of an exchange.
std::string tokens_note(LedgerCells& cells, std::string_view column) {
  const int tokens = cells.count(column), hidden = cells.count("hidden");
  const int top_k = cells.count("topk"), experts = cells.count("experts");
  if (top_k > experts) {
    cells.error("topk", fmt::format("{} of {} experts cannot be chosen", top_k, experts),
                "topk is at most the number of experts");
  }
  const std::string sms =
      cells.text("sms").empty() ? std::string() : fmt::format("{} SMs, ", cells.count("sms"));
  return fmt::format("{} tokens/rank, {}hidden {}, top-{} of {}", tokens, sms, hidden, top_k,
                     experts);
}

/// DeepEP: a line holds a dispatch, which sends FP8, and the combine after it, in BF16.
void read_deepep(LedgerCells& cells, const topology::Catalogue& catalogue,
                 std::vector<LedgerRow>& out) {
  const std::string system = cells.text("system"), mode = cells.text("mode");
  const bool quick = mode.starts_with("ll") || mode.starts_with("low");
  if (!quick && !mode.starts_with("normal")) {
    cells.error("mode", fmt::format("the mode '{}' is not known", mode.substr(0, 40)),
                "normal and low_latency (ll) are");
    return;
  }
  const int nodes = cells.count("nodes");
  const std::string note = tokens_note(cells, "tokens") + ", FP8 dispatch/BF16 combine";
  for (const std::string kind : {"dispatch", "combine"}) {
    LedgerRow row =
        started(cells,
                fmt::format("{} {} {} nodes {} hidden {} top-{} of {}", system, kind, mode, nodes,
                            cells.text("hidden"), cells.text("topk"), cells.text("experts")),
                system);
    row.collective = "moe_" + kind;
    row.algorithm = quick ? "DeepEP LL" : "DeepEP normal";
    row.library = "DeepEP";
    row.nodes = nodes;
    row.ranks = nodes * ranks_of_node(system, catalogue);
    if (nodes > 1) row.fabric = kAcross;
    row.note = note;
    row.time = time_in(cells, kind + "_us", units::us);
    out.push_back(std::move(row));
  }
}

/// TensorRT-LLM's exchanges among ranks of one NVLink domain, over several trays.
void read_alltoall(LedgerCells& cells, const topology::Catalogue&, std::vector<LedgerRow>& out) {
  const std::string op = cells.text("op"), kernel = cells.text("kernel"),
                    dtype = cells.text("dtype"), system = cells.text("system");
  LedgerRow row = started(
      cells, fmt::format("{} {} {} {} {}", system, op, kernel, dtype, cells.text("ep")), system);
  // Preparing moves no tokens; in low precision, sums are quantised in the time measured (with two
  // ranks that takes longer than sending them whole), which is no part of an exchange.
  row.collective = op == "alltoall_dispatch"  ? "moe_dispatch"
                   : op == "alltoall_combine" ? "moe_combine"
                                              : op;
  row.ranks = cells.count("ep");
  row.fabric = "one NVLink domain";
  const std::string named = lower(kernel);
  row.algorithm = named.find("onesided") != std::string::npos   ? "one-sided NVLink"
                  : named.find("twosided") != std::string::npos ? "two-sided NVLink"
                                                                : kernel;
  row.library = "TensorRT-LLM " + row.algorithm;
  row.note = tokens_note(cells, "num_tokens") + ", balanced, " + dtype;
  if (!number_format(dtype)) {
    cells.error("dtype", fmt::format("the number format '{}' is not known", dtype.substr(0, 40)),
                "bfloat16, fp8 and nvfp4 are");
  }
  row.time = time_in(cells, "latency_ms", units::ms);
  out.push_back(std::move(row));
}

/// Vidur: operation and device stand in the file's name alone.
void read_workers(LedgerCells& cells, const topology::Catalogue& catalogue,
                  std::vector<LedgerRow>& out) {
  const std::string stem = lower(std::filesystem::path(cells.file()).filename().string());
  const std::string device = device_in_name(cells.file(), catalogue);
  std::string op = "not in the file's name";
  for (const std::string_view known : {"all_reduce", "send_recv"}) {
    if (stem.find(known) != std::string::npos) op = known;
  }
  const int workers = cells.count("num_workers"), per_node = cells.count("devices_per_node");
  LedgerRow row =
      started(cells, fmt::format("{} {} {} by {}", device, op, workers, per_node), device);
  row.collective = op;
  row.algorithm = "auto";
  row.ranks = workers;
  row.nodes = std::max(1, workers / per_node);
  if (workers % per_node != 0) {
    cells.error("devices_per_node",
                fmt::format("{} workers are not whole nodes of {}", workers, per_node),
                "num_workers is a multiple");
  }
  if (const auto bytes = cells.number("size_bytes")) row.bytes = *bytes * units::B;
  row.time = time_in(cells, "median_ms", units::ms);
  out.push_back(std::move(row));
}

struct Layout {
  std::vector<std::string_view> columns;  ///< that tell it from others
  void (*read)(LedgerCells&, const topology::Catalogue&, std::vector<LedgerRow>&);
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {{"system", "op", "kernel", "dtype", "gpus", "message_elems", "latency_ms"}, read_elements},
      {{"system", "mode", "nodes", "hidden", "tokens", "topk", "experts", "dispatch_us",
        "combine_us"},
       read_deepep},
      {{"system", "op", "kernel", "dtype", "num_tokens", "hidden", "topk", "experts", "ep",
        "latency_ms"},
       read_alltoall},
      {{"num_workers", "devices_per_node", "size_bytes", "median_ms"}, read_workers},
  };
  return all;
}

const Layout* layout_of(const CsvTable& table) {
  for (const Layout& layout : layouts()) {
    if (std::all_of(layout.columns.begin(), layout.columns.end(),
                    [&](std::string_view name) { return table.column(name) >= 0; })) {
      return &layout;
    }
  }
  return nullptr;
}

}  // namespace

bool is_collective_table(const CsvTable& table) {
  return layout_of(table) != nullptr;
}

std::optional<std::vector<LedgerRow>> read_collective_table(const CsvTable& table,
                                                            const topology::Catalogue& catalogue,
                                                            Diagnostics& diagnostics) {
  const int errors_before = diagnostics.error_count();
  const Layout& layout = *layout_of(table);
  std::vector<LedgerRow> rows;
  if (table.rows.empty()) {
    diagnostics.error({table.file, 1, 1}, {}, "the table has no rows under its header", "");
  }
  for (const auto& line : table.rows) {
    LedgerCells cells(table, line, diagnostics);
    layout.read(cells, catalogue, rows);
  }
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return rows;
}

}  // namespace aisle::sim
