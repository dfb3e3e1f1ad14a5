// SPDX-License-Identifier: Apache-2.0
// Reading the rows of a ledger of training steps.
#include "sim/study/training_ledger.hpp"

#include "sim/study/ledger_cells.hpp"

namespace aisle::sim {

namespace {

TrainingRow read_row(LedgerCells cells) {
  TrainingRow row;
  row.place = cells.place();
  row.id = cells.text("id");
  row.model = cells.text("model");
  row.chip = cells.text("chip");
  row.precision = cells.text("precision");
  row.recompute = cells.text("recompute");
  row.schedule = cells.text("schedule");
  row.metric = cells.text("metric");
  row.source = cells.text("source");
  row.note = cells.text("note");
  row.layers = cells.whole("layers", 1);
  row.hidden = cells.whole("hidden", 1);
  row.heads = cells.whole("heads", 1);
  row.kv_heads = cells.whole("kv_heads", 1);
  row.feed_forward = cells.whole("ffn_hidden", 1);
  row.expert_width = cells.whole("moe_ffn_hidden", 1);
  row.experts = cells.whole("n_experts", 1);
  row.top_k = cells.whole("top_k", 1);
  row.shared_experts = cells.whole("shared_experts", 0);
  row.vocabulary = cells.whole("vocab", 1);
  row.sequence = cells.whole("seq_len", 1);
  row.chips = cells.whole("n_chips", 1);
  row.domain = cells.whole("nvlink_domain", 1);
  row.tensor = cells.whole("tp", 1);
  row.pipeline = cells.whole("pp", 1);
  row.virtual_stages = cells.whole("vpp", 1);
  row.data = cells.whole("dp", 1);
  row.expert = cells.whole("ep", 1);
  row.context = cells.whole("cp", 1);
  row.zero = cells.whole("zero_stage", 0);
  row.micro_batch = cells.whole("micro_batch", 1);
  row.global_batch = cells.whole("global_batch_seqs", 1);
  if (const auto nic = cells.number("nic_gbps_per_chip")) row.nic = *nic * units::Gb / units::s;
  row.value = cells.number("value").value_or(0);
  return row;
}

}  // namespace

const std::vector<std::string>& required_training_columns() {
  static const std::vector<std::string> columns = {
      "id", "model", "chip", "n_chips", "global_batch_seqs", "metric", "value"};
  return columns;
}

std::optional<std::vector<TrainingRow>> read_training_rows(const CsvTable& table,
                                                           Diagnostics& diagnostics) {
  return read_rows(table, read_row, diagnostics);
}

std::string chips_class(int chips) {
  return chips <= 8      ? "8 and fewer"
         : chips <= 64   ? "to 64"
         : chips <= 512  ? "to 512"
         : chips <= 4096 ? "to 4096"
                         : "above";
}

}  // namespace aisle::sim
