// SPDX-License-Identifier: Apache-2.0
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"

#include <fmt/core.h>

#include <span>

namespace aisle::cli {

namespace {

using Writer = std::string (*)(std::span<const pb::Result>);

/// How a comparison is written to a file of that name; null, with an error, for a name of no form.
Writer form_of(const std::string& output, Diagnostics& diagnostics) {
  const auto form = sim::report_form(output);
  if (form == sim::ReportForm::html) return sim::comparison_html;
  if (form == sim::ReportForm::csv) return sim::comparison_csv;
  if (form == sim::ReportForm::markdown) return sim::comparison_markdown;
  if (form == sim::ReportForm::svg) return sim::comparison_svg;
  if (!output.empty()) {
    diagnostics.error({"-o", 0, 0}, {},
                      fmt::format("'{}' has no form that a comparison can take", output),
                      "end the name in .html, .csv, .md or .svg");
  }
  return nullptr;
}

}  // namespace

int compare(const std::vector<std::string>& inputs, const std::string& engine,
            const std::string& output, bool json) {
  Diagnostics diagnostics;
  const auto form = form_of(output, diagnostics);
  if (diagnostics.has_errors()) return bad_input(diagnostics);
  const auto results = results_of(inputs, engine);
  if (const int* code = std::get_if<int>(&results)) return *code;
  const std::vector<pb::Result>& finished = std::get<0>(results);
  if (form != nullptr) sim::write_file(output, form(finished));
  fmt::print("{}", json ? sim::comparison_json(finished) : sim::comparison_table(finished));
  if (form != nullptr) say("wrote " + output);
  return kDone;
}

}  // namespace aisle::cli
