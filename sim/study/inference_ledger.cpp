// SPDX-License-Identifier: Apache-2.0
// Reading the rows of a ledger of inference runs.
#include "sim/study/inference_ledger.hpp"

#include "sim/study/ledger_cells.hpp"

#include <cctype>
#include <charconv>

namespace aisle::sim {

namespace {

/// A cell that is one number and nothing else.
std::optional<double> plain_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end || !(value > 0)) return {};
  return value;
}

InferenceRow read_row(LedgerCells cells) {
  InferenceRow row;
  row.place = cells.place();
  row.id = cells.text("id");
  row.model = cells.text("model");
  row.chip = cells.text("chip");
  row.precision = cells.text("precision");
  row.engine = cells.text("engine");
  row.mode = cells.text("mode");
  row.batch = cells.text("concurrency_or_batch");
  row.rate = cells.text("request_rate");
  row.metric = cells.text("metric");
  row.unit = cells.text("unit");
  row.source = cells.text("source");
  row.note = cells.text("note");
  row.chips = cells.whole("n_chips", 1);
  row.tensor = cells.whole("tp", 1);
  row.pipeline = cells.whole("pp", 1);
  row.expert = cells.whole("ep", 1);
  row.data = cells.whole("dp", 1);
  row.prompt = number_in(cells.text("isl"));
  row.output = number_in(cells.text("osl"));
  row.value = plain_number(cells.text("value"));
  if (const auto nodes = number_in(cells.text("nodes"))) row.nodes = static_cast<int>(*nodes);
  return row;
}

}  // namespace

std::optional<double> number_in(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) == 0) ++at;
  double value = 0;
  const auto read = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> number_after(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  return number_in(text.substr(at + word.size()));
}

std::optional<double> number_before(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t from = at;
  while (from > 0 && std::isdigit(static_cast<unsigned char>(text[from - 1])) != 0) --from;
  return from == at ? std::nullopt : number_in(text.substr(from, at - from));
}

const std::vector<std::string>& required_inference_columns() {
  static const std::vector<std::string> columns = {"id",  "model", "chip",   "n_chips",
                                                   "isl", "osl",   "metric", "value"};
  return columns;
}

std::optional<std::vector<InferenceRow>> read_inference_rows(const CsvTable& table,
                                                             Diagnostics& diagnostics) {
  return read_rows(table, read_row, diagnostics);
}

}  // namespace aisle::sim
