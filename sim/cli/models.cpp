// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/study/model_of.hpp"
#include "workloads/models/import.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <vector>

namespace aisle::cli {

namespace {

std::string parameters(std::int64_t count) {
  const auto value = static_cast<double>(count);
  if (value >= 1e8) return fmt::format("{:.2f} B", value / 1e9);
  return value >= 1e5 ? fmt::format("{:.2f} M", value / 1e6) : std::to_string(count);
}

void print_figures(const std::string& name, const sim::ModelFigures& figures) {
  const workloads::ModelCount& count = figures.parameters;
  fmt::print("{}\n\n", name);
  const auto line = [](const char* what, const std::string& value, const char* how) {
    fmt::print("  {:<28}{:>14}  {}\n", what, value, how);
  };
  line("total parameters", parameters(count.total), "embedding and head included, MTP not");
  line("active parameters", parameters(count.active), "per token");
  line("embedding parameters", parameters(count.embedding), "");
  if (count.mtp > 0) line("MTP parameters", parameters(count.mtp), "beside the total");
  line("training GFLOP per token",
       fmt::format("{:.4g}", figures.training_flops_per_token_with_mtp / 1e9),
       "forward and backward, causal attention");
  if (count.mtp > 0) {
    line("  without MTP", fmt::format("{:.4g}", figures.training_flops_per_token / 1e9), "");
  }
  fmt::print("  (FLOPs at a sequence of {} tokens, without the input embedding)\n\n",
             figures.sequence);
  std::vector<std::vector<std::string>> rows = {
      {"KIND", "LAYERS", "WINDOW", "PARAMETERS", "ACTIVE", "FORWARD MFLOP/TOKEN"}};
  for (const sim::LayerKindCount& kind : figures.kinds) {
    rows.push_back({kind.kind, std::to_string(kind.layers),
                    kind.window > 0 ? std::to_string(kind.window) : "-",
                    parameters(kind.parameters), parameters(kind.active_parameters),
                    fmt::format("{:.1f}", kind.forward_flops_per_token / 1e6)});
  }
  print_rows(rows, "kinds", false);
}

std::string figures_json(const std::string& name, const std::string& output,
                         const sim::ModelFigures& figures, const Diagnostics& diagnostics) {
  JsonWriter json;
  json.begin_object().key("model").value(name).key("written");
  output.empty() ? json.null() : json.value(output);
  json.key("total_parameters").value(figures.parameters.total);
  json.key("active_parameters").value(figures.parameters.active);
  json.key("embedding_parameters").value(figures.parameters.embedding);
  json.key("mtp_parameters").value(figures.parameters.mtp);
  json.key("sequence").value(figures.sequence);
  json.key("training_flops_per_token").value(figures.training_flops_per_token);
  json.key("training_flops_per_token_with_mtp").value(figures.training_flops_per_token_with_mtp);
  json.key("layers").begin_array();
  for (const sim::LayerKindCount& kind : figures.kinds) {
    json.begin_object().key("kind").value(kind.kind).key("count").value(kind.layers);
    json.key("window").value(kind.window);
    json.key("parameters").value(kind.parameters);
    json.key("active_parameters").value(kind.active_parameters);
    json.key("forward_flops_per_token").value(kind.forward_flops_per_token).end_object();
  }
  json.end_array().key("warnings").begin_array();
  for (const Diagnostic& diagnostic : diagnostics.all()) json.value(to_string(diagnostic));
  json.end_array().end_object();
  return json.take();
}

}  // namespace

int import_model(const std::string& path, const std::string& output, int sequence, bool json) {
  Diagnostics diagnostics;
  SourceMap places;
  const auto model = workloads::import_model_file(path, places, diagnostics);
  if (!output.empty() && !output.ends_with(".textproto")) {
    diagnostics.error({"-o", 0, 0}, {}, fmt::format("'{}' is no name for a model file", output),
                      "end it in .textproto");
  }
  if (!model || diagnostics.has_errors()) return bad_input(diagnostics);
  const auto graph = workloads::build_model(*model, places, "", diagnostics);
  print(diagnostics);
  const sim::ModelFigures figures = sim::figures_of(*graph, sequence);
  if (!output.empty()) {
    sim::write_file(output,
                    "# proto-file: workloads/models/model.proto\n"
                    "# proto-message: aisle.pb.Model\n" +
                        write_text(*model));
  }
  if (json) {
    fmt::print("{}", figures_json(model->name(), output, figures, diagnostics));
  } else {
    print_figures(model->name(), figures);
    if (!output.empty()) say("wrote " + output);
  }
  return kDone;
}

}  // namespace aisle::cli
