// SPDX-License-Identifier: Apache-2.0
#include "sim/study/calibrate.hpp"

#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"

#include <fmt/core.h>

#include <chrono>

namespace aisle::cli {

namespace {

std::string percent(bool known, double error) {
  return known ? fmt::format("{:.1f} %", 100 * error) : "-";
}

void print_text(const sim::CalibrationRun& run, double wall_s) {
  Table table({"family", "direction", "format", "implementation", "samples", "median", "p90",
               "held out", "median", "p90"});
  for (const pb::Curve& curve : run.fitted) {
    const bool held = curve.held_out_samples() > 0;
    table.add(
        {curve.family(), curve.direction().empty() ? "all" : curve.direction(),
         curve.precision().empty() ? "all" : curve.precision(), curve.variant(),
         std::to_string(curve.samples()), percent(true, curve.median_error()),
         percent(true, curve.p90_error()), held ? std::to_string(curve.held_out_samples()) : "-",
         percent(held, curve.held_out_median_error()), percent(held, curve.held_out_p90_error())});
  }
  fmt::print("{}", table.to_string());
  for (const sim::RejectedRows& rejected : run.rejected) {
    fmt::print("{} rows not used: {}\n", rejected.count, rejected.reason);
    for (const std::string& example : rejected.examples) fmt::print("  {}\n", example);
  }
  fmt::print("{} of {} rows of {} in {:.1f} s\n", run.used, run.rows, run.calibration.accelerator(),
             wall_s);
}

void write_errors(JsonWriter& json, const pb::Curve& curve) {
  const bool held = curve.held_out_samples() > 0;
  json.key("samples").value(curve.samples());
  json.key("median_abs_error").value(curve.median_error());
  json.key("p90_abs_error").value(curve.p90_error());
  json.key("held_out_samples").value(curve.held_out_samples());
  json.key("held_out_median_abs_error");
  held ? json.value(curve.held_out_median_error()) : json.null();
  json.key("held_out_p90_abs_error");
  held ? json.value(curve.held_out_p90_error()) : json.null();
}

void print_json(const sim::CalibrationRun& run, double wall_s) {
  JsonWriter json;
  json.begin_object().key("accelerator").value(run.calibration.accelerator());
  json.key("rows").value(run.rows).key("used").value(run.used).key("curves").begin_array();
  for (const pb::Curve& curve : run.fitted) {
    json.begin_object().key("family").value(curve.family());
    json.key("direction").value(curve.direction()).key("precision").value(curve.precision());
    json.key("implementation").value(curve.variant());
    write_errors(json, curve);
    json.end_object();
  }
  json.end_array().key("rejected").begin_array();
  for (const sim::RejectedRows& rejected : run.rejected) {
    json.begin_object().key("reason").value(rejected.reason).key("count").value(rejected.count);
    json.key("examples").begin_array();
    for (const std::string& example : rejected.examples) json.value(example);
    json.end_array().end_object();
  }
  json.end_array().key("wall_time_s").value(wall_s).end_object();
  fmt::print("{}", json.take());
}

}  // namespace

int calibrate(const CalibrateArguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  const auto run = sim::calibrate({arguments.inputs, arguments.accelerator, arguments.usual},
                                  *catalogue, diagnostics);
  if (!run) return bad_input(diagnostics);
  print(diagnostics);
  if (!arguments.output.empty()) {
    sim::write_file(arguments.output, sim::calibration_text(run->calibration));
    say("wrote " + arguments.output);
  }
  const double wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (arguments.json) {
    print_json(*run, wall_s);
  } else {
    print_text(*run, wall_s);
  }
  return kDone;
}

}  // namespace aisle::cli
