// SPDX-License-Identifier: Apache-2.0
#include "sim/report/format.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/report/collective.hpp"
#include "sim/report/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace aisle::sim::report {
namespace {

std::string group_digits(std::string digits) {
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t at = point; at > first + 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

void append(std::string& line, std::string_view part) {
  if (part.empty()) return;
  if (!line.empty()) line += ", ";
  line += part;
}

/// "pipeline 16" where the figure says more than one.
void append_degree(std::string& line, std::string_view name, int degree) {
  if (degree > 1) append(line, fmt::format("{} {}", name, degree));
}

/// "3 of 4 published figures within their bounds; the farthest: MFU, +2.1 %."
std::string agreement(const pb::Result& result) {
  int judged = 0, within = 0;
  const pb::Comparison* farthest = nullptr;
  for (const pb::Comparison& entry : result.comparison()) {
    const std::optional<bool> verdict = within_bound(entry);
    if (!verdict) continue;
    ++judged;
    within += *verdict ? 1 : 0;
    if (!farthest || std::abs(entry.error()) > std::abs(farthest->error())) farthest = &entry;
  }
  if (!farthest) return {};
  const std::string label = label_of(farthest->metric());
  const std::string error = signed_percent(farthest->error());
  if (judged == 1) {
    return fmt::format(" The one published figure with a bound is {} it: {}, {}.",
                       within == 1 ? "within" : "OUT OF", label, error);
  }
  return fmt::format(" {} of {} published figures within their bounds; the farthest: {}, {}.",
                     within, judged, label, error);
}

/// "78.3 % of the step is computation, 6.2 % exposed communication; the largest loss is pipeline
/// bubble, 1.23 s (6.5 %)."
std::string where_it_goes(const pb::Result& result) {
  const double total = total_seconds(result);
  const double computation = family_seconds(result, PartFamily::computation);
  if (total <= 0 || computation <= 0) return {};
  std::string text = fmt::format(" {} of the step is computation", percent(computation / total));
  if (const double exposed = family_seconds(result, PartFamily::exposed); exposed > 0) {
    text += fmt::format(", {} exposed communication", share(exposed / total));
  }
  const pb::Part* loss = nullptr;
  for (const pb::Part& part : result.breakdown()) {
    if (family_of(part.name()) == PartFamily::computation) continue;
    if (!loss || part.seconds() > loss->seconds()) loss = &part;
  }
  if (loss && loss->seconds() > 0) {
    text += fmt::format("; the largest loss is {}, {} ({})", part_label(loss->name()),
                        format_seconds(loss->seconds(), 3), share(loss->seconds() / total));
  }
  return text + ".";
}

std::string run_sentence(const pb::Result& result) {
  const auto days = metric(result, "run_time_days");
  if (!days) return {};
  std::string text =
      fmt::format(" The whole run takes {}", format_metric("run_time_days", *days, 3));
  for (const char* name : {"run_gpu_hours", "run_energy_mwh", "run_cost_usd"}) {
    if (const auto value = metric(result, name)) {
      text += fmt::format(", {}", format_metric(name, *value, 3));
    }
  }
  return text + ".";
}

}  // namespace

std::string significant(double value, int digits) {
  if (!std::isfinite(value)) return "not known";
  if (value == 0) return "0";
  // Rounding first, because 9.996 to three digits is 10.0, not 10.00.
  const double rounded = std::strtod(fmt::format("{:.{}e}", value, digits - 1).c_str(), nullptr);
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(rounded)) + 1e-12));
  if (exponent < -6) return fmt::format("{:.{}e}", value, digits - 1);
  return group_digits(fmt::format("{:.{}f}", rounded, std::max(0, digits - 1 - exponent)));
}

std::string thousands(long long value) {
  return group_digits(fmt::format("{}", value));
}

