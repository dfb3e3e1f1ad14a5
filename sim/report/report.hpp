// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aisle::pb {
class Result;
}

namespace aisle {
class Diagnostics;
}

namespace aisle::sim {

/// Text for a terminal: metrics with unit and basis, comparison with published figures, where the
/// time and memory went, caveats.
std::string summary(const pb::Result& result);
/// The JSON document of `aisle run --json` (contract: docs/formats/json.md).
std::string result_json(const pb::Result& result);
/// One row per metric, part and memory use: section,name,value,unit,basis.
std::string result_csv(const pb::Result& result);
/// Chrome trace events (Perfetto UI, chrome://tracing): one process per representative rank, one
/// thread per stream.
std::string perfetto_json(const pb::Result& result);
/// A page for people with figures (inline SVG): metrics, where time goes, memory by stage,
/// timeline, comparison, scenario, caveats. Self-contained.
std::string html_page(const pb::Result& result);
/// Several results side by side, differences explained by resource and by part; first is the base.
std::string comparison_table(std::span<const pb::Result> results);
std::string comparison_json(std::span<const pb::Result> results);
/// The same as a self-contained page, as a table with a row per result (CSV: every figure;
/// Markdown: those of a report), and as a figure of their time by resource ("" where none has any).
std::string comparison_html(std::span<const pb::Result> results);
std::string comparison_csv(std::span<const pb::Result> results);
std::string comparison_markdown(std::span<const pb::Result> results);
std::string comparison_svg(std::span<const pb::Result> results);

/// What reports, comparisons and plans can be written as; each takes some of them.
enum class ReportForm : std::uint8_t { html, pdf, markdown, csv, json, svg };
/// By the end of a file's name; nothing for another one.
std::optional<ReportForm> report_form(const std::string& path);
/// A report for people who decide, of one result or of several side by side; csv and json are its
/// numbers, svg its figures.
std::string report_of(std::span<const pb::Result> results, ReportForm form);
/// Of a database that `aisle sweep` wrote: best points by a metric (empty: the usual one), the
/// front, what each axis does, what failed.
std::optional<std::string> sweep_report(const std::string& database, const std::string& objective,
                                        ReportForm form, Diagnostics& diagnostics);

/// Writes result.pb, result.json, result.csv, trace.perfetto.json.gz and report.html into `folder`
/// (made if absent), series.csv and requests.csv where the result has such. Each file is written
/// beside and renamed, so that none is ever half there; throws std::system_error when the machine
/// refuses.
void write_result(const pb::Result& result, const std::string& folder);

/// Writes one file whole or not at all (temporary file in the same folder, then rename); throws
/// std::system_error.
void write_file(const std::string& path, const std::string& content);

/// Makes the folder where it is not there, with those above it; throws std::system_error.
void make_folder(const std::string& folder);

/// Label and text of one metric for people: {"step time", "19.9 s"}.
struct MetricText {
  std::string label, value;
};

MetricText describe_metric(const std::string& name, double value);

/// One part of the step for people.
struct PartText {
  std::string name;    ///< as in the result: "exposed all_to_all"
  std::string label;   ///< "exposed all-to-all"
  std::string colour;  ///< "#d9782b", the same for the same name in every result
  double seconds = 0;
};

/// The breakdown in the order of a report: computation, what slows it, exposed communication by
/// size, parts of other names, waiting.
std::vector<PartText> describe_parts(const pb::Result& result);
/// The step by resource, likewise; empty where the result has none.
std::vector<PartText> describe_resources(const pb::Result& result);

}  // namespace aisle::sim
