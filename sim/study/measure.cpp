// SPDX-License-Identifier: Apache-2.0
#include "sim/study/measure.hpp"

#include "sim/base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace aisle::sim {

namespace {

using workloads::Operation;
using workloads::Phase;
using workloads::Plan;
using workloads::Stream;

constexpr const char* kCopy = "waiting for host memory";
constexpr const char* kHost = "waiting for the host";
constexpr const char* kIdle = "pipeline bubble and waiting";
constexpr const char* kSlowed = "compute slowed by communication";
constexpr const char* kSlowest = "pace of the slowest accelerator";

std::string compute_part(Phase phase) {
  switch (phase) {
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::weight_gradient:
      return "weight gradient";
    case Phase::optimizer:
      return "optimizer";
    case Phase::communication:
    case Phase::other:
      break;
  }
  return "other compute";
}

/// Share of a work's time that it owes to the slowest accelerator's pace; gaps between kernels are
/// the host's.
double slower_share(const TimedWork& work, double slowest) {
  double gaps = 0;
  for (const Width& width : work.widths) {
    if (width.cores == 0) gaps += width.time.in(units::s);
  }
  const double alone = work.alone.in(units::s);
  return alone > 0 ? (alone - gaps) / alone * (1 - 1 / slowest) : 0;
}

/// Operations of one rank by stream, in order of time.
using RankOperations = std::array<std::vector<std::int32_t>, workloads::kStreams>;

RankOperations operations_of(const Plan& plan, std::int32_t rank) {
  RankOperations result;
  for (std::size_t i = 0; i < plan.operations.size(); ++i) {
    const Operation& operation = plan.operations[i];
    for (std::int32_t p = 0; p < operation.places; ++p) {
      const workloads::Place place =
          plan.places[static_cast<std::size_t>(operation.first_place + p)];
      if (place.rank == rank) {
        result[static_cast<std::size_t>(place.stream)].push_back(static_cast<std::int32_t>(i));
      }
    }
  }
  return result;
}

/// Seconds of each part of the step on one rank; they sum to the makespan. An instant counts as
/// compute while a kernel runs, else as the exposed communication that runs, else as waiting. Of a
/// compute operation that ran longer than alone, the excess is a part of its own.
std::map<std::string, double> parts_of(const TimedPlan& timed, const Execution& execution,
                                       const RankOperations& operations) {
  const Plan& plan = *timed.plan;

  struct Edge {
    double time;
    int stream;
    std::int32_t operation;
    bool start;
  };

  std::vector<Edge> edges;
  for (int s = 0; s < workloads::kStreams; ++s) {
    for (const std::int32_t i : operations[static_cast<std::size_t>(s)]) {
      const auto at = static_cast<std::size_t>(i);
      if (execution.end_s[at] <= execution.start_s[at]) continue;
      edges.push_back({execution.start_s[at], s, i, true});
      edges.push_back({execution.end_s[at], s, i, false});
    }
  }
  std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return a.time != b.time ? a.time < b.time : a.start < b.start;
  });
  std::map<std::string, double> parts;
  std::array<std::int32_t, workloads::kStreams> active;
  active.fill(-1);
  const auto account = [&](double length) {
    const std::int32_t compute = active[static_cast<std::size_t>(Stream::compute)];
    if (compute >= 0) {
      const auto at = static_cast<std::size_t>(compute);
      const Operation& operation = plan.operations[at];
      const TimedWork& work = timed.works[static_cast<std::size_t>(operation.work)];
      const double alone = work.alone.in(units::s);
      const double took = execution.end_s[at] - execution.start_s[at];
      const double slower = std::min(alone, took) * slower_share(work, timed.slowest);
      parts[compute_part(operation.phase)] += length * (std::min(alone, took) - slower) / took;
      parts[kSlowest] += length * slower / took;
      parts[kSlowed] += length * std::max(0.0, took - alone) / took;
      return;
    }
    for (const Stream s :
         {Stream::collective, Stream::data_parallel, Stream::receive, Stream::send}) {
      const std::int32_t i = active[static_cast<std::size_t>(s)];
      if (i < 0) continue;
      const Operation& operation = plan.operations[static_cast<std::size_t>(i)];
      const workloads::Work& work = plan.works[static_cast<std::size_t>(operation.work)];
      parts["exposed " + std::string(to_string(work.communication.kind))] += length;
      return;
    }
    const auto runs = [&](Stream s) { return active[static_cast<std::size_t>(s)] >= 0; };
    parts[runs(Stream::copy) ? kCopy : runs(Stream::host) ? kHost : kIdle] += length;
  };
  double now = 0;
  for (const Edge& edge : edges) {
    if (edge.time > now) account(edge.time - now);
    now = std::max(now, edge.time);
    active[static_cast<std::size_t>(edge.stream)] = edge.start ? edge.operation : -1;
  }
  if (const double end = execution.makespan.in(units::s); end > now) {
    active.fill(-1);
    account(end - now);
  }
  return parts;
}