std::string large(double value, int digits) {
  const double size = std::abs(value) * (1 + 1e-12);
  if (size >= 1e12) return significant(value / 1e12, digits) + " trillion";
  if (size >= 1e9) return significant(value / 1e9, digits) + " billion";
  if (size >= 1e6) return significant(value / 1e6, digits) + " million";
  return significant(value, digits);
}

std::string percent(double fraction) {
  return fmt::format("{:.1f} %", 100 * fraction);
}

std::string share(double fraction) {
  return fraction > 0 && fraction < 0.0005 ? "< 0.1 %" : percent(fraction);
}

std::string signed_percent(double fraction) {
  if (!std::isfinite(fraction)) return "not known";
  return std::abs(fraction) < 0.0005 ? "0.0 %" : fmt::format("{:+.1f} %", 100 * fraction);
}

std::optional<double> metric(const pb::Result& result, std::string_view name) {
  for (const pb::Metric& entry : result.metric()) {
    if (entry.name() == name) return entry.value();
  }
  return std::nullopt;
}

std::string basis_of(const pb::Result& result, std::string_view name) {
  for (const pb::Metric& entry : result.metric()) {
    if (entry.name() == name) return basis_name(entry.basis());
  }
  return {};
}

std::string basis_name(pb::Basis basis) {
  return pb::Basis_Name(basis == pb::BASIS_UNSPECIFIED ? pb::assumed : basis);
}

std::string_view basis_meaning(pb::Basis basis) {
  switch (basis) {
    case pb::measured:
      return "somebody measured it and published the measurement";
    case pb::calibrated:
      return "fitted to measurements";
    case pb::vendor:
      return "claimed by the maker or operator";
    case pb::extrapolated:
      return "carried over from a neighbour by a stated rule";
    default:
      break;
  }
  return "an estimate, a recollection, or a choice of the study";
}

std::string title_of(const pb::Result& result) {
  return result.scenario().has_title() ? result.scenario().title() : result.study();
}

std::string cluster_line(const pb::Scenario& scenario) {
  const pb::Cluster& cluster = scenario.cluster();
  std::string line = fmt::format("{} x {}", thousands(cluster.count()), cluster.accelerator());
  append(line, cluster.system());
  if (cluster.scale_up().size() > 1) {
    append(line, fmt::format("scale-up domain of {}", cluster.scale_up().size()));
  }
  if (cluster.scale_up().has_bandwidth()) {
    append(line, fmt::format("{} per chip inside", cluster.scale_up().bandwidth()));
  }
  if (cluster.scale_out().has_nic()) {
    append(line, fmt::format("{} per chip outside", cluster.scale_out().nic()));
  }
  if (cluster.has_scale_out()) append(line, cluster.scale_out().fabric());
  if (cluster.scale_out().oversubscription() > 1) {
    append(line, fmt::format("oversubscribed {:g}:1", cluster.scale_out().oversubscription()));
  }
  return line;
}

std::string serving_line(const pb::Serving& serving) {
  const pb::ServingRequests& requests = serving.requests();
  std::string line = serving.model();
  append(line, serving.precision());
  const auto each = [](const pb::ServingParallel& parallel) {
    const int chips = parallel.tensor() * parallel.pipeline() * parallel.data();
    return fmt::format("{} accelerator{}", chips, chips == 1 ? "" : "s");
  };
  if (serving.has_pools()) {
    const auto pool = [&](const pb::ServingPool& one) {
      return fmt::format("{} x {}", one.replicas(),
                         each(one.has_parallel() ? one.parallel() : serving.parallel()));
    };
    append(line, fmt::format("{}, prompts on {}, answers on {}", serving.engine().profile(),
                             pool(serving.pools().prefill()), pool(serving.pools().decode())));
  } else {
    append(line,
           fmt::format("{} on {} a replica", serving.engine().profile(), each(serving.parallel())));
  }
  append(line, requests.has_trace() ? "requests of " + requests.trace() : "drawn requests");
  return line;
}

