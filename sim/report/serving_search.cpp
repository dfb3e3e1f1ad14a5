// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search.hpp"

#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/report/format.hpp"
#include "sim/report/search.hpp"
#include "sim/report/text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace aisle::sim {

namespace {

using namespace report;

std::string label_of_objective(const std::string& objective) {
  if (objective == "slo_requests_per_s") return "requests/s under the promise";
  if (objective == "accelerators") return "accelerators that keep the promise";
  return label_of(objective);
}

std::string metric_text(const pb::Result& result, const std::string& name) {
  const auto value = metric(result, name);
  return value ? format_metric(name, *value, 3) : "";
}

std::string replicas_text(const ServingParts& parts) {
  std::string text;
  for (const ServingPart& part : parts) {
    text += (text.empty() ? "" : " + ") + std::to_string(part.replicas);
  }
  return text;
}

std::string best_table(const ServingSearchOutcome& outcome, const std::string& objective) {
  std::vector<std::string> header = {"",
                                     "layout",
                                     "replicas",
                                     "accelerators",
                                     "requests/s",
                                     "tokens/s per chip",
                                     "first token, p50",
                                     "p99",
                                     "later token, p50",
                                     "p99"};
  const bool other = objective != "slo_requests_per_s" && objective != "accelerators" &&
                     !objective.starts_with("ttft_p") && !objective.starts_with("tpot_p") &&
                     objective != "output_tokens_per_s_per_chip";
  if (other) header.push_back(label_of(objective));
  Table table(header);
  for (std::size_t i = 0; i < outcome.best.size(); ++i) {
    const FoundServing& found = outcome.best[i];
    const pb::Result& result = found.result;
    std::vector<std::string> row = {
        std::to_string(i + 1), describe(found.parts), replicas_text(found.parts),
        std::to_string(accelerators_of(found.parts)),
        found.slo_requests_per_s > 0 ? fmt::format("{:.3g}", found.slo_requests_per_s)
                                     : metric_text(result, "requests_per_s")};
    for (const char* name :
         {"output_tokens_per_s_per_chip", "ttft_p50_s", "ttft_p99_s", "tpot_p50_s", "tpot_p99_s"}) {
      row.push_back(metric_text(result, name));
    }
    if (other) row.push_back(metric_text(result, objective));
    table.add(row);
  }
  return table.to_string();
}

std::string front_table(const ServingSearchOutcome& outcome) {
  Table table({"layout", "requests/s", "tokens/s for a user", "tokens/s per chip",
               "first token, p50", "promise kept"});
  for (const ServingPoint& point : outcome.pareto) {
    table.add({describe(point.parts), fmt::format("{:.3g}", point.requests_per_s),
               fmt::format("{:.1f}", point.tokens_per_s_per_user),
               fmt::format("{:.1f}", point.output_tokens_per_s_per_chip),
               format_seconds(point.ttft_p50_s, 3),
               std::isfinite(point.goodput) ? percent(point.goodput) : ""});
  }
  return table.to_string();
}

void write_layout(const ServingMapping& mapping, JsonWriter& json) {
  json.key("tensor").value(mapping.tensor).key("pipeline").value(mapping.pipeline);
  json.key("data").value(mapping.data).key("expert").value(mapping.expert);
  json.key("sequences").value(mapping.sequences).key("step_tokens").value(mapping.step_tokens);
}

/// The layout; of pools, each by its name with its replicas.
void write_mapping(const ServingParts& parts, JsonWriter& json) {
  json.key("mapping").begin_object();
  if (parts.size() == 1) {
    write_layout(parts.front().mapping, json);
  } else {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      json.key(i == 0 ? "prefill" : "decode").begin_object();
      write_layout(parts[i].mapping, json);
      json.key("replicas").value(parts[i].replicas);
      if (!parts[i].accelerator.empty()) json.key("accelerator").value(parts[i].accelerator);
      json.end_object();
    }
  }
  json.end_object();
}

}  // namespace

std::string serving_search_text(const ServingSearchOutcome& outcome, const std::string& objective) {
  Page page;
  page.line(fmt::format(
      "layouts    {} in all: {} do not divide, {} do not fit, {} not among the "
      "best in closed form, {} played",
      thousands(outcome.enumerated), thousands(outcome.not_dividing),
      thousands(outcome.not_fitting), thousands(outcome.not_played), thousands(outcome.played)));
  page.line(fmt::format("runs       {} loads played in {}", thousands(outcome.runs),
                        format_seconds(outcome.wall_time_s, 3)));
  if (outcome.stopped) page.line("stopped    what follows is the best until then");
  if (outcome.best.empty()) {
    page.line();
    page.paragraph(outcome.reason);
    return page.take();
  }
  page.heading("Best by " + label_of_objective(objective));
  std::string text = page.take() + best_table(outcome, objective);
  if (outcome.pareto.size() < 2) return text;
  Page after;
  after.heading("Speed for a user against tokens per chip (Pareto front of all loads played)");
  return text + after.take() + front_table(outcome);
}

std::string serving_search_json(const ServingSearchOutcome& outcome, const std::string& objective) {
  JsonWriter json;
  json.begin_object().key("objective").value(objective);
  json.key("enumerated").value(outcome.enumerated);
  json.key("not_dividing").value(outcome.not_dividing);
  json.key("not_fitting").value(outcome.not_fitting).key("evaluated").value(outcome.played);
  json.key("feasible").value(outcome.played + outcome.not_played);
  json.key("runs").value(outcome.runs).key("reason").value(outcome.reason);
  json.key("stopped").value(outcome.stopped).key("best").begin_array();
  for (const FoundServing& found : outcome.best) {
    json.begin_object();
    write_mapping(found.parts, json);
    if (found.parts.size() == 1) json.key("replicas").value(found.parts.front().replicas);
    json.key("metrics").begin_object();
    json.key("accelerators").value(accelerators_of(found.parts));
    if (found.slo_requests_per_s > 0) {
      json.key("slo_requests_per_s").value(found.slo_requests_per_s);
    }
    for (const pb::Metric& one : found.result.metric()) json.key(one.name()).value(one.value());
    json.end_object().end_object();
  }
  json.end_array().key("pareto").begin_array();
  for (const ServingPoint& point : outcome.pareto) {
    json.begin_object();
    write_mapping(point.parts, json);
    json.key("metrics").begin_object();
    json.key("requests_per_s").value(point.requests_per_s);
    json.key("tokens_per_s_per_user").value(point.tokens_per_s_per_user);
    json.key("output_tokens_per_s_per_chip").value(point.output_tokens_per_s_per_chip);
    json.key("ttft_p50_s").value(point.ttft_p50_s);
    if (std::isfinite(point.goodput)) json.key("goodput").value(point.goodput);
    json.end_object().end_object();
  }
  json.end_array().key("wall_time_s").value(outcome.wall_time_s).end_object();
  return json.take();
}

}  // namespace aisle::sim