Basis weakest_basis(const TimedPlan& timed) {
  Basis basis = Basis::measured;
  for (const workloads::Operation& operation : timed.plan->operations) {
    basis = weakest(basis, timed.works[static_cast<std::size_t>(operation.work)].basis);
  }
  return basis;
}

void add_families(const TimedPlan& timed, const RankOperations& operations, pb::Result& result) {
  const Plan& plan = *timed.plan;
  std::array<double, 16> seconds{};
  std::array<std::int64_t, 16> counts{};
  std::array<Basis, 16> basis{};
  std::array<Flops, 16> flops{};
  std::array<Bytes, 16> bytes{};
  for (const std::int32_t i : operations[static_cast<std::size_t>(Stream::compute)]) {
    const auto work = static_cast<std::size_t>(plan.operations[static_cast<std::size_t>(i)].work);
    for (std::size_t f = 0; f < seconds.size(); ++f)
      seconds[f] += timed.works[work].family_seconds[f];
    for (const workloads::Kernel& kernel : plan.works[work].kernels) {
      const auto f = static_cast<std::size_t>(kernel.family);
      counts[f] += kernel.count;
      flops[f] += static_cast<double>(kernel.count) * kernel.flops;
      bytes[f] += static_cast<double>(kernel.count) * kernel.hbm_bytes;
      basis[f] = weakest(basis[f], timed.works[work].basis);
    }
  }
  for (std::size_t f = 0; f < seconds.size(); ++f) {
    if (counts[f] == 0) continue;
    pb::FamilyTime& family = *result.add_family();
    family.set_family(std::string(to_string(static_cast<workloads::Family>(f))));
    family.set_seconds(seconds[f]);
    family.set_count(counts[f]);
    family.set_basis(to_pb(basis[f]));
    family.set_flops(flops[f].in(units::FLOP));
    family.set_hbm_bytes(bytes[f].in(units::B));
  }
}

/// Peaks of the formats that products of the rank are in, and the memory's bandwidth.
void add_roofline(const Measured& run, const RankOperations& operations, pb::Result& result) {
  const Plan& plan = *run.timed.plan;
  std::array<bool, topology::kPrecisions> used{};
  for (const std::int32_t i : operations[static_cast<std::size_t>(Stream::compute)]) {
    const auto work = static_cast<std::size_t>(plan.operations[static_cast<std::size_t>(i)].work);
    for (const workloads::Kernel& kernel : plan.works[work].kernels) {
      const bool product = kernel.family <= workloads::Family::mla_decode;
      if (product) used[static_cast<std::size_t>(kernel.precision)] = true;
    }
  }
  const topology::Accelerator& chip = run.cluster.accelerator();
  pb::Roofline& roofline = *result.mutable_roofline();
  roofline.set_hbm_bytes_per_s(chip.hbm_bandwidth.value.in(units::B / units::s));
  for (std::size_t p = 0; p < used.size(); ++p) {
    const double peak = chip.peak[p].value.in(units::FLOP / units::s);
    if (!used[p] || peak <= 0) continue;
    pb::Roof& roof = *roofline.add_roof();
    roof.set_precision(std::string(topology::to_string(static_cast<topology::Precision>(p))));
    roof.set_flops_per_s(peak);
  }
}

void add_rates(const Measured& run, topology::Precision precision, Basis basis,
               const std::vector<RankDraw>& draws, pb::Result& result) {
  const double step = run.execution.makespan.in(units::s);
  const double chips = run.cluster.count();
  const double tokens = run.training.tokens;
  const double bf16 =
      run.cluster.accelerator().peak_of(topology::Precision::bf16).value.in(units::FLOP / units::s);
  const double own = run.cluster.accelerator().peak_of(precision).value.in(units::FLOP / units::s);
  const double rate = run.training.model_flops.in(units::FLOP) / step / chips;
  const double full = run.full_attention_flops.in(units::FLOP) / step / chips;
  add_metric(result, "step_time_s", step, basis);
  add_metric(result, "tokens_per_s", tokens / step, basis);
  add_metric(result, "tokens_per_s_per_chip", tokens / step / chips, basis);
  add_metric(result, "tflops_per_chip", rate / 1e12, basis);
  add_metric(result, "tflops_per_chip_full_attention", full / 1e12, basis);
  if (bf16 > 0) {
    add_metric(result, "mfu", rate / bf16, basis);
    add_metric(result, "mfu_full_attention", full / bf16, basis);
  }
  if (own > 0) add_metric(result, "mfu_precision", rate / own, basis);
  double executed = 0;
  double ranks = 0;
  for (std::size_t r = 0; r < draws.size(); ++r) {
    const auto multiplicity = static_cast<double>(run.timed.plan->ranks[r].multiplicity);
    ranks += multiplicity;
    for (const Flops flops : draws[r].activity.flops)
      executed += multiplicity * flops.in(units::FLOP);
  }
  if (bf16 > 0) add_metric(result, "hfu", executed / ranks / step / bf16, basis);
  add_metric(result, "gpu_hours_per_trillion_tokens", chips * step / 3600 / (tokens / 1e12), basis);
}

