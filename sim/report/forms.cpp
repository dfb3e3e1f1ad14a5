// SPDX-License-Identifier: Apache-2.0
// Reports in every form.
#include "sim/base/diagnostics.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/report/report.hpp"
#include "sim/report/result_document.hpp"
#include "sim/report/sweep.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace aisle::sim {

namespace {

std::string written(const report::Document& document, ReportForm form) {
  switch (form) {
    case ReportForm::html:
      return report::to_html(document);
    case ReportForm::pdf:
      return report::to_pdf(document);
    case ReportForm::svg:
      return report::to_svg(document);
    default:
      return report::to_markdown(document);
  }
}

}  // namespace

std::optional<ReportForm> report_form(const std::string& path) {
  constexpr std::array<std::pair<const char*, ReportForm>, 6> kForms = {
      {{".html", ReportForm::html},
       {".pdf", ReportForm::pdf},
       {".md", ReportForm::markdown},
       {".csv", ReportForm::csv},
       {".json", ReportForm::json},
       {".svg", ReportForm::svg}}};
  const std::string suffix = std::filesystem::path(path).extension().string();
  for (const auto& [name, form] : kForms) {
    if (suffix == name) return form;
  }
  return std::nullopt;
}

std::string report_of(std::span<const pb::Result> results, ReportForm form) {
  AISLE_ASSERT(!results.empty(), "a report is of at least one result");
  const bool one = results.size() == 1;
  if (form == ReportForm::csv) return one ? result_csv(results[0]) : comparison_csv(results);
  if (form == ReportForm::json) return one ? result_json(results[0]) : comparison_json(results);
  return written(one ? report::document_of(results[0]) : report::document_of(results), form);
}

std::optional<std::string> sweep_report(const std::string& database, const std::string& objective,
                                        ReportForm form, Diagnostics& diagnostics) {
  const auto store = SweepStore::read(database, diagnostics);
  if (!store) return std::nullopt;
  report::SweepReport sweep;
  sweep.name = std::filesystem::path(database).filename().string();
  sweep.objective = objective;
  // What the sweep is of: a line for the version, then the study.
  const std::string identity = store->sweep();
  const std::size_t line = std::min(identity.find('\n'), identity.size());
  sweep.version = identity.substr(0, line);
  SourceMap places;
  if (!read_text(identity.substr(line), database, sweep.scenario, places, diagnostics)) {
    return std::nullopt;
  }
  sweep.table = store->table();
  if (!objective.empty() && sweep.table.metric(objective) < 0) {
    diagnostics.error({"--metric", 0, 0}, {}, fmt::format("no point has '{}'", objective),
                      fmt::format("one of: {}", fmt::join(sweep.table.metrics, ", ")));
    return std::nullopt;
  }
  sweep.whole = [&](std::int64_t id, const std::string& engine) {
    return store->result(id, engine);
  };
  if (form == ReportForm::csv) return report::sweep_csv(sweep);
  if (form == ReportForm::json) return report::sweep_json(sweep);
  return written(report::document_of(sweep), form);
}

}  // namespace aisle::sim