std::string serving_answer(const pb::Result& result) {
  const auto of = [&](const char* name, auto form) {
    const auto value = metric(result, name);
    return value ? form(*value) : std::string("not known");
  };
  const auto time = [](double value) { return format_seconds(value, 3); };
  const auto count = [](double value) { return significant(value, 3); };
  std::string text = fmt::format(
      "{} requests/s and {} generated tokens/s per chip. The first token comes after {} (median; "
      "99th percentile {}), each later "
      "one after {} ({}).",
      of("requests_per_s", count), of("output_tokens_per_s_per_chip", count),
      of("ttft_p50_s", time), of("ttft_p99_s", time), of("tpot_p50_s", time),
      of("tpot_p99_s", time));
  if (const auto goodput = metric(result, "goodput")) {
    text +=
        fmt::format(" {} % of the requests got what is promised.", significant(100 * *goodput, 3));
  }
  return text;
}

std::string workload_line(const pb::Scenario& scenario) {
  if (scenario.workload().has_collective())
    return collective_line(scenario.workload().collective());
  if (scenario.workload().has_replay()) return replay_line(scenario.workload().replay());
  if (scenario.workload().has_serving()) return serving_line(scenario.workload().serving());
  const pb::Training& training = scenario.workload().training();
  std::string line = training.model();
  append(line, fmt::format("{} sequences of {} tokens per step", thousands(training.global_batch()),
                           thousands(training.sequence())));
  append(line, fmt::format("micro-batch {}", training.micro_batch()));
  append(line, training.precision());
  if (training.recompute() != pb::none) {
    append(line, fmt::format("{} recompute", pb::Recompute_Name(training.recompute())));
  }
  return line;
}

std::string layout_line(const pb::Scenario& scenario) {
  const pb::Parallel& parallel = scenario.workload().training().parallel();
  std::string line;
  if (scenario.workload().has_serving()) {
    const pb::ServingParallel& serving = scenario.workload().serving().parallel();
    append_degree(line, "tensor", serving.tensor());
    append_degree(line, "pipeline", serving.pipeline());
    append_degree(line, "data", serving.data());
    append_degree(line, "expert", serving.expert());
    return line.empty() ? "one chip" : line;
  }
  append_degree(line, "tensor", parallel.tensor());
  append_degree(line, "context", parallel.context());
  append_degree(line, "pipeline", parallel.pipeline());
  if (parallel.pipeline() > 1) {
    std::string schedule = pb::Schedule_Name(parallel.schedule());
    std::replace(schedule.begin(), schedule.end(), '_', ' ');
    line += fmt::format(" ({})", schedule);
    append_degree(line, "virtual stages", parallel.virtual_stages());
  }
  append_degree(line, "expert", parallel.expert());
  append_degree(line, "data", parallel.data());
  if (parallel.zero() > 0) append(line, fmt::format("ZeRO {}", parallel.zero()));
  return line.empty() ? "one chip" : line;
}

std::string engine_line(const pb::Result& result) {
  std::string line = pb::Engine_Name(result.engine());
  append(line, result.folded() ? "folded" : "unfolded");
  if (result.rank_classes() > 0) {
    append(line, fmt::format("{} rank {}", thousands(result.rank_classes()),
                             result.rank_classes() == 1 ? "class" : "classes"));
  }
  if (result.operations() > 0) {
    const bool flows = !result.collective().empty();
    append(line, fmt::format("{} {}", thousands(result.operations()),
                             !flows                     ? "operations"
                             : result.operations() == 1 ? "flow"
                                                        : "flows"));
  }
  const auto step = metric(result, "step_time_s");
  if (result.has_other_engine_step_time_s() && step && *step > 0) {
    append(line, fmt::format("step time of the other engine {} ({})",
                             format_seconds(result.other_engine_step_time_s(), 4),
                             signed_percent(result.other_engine_step_time_s() / *step - 1)));
  }
  return line;
}