void add_breakdown(const std::map<std::string, double>& parts, const std::string& rank, Basis basis,
                   pb::Result& result) {
  double exposed = 0;
  for (const auto& [name, seconds] : parts) {
    pb::Part& part = *result.add_breakdown();
    part.set_name(name);
    part.set_seconds(seconds);
    if (name.starts_with("exposed ")) {
      exposed += seconds;
      add_metric(result, "exposed_" + name.substr(8) + "_s", seconds, basis);
    }
  }
  std::stable_sort(result.mutable_breakdown()->begin(), result.mutable_breakdown()->end(),
                   [](const pb::Part& a, const pb::Part& b) { return a.seconds() > b.seconds(); });
  result.set_breakdown_rank(rank);
  add_metric(result, "exposed_communication_s", exposed, basis);
  const auto idle = parts.find(kIdle);
  add_metric(result, "pipeline_bubble_s", idle == parts.end() ? 0 : idle->second, basis);
}

/// A site by the hour, and what of it would trip.
void add_year(const power::Bill& bill, pb::Result& result) {
  const power::Year& year = *bill.year;
  const Basis basis = Basis::assumed;
  add_metric(result, "pue", year.pue(), basis);
  add_metric(result, "wue_l_per_kwh", year.water.in(units::litre) / year.it.in(units::kWh), basis);
  add_metric(result, "site_peak_w", year.peak.in(units::W), basis);
  add_metric(result, "free_cooling_hours", year.free_hours, basis);
  add_metric(result, "curtailed_hours", year.curtailed_hours, basis);
  add_metric(result, "contracted_share", year.contracted / year.facility, basis);
  for (const power::Overload& overload : bill.overloads) {
    result.add_caveat(
        !overload.lost.empty()
            ? fmt::format("Should {} fail, {} would carry {:.2f} times their rating and trip.",
                          overload.lost, overload.stage, overload.load)
        : overload.only_failed
            ? fmt::format(
                  "With its spares failed, {} would carry {:.2f} times its rating and trip.",
                  overload.stage, overload.load)
            : fmt::format("{} carries {:.2f} times its rating: it trips.", overload.stage,
                          overload.load));
  }
}

/// How warm the warmest row gets, and whether that holds it back.
void add_warmth(const Measured& run, pb::Result& result) {
  double warmest = 0;
  for (std::size_t row = 0; row < run.powers.size(); ++row) {
    const RankPower& power = run.powers[row];
    if (!power.coolant) continue;
    warmest = std::max(warmest, power.warm.celsius);
    if (power.cap >= power.asked) continue;
    result.add_caveat(fmt::format(
        "{} would get warmer than {:g} C: their clocks are lowered as by a cap of {:.0f} W.",
        row == 0 ? std::string("Accelerators") : fmt::format("Accelerators of row {}", row),
        power.curve.celsius_limit, power.cap.si()));
  }
  if (warmest > 0) add_metric(result, "chip_celsius", warmest, Basis::assumed);
}

