// SPDX-License-Identifier: Apache-2.0
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace aisle::sim {
namespace report {
namespace {

/// How the number of a metric is written.
enum class Form { seconds, days, hours, count, fraction, bytes, watts, mwh, tonnes, cubic_metres };

struct Known {
  std::string_view name, label, unit;
  Form form;
  Group group;
};

constexpr Known kKnown[] = {
    {"step_time_s", "step time", "s", Form::seconds, Group::speed},
    {"replay_time_s", "replayed", "s", Form::seconds, Group::speed},
    {"recorded_time_s", "recorded", "s", Form::seconds, Group::speed},
    {"speedup", "recorded over replayed", "1", Form::count, Group::speed},
    {"compute_bound_s", "bound by matrix units", "s", Form::seconds, Group::speed},
    {"hbm_bound_s", "bound by HBM", "s", Form::seconds, Group::speed},
    {"host_bound_s", "waiting for the host", "s", Form::seconds, Group::speed},
    {"rank_skew_s", "waiting for other ranks", "s", Form::seconds, Group::speed},
    {"time_s", "time of the operation", "s", Form::seconds, Group::speed},
    {"alone_time_s", "on an idle and healthy network", "s", Form::seconds, Group::speed},
    {"slowdown", "slow-down against that", "1", Form::count, Group::speed},
    {"algbw_GBps", "algorithm bandwidth", "GB/s", Form::count, Group::speed},
    {"busbw_GBps", "bus bandwidth", "GB/s", Form::count, Group::speed},
    {"tokens_per_s", "tokens per second", "tokens/s", Form::count, Group::speed},
    {"tokens_per_s_per_chip", "tokens/s per chip", "tokens/s", Form::count, Group::speed},
    {"tflops_per_chip", "model TFLOP/s per chip", "TFLOP/s", Form::count, Group::speed},
    {"tflops_per_chip_full_attention", "model TFLOP/s per chip, full attention", "TFLOP/s",
     Form::count, Group::speed},
    {"mfu", "MFU of BF16 peak", "1", Form::fraction, Group::speed},
    {"mfu_full_attention", "MFU of BF16 peak, full attention", "1", Form::fraction, Group::speed},
    {"mfu_precision", "MFU of the peak of the precision used", "1", Form::fraction, Group::speed},
    {"hfu", "HFU of BF16 peak", "1", Form::fraction, Group::speed},
    {"gpu_hours_per_trillion_tokens", "GPU-hours per trillion tokens", "GPU-h", Form::count,
     Group::speed},
    {"goodput", "goodput", "1", Form::fraction, Group::speed},
    {"ttft_mean_s", "first token, mean", "s", Form::seconds, Group::speed},
    {"ttft_p50_s", "first token, median", "s", Form::seconds, Group::speed},
    {"ttft_p90_s", "first token, 90th percentile", "s", Form::seconds, Group::speed},
    {"ttft_p99_s", "first token, 99th percentile", "s", Form::seconds, Group::speed},
    {"tpot_mean_s", "later tokens, mean", "s", Form::seconds, Group::speed},
    {"tpot_p50_s", "later tokens, median", "s", Form::seconds, Group::speed},
    {"tpot_p90_s", "later tokens, 90th percentile", "s", Form::seconds, Group::speed},
    {"tpot_p99_s", "later tokens, 99th percentile", "s", Form::seconds, Group::speed},
    {"e2e_mean_s", "whole request, mean", "s", Form::seconds, Group::speed},
    {"e2e_p50_s", "whole request, median", "s", Form::seconds, Group::speed},
    {"e2e_p90_s", "whole request, 90th percentile", "s", Form::seconds, Group::speed},
    {"e2e_p99_s", "whole request, 99th percentile", "s", Form::seconds, Group::speed},
    {"output_tokens_per_s", "generated tokens per second", "tokens/s", Form::count, Group::speed},
    {"output_tokens_per_s_per_chip", "generated tokens/s per chip", "tokens/s", Form::count,
     Group::speed},
    {"requests_per_s", "requests per second", "1/s", Form::count, Group::speed},
    {"requests_served", "requests served", "1", Form::count, Group::speed},
    {"requests_refused", "requests refused", "1", Form::count, Group::speed},
    {"requests_too_long", "of them longer than allowed", "1", Form::count, Group::speed},
    {"requests_too_late", "of them too late for what is promised", "1", Form::count, Group::speed},
    {"requests_unfinished", "requests unfinished", "1", Form::count, Group::speed},
    {"requests_inside_mean", "requests waiting or running, mean", "1", Form::count, Group::speed},
    {"requests_waiting_mean", "of them waiting, mean", "1", Form::count, Group::speed},
    {"batch_mean", "sequences of a step, mean", "1", Form::count, Group::speed},
    {"urgent_ttft_mean_s", "first token of urgent ones, mean", "s", Form::seconds, Group::speed},
    {"urgent_ttft_p50_s", "first token of urgent ones, median", "s", Form::seconds, Group::speed},
    {"urgent_ttft_p90_s", "first token of urgent ones, 90th percentile", "s", Form::seconds,
     Group::speed},
    {"urgent_ttft_p99_s", "first token of urgent ones, 99th percentile", "s", Form::seconds,
     Group::speed},
    {"engine_busy_share", "engines busy", "1", Form::fraction, Group::speed},
    {"prefill_busy_share", "prompt engines busy", "1", Form::fraction, Group::speed},
    {"decode_busy_share", "generating engines busy", "1", Form::fraction, Group::speed},
    {"prefill_tokens_per_s_per_chip", "prompt tokens/s per chip of their pool", "tokens/s",
     Form::count, Group::speed},
    {"decode_tokens_per_s_per_chip", "generated tokens/s per chip of their pool", "tokens/s",
     Form::count, Group::speed},
    {"cache_transfer_mean_s", "from first token to the cache's arrival, mean", "s", Form::seconds,
     Group::speed},
    {"tokens_per_pass", "tokens of a pass with drafts", "1", Form::count, Group::speed},
    {"swaps", "preemptions to host memory", "1", Form::count, Group::speed},
    {"prefix_hit_share_host", "prompts found in host memory", "1", Form::fraction, Group::speed},
    {"prefix_hit_share_shared", "prompts found in the shared cache", "1", Form::fraction,
     Group::speed},
    {"replica_hours", "hours of replicas", "h", Form::hours, Group::speed},
    {"replica_starts", "replicas started", "1", Form::count, Group::speed},
    {"kv_occupancy_peak", "cache in use, peak", "1", Form::fraction, Group::speed},
    {"preemptions", "preemptions", "1", Form::count, Group::speed},
    {"prefix_hit_share", "prompts found cached", "1", Form::fraction, Group::speed},
    {"engine_steps", "engine steps", "1", Form::count, Group::speed},
    {"batch_sequences", "sequences of a step", "sequences", Form::count, Group::speed},
    {"prefill_batch_sequences", "sequences of a step, prompts", "sequences", Form::count,
     Group::speed},
    {"decode_batch_sequences", "sequences of a step, tokens", "sequences", Form::count,
     Group::speed},
    {"kv_occupancy", "cache in use", "1", Form::fraction, Group::speed},
    {"prefill_kv_occupancy", "cache in use, prompts", "1", Form::fraction, Group::speed},
    {"decode_kv_occupancy", "cache in use, tokens", "1", Form::fraction, Group::speed},
    {"replicas", "replicas there", "replicas", Form::count, Group::speed},
    {"prefill_replicas", "replicas there, prompts", "replicas", Form::count, Group::speed},
    {"decode_replicas", "replicas there, tokens", "replicas", Form::count, Group::speed},
    {"waiting_requests", "waiting", "requests", Form::count, Group::speed},
    {"running_requests", "running", "requests", Form::count, Group::speed},
    {"arrivals_per_s", "arrivals per second", "1/s", Form::count, Group::speed},
    {"prompt_tokens_per_s", "tokens of prompts per second", "tokens/s", Form::count, Group::speed},
    {"serving_time_s", "from first arrival to last answer", "s", Form::seconds, Group::speed},
    {"layer_time_s", "one layer forward and one backward", "s", Form::seconds, Group::speed},
    {"barrier_s", "waiting of ranks for one another", "s", Form::seconds, Group::exposed},
    {"communication_hidden_share", "communication behind computation", "1", Form::fraction,
     Group::exposed},
    {"pipeline_bubble_s", "pipeline bubble", "s", Form::seconds, Group::exposed},
    {"exposed_communication_s", "exposed communication, all", "s", Form::seconds, Group::exposed},
    {"hbm_peak_bytes", "peak memory per chip", "bytes", Form::bytes, Group::memory},
    {"accelerator_power_w", "power per accelerator", "W", Form::watts, Group::power},
    {"it_power_w", "IT power", "W", Form::watts, Group::power},
    {"it_power_peak_w", "highest IT power in the step", "W", Form::watts, Group::power},
    {"it_power_lowest_w", "lowest IT power in the step", "W", Form::watts, Group::power},
    {"evaluation_power_w", "IT power in evaluations", "W", Form::watts, Group::power},
    {"chip_celsius", "temperature of the warmest chip", "C", Form::count, Group::power},
    {"facility_power_w", "facility power", "W", Form::watts, Group::power},
    {"facility_power_peak_w", "facility power, peak", "W", Form::watts, Group::power},
    {"energy_mwh", "energy", "MWh", Form::mwh, Group::power},
    {"energy_kwh_per_step", "energy", "kWh", Form::count, Group::power},
    {"energy_cost_usd", "electricity cost", "USD", Form::count, Group::power},
    {"cost_usd", "cost", "USD", Form::count, Group::power},
    {"usd_per_million_output_tokens", "rental per million generated tokens", "USD", Form::count,
     Group::power},
    {"usd_per_million_input_tokens", "of it for prompts, per million of their tokens", "USD",
     Form::count, Group::power},
    {"usd_per_million_generated_tokens", "of it for answers, per million of theirs", "USD",
     Form::count, Group::power},
    {"joules_per_output_token", "accelerators' energy per generated token", "J", Form::count,
     Group::power},
    {"output_tokens_per_s_per_mw", "generated tokens/s per MW of the facility", "tokens/s",
     Form::count, Group::power},
    {"usd_per_million_tokens", "cost per million tokens", "USD", Form::count, Group::power},
    {"kwh_per_million_tokens", "energy per million tokens", "kWh", Form::count, Group::power},
    {"co2_t", "CO2", "t", Form::tonnes, Group::power},
    {"embodied_co2_t", "CO2 of making what is used", "t", Form::tonnes, Group::power},
    {"tokens_per_s_per_mw", "tokens/s per MW of the facility", "tokens/s", Form::count,
     Group::power},
    {"rack_power_peak_w", "highest draw of a rack", "W", Form::watts, Group::power},
    {"accelerators_per_rack", "chips in a rack", "1", Form::count, Group::power},
    {"racks", "racks", "1", Form::count, Group::power},
    {"feed_change_over_limit", "largest change of the draw over what the feed allows", "1",
     Form::count, Group::power},
    {"feed_storage_j", "storage beside each chip that would keep to it", "J", Form::count,
     Group::power},
    {"feed_stop_w", "draw that falls away when the job stops", "W", Form::watts, Group::power},
    {"water_m3", "water", "m3", Form::cubic_metres, Group::power},
    {"run_tokens", "tokens of the run", "tokens", Form::count, Group::run},
    {"storage_swing_j", "swing of the stored energy", "J", Form::count, Group::power},
    {"pue", "power usage effectiveness", "1", Form::count, Group::power},
    {"wue_l_per_kwh", "water usage effectiveness", "L/kWh", Form::count, Group::power},
    {"site_peak_w", "highest draw of the site", "W", Form::watts, Group::power},
    {"free_cooling_hours", "hours of the year without chillers", "h", Form::hours, Group::power},
    {"curtailed_hours", "hours of the year in which the job pauses", "h", Form::hours,
     Group::power},
    {"contracted_share", "energy from contracts, by the hour", "1", Form::fraction, Group::power},
    {"run_time_days", "run time", "days", Form::days, Group::run},
    {"run_time_p10_days", "run time, 10th percentile", "days", Form::days, Group::run},
    {"run_time_p50_days", "run time, median", "days", Form::days, Group::run},
    {"run_time_p90_days", "run time, 90th percentile", "days", Form::days, Group::run},
    {"goodput_p10", "goodput, 10th percentile", "1", Form::fraction, Group::run},
    {"goodput_p50", "goodput, median", "1", Form::fraction, Group::run},
    {"goodput_p90", "goodput, 90th percentile", "1", Form::fraction, Group::run},
    {"run_gpu_hours", "GPU-hours", "GPU-h", Form::count, Group::run},
    {"run_cost_usd", "cost of the run", "USD", Form::count, Group::run},
    {"run_energy_mwh", "energy of the run", "MWh", Form::mwh, Group::run},
    {"run_co2_t", "CO2 of the run", "t", Form::tonnes, Group::run},
    {"run_embodied_co2_t", "CO2 of making what the run uses", "t", Form::tonnes, Group::run},
    {"run_water_m3", "water of the run", "m3", Form::cubic_metres, Group::run},
};

struct Suffix {
  std::string_view suffix, unit;
  Form form;
};

/// For metrics that the table above does not know; the first match counts, so longer ones lead.
constexpr Suffix kSuffixes[] = {
    {"_tokens_per_s", "tokens/s", Form::count},
    {"_bytes_per_s", "bytes/s", Form::count},
    {"_GBps", "GB/s", Form::count},
    {"_per_s", "1/s", Form::count},
    {"_per_usd", "1/USD", Form::count},
    {"_bytes", "bytes", Form::bytes},
    {"_gpu_hours", "GPU-h", Form::count},
    {"_hours", "h", Form::hours},
    {"_days", "days", Form::days},
    {"_tokens", "tokens", Form::count},
    {"_tflops", "TFLOP/s", Form::count},
    {"_usd", "USD", Form::count},
    {"_mwh", "MWh", Form::mwh},
    {"_kwh", "kWh", Form::count},
    {"_fraction", "1", Form::fraction},
    {"_m3", "m3", Form::cubic_metres},
    {"_w", "W", Form::watts},
    {"_t", "t", Form::tonnes},
    {"_s", "s", Form::seconds},
};

const Known* find_known(std::string_view name) {
  const auto* end = std::end(kKnown);
  const auto* found =
      std::find_if(std::begin(kKnown), end, [&](const Known& known) { return known.name == name; });
  return found == end ? nullptr : found;
}

/// Label, unit and form of any name.
struct Reading {
  std::string label;
  std::string_view unit;
  Form form = Form::count;
  Group group = Group::other;
};

Reading read_name(std::string_view name) {
  if (const Known* known = find_known(name)) {
    return {std::string(known->label), known->unit, known->form, known->group};
  }
  Reading reading{std::string(name), "1", Form::count, Group::other};
  for (const Suffix& suffix : kSuffixes) {
    if (!name.ends_with(suffix.suffix) || name.size() == suffix.suffix.size()) continue;
    reading = {std::string(name.substr(0, name.size() - suffix.suffix.size())), suffix.unit,
               suffix.form, Group::other};
    break;
  }
  std::replace(reading.label.begin(), reading.label.end(), '_', ' ');
  constexpr std::string_view kExposed = "exposed_";
  if (name.starts_with(kExposed)) {
    reading.group = Group::exposed;
    if (name.ends_with("_s") && name.size() > kExposed.size() + 2) {
      const auto kind = name.substr(kExposed.size(), name.size() - kExposed.size() - 2);
      reading.label = "exposed " + communication_label(kind);
    }
  }
  if (name.starts_with("run_")) reading.group = Group::run;
  return reading;
}

/// `value` in the first of a falling list of units that it reaches; in the last one otherwise.
struct Scale {
  double unit;
  std::string_view name;
};

template <std::size_t N>
std::string scaled(double value, int digits, const std::array<Scale, N>& scales) {
  const double size = std::abs(value);
  const auto fits = [&](const Scale& scale) { return size >= scale.unit * (1 - 1e-12); };
  const auto* chosen = std::find_if(scales.begin(), scales.end(), fits);
  if (chosen == scales.end() || value == 0) chosen = scales.end() - 1;
  return fmt::format("{} {}", significant(value / chosen->unit, digits), chosen->name);
}

std::string with_unit(double value, int digits, std::string_view unit) {
  const std::string number = large(value, digits);
  return unit == "1" ? number : fmt::format("{} {}", number, unit);
}

}  // namespace

std::string format_seconds(double seconds, int digits) {
  // Up to twenty minutes stay in seconds: that is how step times are published.
  const double size = std::abs(seconds);
  if (size >= 172800) return fmt::format("{} days", significant(seconds / 86400, digits));
  if (size >= 7200) return fmt::format("{} h", significant(seconds / 3600, digits));
  if (size >= 1200) return fmt::format("{} min", significant(seconds / 60, digits));
  static constexpr std::array<Scale, 4> kScales{
      {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};
  return size == 0 ? "0 s" : scaled(seconds, digits, kScales);
}

std::string format_bytes(double bytes, int digits) {
  static constexpr std::array<Scale, 6> kScales{
      {{1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "KB"}, {1, "B"}}};
  return scaled(bytes, digits, kScales);
}

std::string format_metric(std::string_view metric, double value, int digits) {
  static constexpr std::array<Scale, 4> kWatts{{{1e9, "GW"}, {1e6, "MW"}, {1e3, "kW"}, {1, "W"}}};
  static constexpr std::array<Scale, 4> kEnergy{
      {{1e3, "GWh"}, {1, "MWh"}, {1e-3, "kWh"}, {1e-6, "Wh"}}};
  static constexpr std::array<Scale, 3> kMass{{{1, "t"}, {1e-3, "kg"}, {1e-6, "g"}}};
  static constexpr std::array<Scale, 2> kVolume{{{1, "m3"}, {1e-3, "L"}}};
  if (!std::isfinite(value)) return "not known";
  const Reading reading = read_name(metric);
  switch (reading.form) {
    case Form::seconds:
      return format_seconds(value, digits);
    case Form::days:
      return fmt::format("{} days", significant(value, digits));
    case Form::hours:
      return fmt::format("{} h", significant(value, digits));
    case Form::fraction:
      return fmt::format("{} %", significant(100 * value, digits));
    case Form::bytes:
      return format_bytes(value, digits);
    case Form::watts:
      return scaled(value, digits, kWatts);
    case Form::mwh:
      return scaled(value, digits, kEnergy);
    case Form::tonnes:
      return value >= 1 ? with_unit(value, digits, "t") : scaled(value, digits, kMass);
    case Form::cubic_metres:
      return value >= 1 ? with_unit(value, digits, "m3") : scaled(value, digits, kVolume);
    case Form::count:
      break;
  }
  return with_unit(value, digits, reading.unit);
}

std::string label_of(std::string_view metric) {
  return read_name(metric).label;
}

std::string unit_of(std::string_view metric) {
  return std::string(read_name(metric).unit);
}

bool larger_is_better(std::string_view metric) {
  constexpr std::string_view kShares[] = {
      "mfu",     "mfu_precision", "mfu_full_attention",        "hfu",
      "goodput", "speedup",       "communication_hidden_share"};
  const std::string_view unit = read_name(metric).unit;
  return unit.ends_with("/s") ||
         std::find(std::begin(kShares), std::end(kShares), metric) != std::end(kShares);
}

Group group_of(std::string_view metric) {
  return read_name(metric).group;
}

std::string title_of(Group group, const pb::Result& result) {
  std::string title(title_of(group));
  if (group != Group::power) return title;
  if (metric(result, "step_time_s")) return title + " of one step";
  return metric(result, "serving_time_s") ? title + " of the run" : title;
}

std::string_view title_of(Group group) {
  switch (group) {
    case Group::speed:
      return "Speed";
    case Group::exposed:
      return "Time that nothing hides";
    case Group::memory:
      return "Memory";
    case Group::power:
      return "Power, energy and cost";
    case Group::run:
      return "The whole run";
    case Group::other:
      break;
  }
  return "More";
}

}  // namespace report

MetricText describe_metric(const std::string& name, double value) {
  return {report::label_of(name), report::format_metric(name, value, 3)};
}

}  // namespace aisle::sim