std::string answer(const pb::Result& result) {
  if (!result.collective().empty()) return collective_answer(result);
  if (result.scenario().workload().has_replay()) return replay_answer(result);
  if (result.scenario().workload().has_serving()) return serving_answer(result);
  const auto step = metric(result, "step_time_s");
  if (!result.feasible() || !step) return {};
  std::string text = fmt::format("One step takes {}", format_seconds(*step, 3));
  if (const auto rate = metric(result, "tokens_per_s")) {
    text += fmt::format(": {}", format_metric("tokens_per_s", *rate, 3));
  }
  if (const auto rate = metric(result, "tflops_per_chip")) {
    text += fmt::format(", {} per chip", format_metric("tflops_per_chip", *rate, 3));
  }
  if (const auto mfu = metric(result, "mfu")) text += fmt::format(" (MFU {})", percent(*mfu));
  return text + "." + where_it_goes(result) + run_sentence(result) + agreement(result);
}

double total_bytes(const pb::MemoryUse& rank) {
  double sum = 0;
  for (const pb::MemoryItem& item : rank.item()) sum += item.bytes();
  return sum;
}

double total_seconds(const pb::Result& result) {
  double sum = 0;
  for (const pb::Part& part : result.breakdown()) sum += part.seconds();
  return sum;
}

const pb::MemoryUse* fullest(const pb::Result& result) {
  const auto fill = [](const pb::MemoryUse& rank) {
    return rank.capacity_bytes() > 0 ? total_bytes(rank) / rank.capacity_bytes()
                                     : total_bytes(rank);
  };
  const pb::MemoryUse* worst = nullptr;
  for (const pb::MemoryUse& rank : result.memory()) {
    if (!worst || fill(rank) > fill(*worst)) worst = &rank;
  }
  return worst;
}

std::optional<bool> within_bound(const pb::Comparison& comparison) {
  if (!comparison.has_bound()) return std::nullopt;
  if (comparison.simulated() <= 0 || comparison.published() <= 0) return false;
  return std::abs(std::log(comparison.simulated() / comparison.published())) <= comparison.bound();
}

std::vector<std::string> memory_uses(const pb::Result& result) {
  std::vector<std::string> uses;
  for (const pb::MemoryUse& rank : result.memory()) {
    for (const pb::MemoryItem& item : rank.item()) {
      if (std::find(uses.begin(), uses.end(), item.use()) == uses.end()) uses.push_back(item.use());
    }
  }
  return uses;
}

double bytes_of(const pb::MemoryUse& rank, std::string_view use) {
  double sum = 0;
  for (const pb::MemoryItem& item : rank.item()) {
    if (item.use() == use) sum += item.bytes();
  }
  return sum;
}

std::string range_text(const pb::Metric& metric) {
  if (!metric.has_low() || !metric.has_high()) return {};
  std::string low = format_metric(metric.name(), metric.low(), 3);
  const std::string high = format_metric(metric.name(), metric.high(), 3);
  // One unit is enough where both have the same.
  const std::size_t unit = low.find(' '), same = high.find(' ');
  if (unit != std::string::npos && same != std::string::npos &&
      low.substr(unit) == high.substr(same)) {
    low.resize(unit);
  }
  return low + " to " + high;
}

std::string like_rows_text(const pb::LikeRows& rows) {
  if (rows.workload() == "collective") {
    return fmt::format("collectives {} scale-up domains", rows.quantity());
  }
  std::string text =
      rows.workload() == "training" ? "training steps" : "serving, " + rows.quantity();
  if (rows.has_model()) text += fmt::format(" of {} models", rows.model());
  if (rows.has_chip()) {
    text += rows.chip() == "calibrated" ? ", kernels measured" : ", kernel times borrowed";
  }
  return text;
}

std::string scenario_hash(const pb::Result& result) {
  // FNV-1a: enough to tell scenarios apart by eye, and the same on every machine.
  std::uint32_t hash = 2166136261u;
  for (const char c : write_text(result.scenario())) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  }
  return fmt::format("{:08x}", hash);
}

}  // namespace aisle::sim::report