void add_bill(const Measured& run, Basis basis, const std::vector<RankDraw>& draws,
              pb::Result& result) {
  const Watts chip = mean_of(*run.timed.plan, draws);
  const int chips = run.cluster.count();
  const Seconds step = run.execution.makespan;
  const power::Bill bill = power::bill(
      run.site, chip, chips, step,
      power::under_response(run.site, run.curve(), mean_activity(*run.timed.plan, draws)));
  const Basis power_basis = weakest(weakest(basis, run.curve().basis), run.site.host_power_basis);
  const Basis money_basis = weakest(basis, run.site.rental_basis);
  const double tokens = run.training.tokens;
  add_metric(result, "accelerator_power_w", chip.in(units::W), weakest(basis, run.curve().basis));
  add_metric(result, "it_power_w", bill.it_power.in(units::W), power_basis);
  add_metric(result, "facility_power_w", bill.facility_power.in(units::W), power_basis);
  add_costs(bill, tokens, power_basis, money_basis, result);
  add_metric(result, "tokens_per_s_per_mw",
             tokens / step.in(units::s) / bill.facility_power.in(units::MW), power_basis);
  if (bill.owned_cost) {
    const double dollars = bill.owned_cost->in(units::USD);
    add_metric(result, "owned_usd_per_gpu_hour",
               dollars / chips / (bill.stretch * step).in(units::hour), Basis::assumed);
    add_metric(result, "owned_usd_per_million_tokens", dollars / tokens * 1e6, Basis::assumed);
  }
  add_warmth(run, result);
  if (bill.year) add_year(bill, result);
  if (run.run_tokens <= 0) return;
  const double steps = run.run_tokens / run.training.tokens * run.run_stretch;
  const Seconds step_of_year = bill.stretch * step;
  const Basis run_basis = weakest(basis, run.run_tokens_basis);
  add_metric(result, "run_tokens", run.run_tokens, run.run_tokens_basis);
  add_metric(result, "run_time_days", steps * step_of_year.in(units::day), run_basis);
  add_metric(result, "run_gpu_hours", steps * chips * step_of_year.in(units::hour), run_basis);
  add_metric(result, "run_energy_mwh", steps * bill.energy.in(units::MWh),
             weakest(power_basis, run_basis));
  add_metric(result, "run_cost_usd", steps * bill.rental.in(units::USD),
             weakest(money_basis, run_basis));
  add_metric(result, "run_co2_t", steps * bill.co2.in(units::tonne), Basis::assumed);
  if (bill.embodied > Kilograms{}) {
    add_metric(result, "run_embodied_co2_t", steps * bill.embodied.in(units::tonne),
               Basis::assumed);
  }
}

}  // namespace

pb::Basis to_pb(Basis basis) {
  return static_cast<pb::Basis>(static_cast<int>(basis) + 1);
}

void add_metric(pb::Result& result, const std::string& name, double value, Basis basis) {
  pb::Metric& metric = *result.add_metric();
  metric.set_name(name);
  metric.set_value(value);
  metric.set_basis(to_pb(basis));
}

std::optional<double> metric_of(const pb::Result& result, std::string_view name) {
  const auto found =
      std::find_if(result.metric().begin(), result.metric().end(),
                   [name](const pb::Metric& metric) { return metric.name() == name; });
  return found == result.metric().end() ? std::nullopt : std::optional(found->value());
}

void add_costs(const power::Bill& bill, double tokens, Basis power, Basis money,
               pb::Result& result) {
  const double dollars = bill.rental.in(units::USD), millions = tokens / 1e6;
  add_metric(result, "energy_mwh", bill.energy.in(units::MWh), power);
  add_metric(result, "energy_cost_usd", bill.energy_cost.in(units::USD), Basis::assumed);
  if (dollars > 0) add_metric(result, "cost_usd", dollars, money);
  if (dollars > 0 && tokens > 0) {
    add_metric(result, "usd_per_million_tokens", dollars / millions, money);
  }
  if (tokens > 0) {
    add_metric(result, "kwh_per_million_tokens", bill.energy.in(units::kWh) / millions, power);
  }
  add_metric(result, "co2_t", bill.co2.in(units::tonne), Basis::assumed);
  add_metric(result, "water_m3", bill.water.in(units::m3), Basis::assumed);
  if (bill.embodied > Kilograms{}) {
    add_metric(result, "embodied_co2_t", bill.embodied.in(units::tonne), Basis::assumed);
  }
}

void measure(const Measured& run, topology::Precision precision, pb::Result& result) {
  const Basis basis = weakest_basis(run.timed);
  const std::vector<RankDraw> draws = draws_of(run.timed, run.execution, run.powers);
  // The rank that computes longest is the one that the others wait for.
  const auto busiest =
      std::max_element(draws.begin(), draws.end(), [](const RankDraw& a, const RankDraw& b) {
        return a.activity.computing < b.activity.computing;
      });
  const auto rank = static_cast<std::int32_t>(busiest - draws.begin());
  add_rates(run, precision, basis, draws, result);
  const RankOperations operations = operations_of(*run.timed.plan, rank);
  add_breakdown(parts_of(run.timed, run.execution, operations),
                run.timed.plan->ranks[static_cast<std::size_t>(rank)].name, basis, result);
  add_families(run.timed, operations, result);
  add_roofline(run, operations, result);
  Bytes peak;
  for (const workloads::RankMemory& memory : run.training.memory)
    peak = std::max(peak, memory.total());
  add_metric(result, "hbm_peak_bytes", peak.in(units::B), Basis::extrapolated);
  add_bill(run, basis, draws, result);
  add_power_over_time(run, draws, basis, result);
  add_resources(run.timed, run.execution, result);
  add_phases(run.timed, run.execution, result);
  if (run.individual) add_waiting_metrics(basis, result);
  if (run.chunk_layers == 0) return;
  add_metric(result, "layer_time_s", run.execution.makespan.in(units::s) / run.chunk_layers, basis);
  add_phase_metrics(basis, result);
}

}  // namespace aisle::sim
