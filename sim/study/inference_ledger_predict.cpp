// SPDX-License-Identifier: Apache-2.0
// Answers of the simulator to rows of a ledger of inference runs, in the rows' own metrics.
#include "power/power.hpp"
#include "power/power.pb.h"
#include "sim/base/proto_text.hpp"
#include "sim/study/inference_ledger.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/figures.hpp"
#include "workloads/collectives/collective.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace aisle::sim {

namespace {

using Kind = InferenceLoad::Kind;

std::string first_error(const Diagnostics& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == Severity::error) return diagnostic.sentence;
  }
  return "the machine cannot be built";
}

/// One replica's machine; disaggregated ones send caches to a second one.
std::variant<topology::Cluster, std::string> machine_of(const InferenceQuestion& question,
                                                        const topology::Catalogue& catalogue) {
  pb::Cluster spec;
  spec.set_accelerator(question.accelerator);
  const pb::Accelerator& chip = *catalogue.accelerator(question.accelerator);
  const int count = question.job.layout.accelerators() * (question.disaggregated ? 2 : 1);
  spec.set_count(count);
  if (chip.scale_up_shape() != pb::torus) {
    const int sold = std::max(1, static_cast<int>(topology::number_or(chip.scale_up_domain(), 1)));
    int domain = std::min(question.job.layout.accelerators(), sold);
    while (count % domain != 0) --domain;
    spec.mutable_scale_up()->set_size(domain);
  }
  Diagnostics diagnostics;
  auto cluster = topology::build_cluster(spec, SourceMap{}, catalogue, diagnostics);
  if (!cluster) return first_error(diagnostics);
  return std::move(*cluster);
}

/// The steady state, or times of a static run put the same way.
struct Outcome {
  OperatingPoint point;
  Seconds prompts, batch, step;  ///< of static runs
  double sequences = 0;          ///< of one attention group
  bool played = false;           ///< request by request
};

double per_group(const InferenceQuestion& question) {
  const workloads::ServingLayout& layout = question.job.layout;
  if (question.load.per_group) return question.load.amount * layout.tensor * layout.pipeline;
  return question.load.amount / question.replicas / layout.data;
}

Outcome outcome_of(const StepTimes& times, const InferenceQuestion& question) {
  Outcome outcome;
  const double amount = per_group(question);
  switch (question.load.kind) {
    case Kind::fixed_batch:
    case Kind::varied_batch:
    case Kind::prompts:
    case Kind::decoding:
      outcome.sequences = std::max(1.0, amount);
      outcome.prompts = prompts_together(times, question.lengths, outcome.sequences);
      outcome.step = decoding_step(times, question.lengths, outcome.sequences);
      outcome.batch = question.load.kind == Kind::varied_batch
                          ? varied_batch(times, question.lengths, outcome.sequences)
                          : fixed_batch(times, question.lengths, outcome.sequences);
      outcome.point.gap_mean = outcome.point.gap_median = outcome.point.gap_p99 = outcome.step;
      outcome.point.first_mean = outcome.point.first_p90 = outcome.point.first_p99 =
          outcome.prompts;
      return outcome;
    case Kind::closed:
      outcome.point =
          closed_loop(times, question.lengths,
                      question.load.endless ? most_sequences(times, question.lengths) : amount);
      return outcome;
    case Kind::open:
      outcome.point = open_loop(times, question.lengths, amount);
      return outcome;
    case Kind::speed:
      outcome.point = at_speed(times, question.lengths, question.load.amount);
      return outcome;
  }
  AISLE_ASSERT(false, "load kind out of range");
}

/// Requests that come at once wait, half of them behind the others on the mean.
void add_queue(const InferenceQuestion& question, OperatingPoint& point, double held) {
  if (!question.load.endless) return;
  const double own = question.load.requests / question.replicas / question.job.layout.data;
  if (own <= held || point.requests_per_s <= 0) return;
  const double drain = (own - held) * question.job.layout.data / point.requests_per_s;
  const double waiting = (own - held) / own;
  point.first_mean += Seconds::from_si(waiting * drain / 2);
  point.first_p99 += Seconds::from_si(drain * 0.99);
  point.end_to_end += Seconds::from_si(waiting * drain / 2);
}

/// Generated and prompt tokens per second of the whole system.
struct Rates {
  double output = 0, input = 0, requests = 0;
};

Rates rates_of(const InferenceQuestion& question, const Outcome& outcome) {
  const double groups = question.job.layout.data * question.replicas;
  const double sequences = outcome.sequences * groups;
  const RequestLengths& lengths = question.lengths;
  Rates rates;
  switch (question.load.kind) {
    case Kind::fixed_batch:
    case Kind::varied_batch:
      rates.requests = sequences / outcome.batch.si();
      break;
    case Kind::decoding:
      rates.requests = sequences / outcome.step.si() / lengths.output;
      break;
    case Kind::prompts:
      rates.requests = sequences / outcome.prompts.si();
      break;
    default:
      rates.requests = outcome.point.requests_per_s * question.replicas;
  }
  rates.output = rates.requests * lengths.output * question.tokens_per_pass;
  rates.input = rates.requests * lengths.prompt;
  return rates;
}

/// Caches of one request over the network, each rank its own part.
Seconds transfer_of(const StepTimes& times, const topology::Cluster& cluster,
                    const RequestLengths& lengths) {
  workloads::Communication c;
  c.kind = workloads::CollectiveKind::send_recv;
  c.bytes = times.memory().sequence(lengths.prompt);
  const std::vector<int> ends = {0, cluster.count() / 2};
  c.group = cluster.hierarchy(ends);
  return workloads::cost_of(c, cluster, times.kernels().communication()).alone;
}

/// Times of requests, by the metric's name.
std::optional<Seconds> latency_of(const InferenceRow& row, const Outcome& outcome, Seconds transfer,
                                  bool disaggregated) {
  const OperatingPoint& point = outcome.point;
  const std::string& metric = row.metric;
  if (metric == "e2e_latency" || metric == "phase_time") {
    if (metric == "e2e_latency") return outcome.batch;
    return row.mode == "prefill" ? outcome.prompts
                                 : outcome.step * std::max(1.0, row.output.value_or(1));
  }
  if (metric == "prompt_time") return outcome.prompts;
  if (metric == "e2e_mean") return point.end_to_end;
  if (metric == "kv_transfer_time") return transfer;
  if (metric.starts_with("ttft")) {
    if (metric.ends_with("p99")) return point.first_p99 + transfer;
    if (outcome.played && (metric.ends_with("p50") || metric.ends_with("median"))) {
      return point.first_median + transfer;
    }
    return (metric.ends_with("p90") ? point.first_p90 : point.first_mean) + transfer;
  }
  if (metric.starts_with("tpot") || metric.starts_with("itl") || metric == "token_time") {
    if (outcome.played && metric == "tpot_mean") return point.token_mean;
    if (outcome.played && metric == "tpot_p99") return point.token_p99;
    if ((disaggregated && !outcome.played) || metric.ends_with("median")) return point.gap_median;
    return metric == "itl_p99" ? point.gap_p99 : point.gap_mean;
  }
  return std::nullopt;
}

/// Tokens per second, by the metric's name.
std::optional<double> throughput_of(const InferenceRow& row, const InferenceQuestion& question,
                                    const Rates& rates) {
  const double chips = question.chips;
  const double output = rates.output;
  const std::string& metric = row.metric;
  double all = 0;
  if (metric.starts_with("output_throughput")) all = output;
  if (metric.starts_with("input_throughput")) all = rates.input;
  if (metric.starts_with("total_throughput") || metric == "throughput_total") {
    all = output + rates.input;
  }
  if (metric == "request_throughput") return rates.requests;
  if (all <= 0) return std::nullopt;
  constexpr double kNode = 8;
  if (metric.ends_with("per_gpu") || metric.ends_with("per_card")) return all / chips;
  if (metric.find("per_node") != std::string::npos) return all / chips * kNode;
  return all;
}

/// What runs draw and cost.
class Bills {
 public:
  Bills(const InferenceQuestion& question, const topology::Cluster& cluster,
        const topology::Catalogue& catalogue)
      : question_(question), cluster_(cluster) {
    Diagnostics unread;
    curve_ =
        power::power_curve(cluster.accelerator(), catalogue.power(question.accelerator), unread);
    site_ = power::build_site(pb::Site(), {cluster, curve_, catalogue, ""}, SourceMap{}, unread)
                .value_or(power::SiteModel{});
  }

  std::variant<double, std::string> figure(const std::string& metric, const Outcome& outcome,
                                           const Rates& rates) const {
    const double watts = power::mean_power(curve_, outcome.point.activity).si() * question_.chips;
    if (metric == "gpu_power_total") return watts;
    if (metric == "energy_per_output_token") return watts / rates.output;
    if (metric == "system_wall_power") {
      return question_.chips *
             power::node_power(site_, Watts::from_si(watts / question_.chips)).si();
    }
    const double total = rates.output + rates.input;
    if (metric == "total_throughput_per_MW") {
      const topology::Accelerator& chip = cluster_.accelerator();
      return total / question_.chips / (chip.tdp.value + cluster_.host_power()).in(units::MW);
    }
    const double price =
        question_.price ? *question_.price / 3600 : cluster_.accelerator().rental.value.si();
    if (!(price > 0)) return "nothing says what the chip costs";
    const double dollars = price * question_.chips * 1e6;
    if (metric == "cost_per_million_output_tokens") return dollars / rates.output;
    if (metric == "cost_per_million_total_tokens") return dollars / total;
    return fmt::format("the metric '{}' is not known", metric);
  }

 private:
  const InferenceQuestion& question_;
  const topology::Cluster& cluster_;
  power::PowerCurve curve_;
  power::SiteModel site_;
};

bool is_bill(const std::string& metric) {
  return metric.starts_with("cost") || metric.starts_with("energy") || metric.ends_with("power") ||
         metric == "gpu_power_total" || metric == "total_throughput_per_MW";
}

/// What a figure needs beside the outcome.
struct Ground {
  const topology::Cluster& cluster;
  const topology::Catalogue& catalogue;
  const StepTimes& times;
};

std::variant<double, std::string> figure_of(const InferenceRow& row,
                                            const InferenceQuestion& question,
                                            const Outcome& outcome, const Ground& ground) {
  const auto& [cluster, catalogue, times] = ground;
  const Rates rates = rates_of(question, outcome);
  if (is_bill(row.metric)) {
    return Bills(question, cluster, catalogue).figure(row.metric, outcome, rates);
  }
  if (row.metric == "output_speed_per_user") {
    return question.tokens_per_pass / outcome.point.gap_mean.si();
  }
  const Seconds transfer =
      question.disaggregated ? transfer_of(times, cluster, question.lengths) : Seconds{};
  if (row.metric == "kv_transfer_bandwidth" && question.disaggregated) {
    const Bytes cache = times.memory().sequence(question.lengths.prompt);
    return (cache / transfer).in(units::GB / units::s) * question.job.layout.accelerators();
  }
  const auto latency = latency_of(row, outcome, transfer, question.disaggregated);
  if (latency) {
    const bool gap = row.metric.starts_with("tpot") || row.metric.starts_with("itl");
    const Seconds time = gap ? *latency / question.tokens_per_pass : *latency;
    return row.unit == "ms" ? time.in(units::ms) : time.in(units::s);
  }
  const auto throughput = throughput_of(row, question, rates);
  if (throughput) return *throughput;
  return fmt::format("the metric '{}' is not known", row.metric);
}

/// One layout of a question, its machine, and the closed form's answer.
struct Candidate {
  topology::Cluster cluster;
  std::unique_ptr<StepTimes> times;
  InferenceQuestion question;
  Outcome outcome;

  std::string layout() const {
    const workloads::ServingLayout& at = question.job.layout;
    return at.data > 1       ? fmt::format("DP{} EP{}", at.data, at.expert)
           : at.pipeline > 1 ? fmt::format("TP{} PP{}", at.tensor, at.pipeline)
                             : fmt::format("TP{}", at.tensor);
  }
};

/// Requests of one replica that are always there, or arrive per second; nothing where playing them
/// says no more than the closed form, which is of arrivals by chance and a steady state.
std::optional<double> played_users(const Candidate& candidate) {
  const InferenceQuestion& question = candidate.question;
  const InferenceLoad& load = question.load;
  const bool pools = question.workers > 0, finite = load.requests > 0;
  if (question.disaggregated && !pools) return std::nullopt;
  if (load.kind == Kind::open) {
    return pools || finite ? std::optional(load.amount / question.replicas) : std::nullopt;
  }
  if (load.kind != Kind::closed || (load.endless && !finite)) return std::nullopt;
  const int groups = question.job.layout.data;
  return std::max(1.0, load.endless
                           ? std::floor(most_sequences(*candidate.times, question.lengths) * groups)
                           : std::round(per_group(question) * groups));
}

}  // namespace

struct InferencePredictor::Impl {
  const topology::Catalogue& catalogue;
  std::map<std::string, std::optional<OperatingPoint>> runs;  ///< rows are often of one run

  std::variant<Candidate, std::string> candidate_of(InferenceQuestion question,
                                                    const workloads::ServingLayout& layout) const;
  void play(const InferenceRow& row, Candidate& candidate);
};

std::variant<Candidate, std::string> InferencePredictor::Impl::candidate_of(
    InferenceQuestion question, const workloads::ServingLayout& layout) const {
  question.job.layout = layout;
  const int replica = layout.accelerators();
  const int workers = question.prompt_workers + question.workers;
  const int least = replica * (workers > 0                                            ? workers
                               : question.disaggregated && question.stated_chips == 0 ? 2
                                                                                      : 1);
  question.chips = std::max(question.stated_chips, least);
  question.replicas = question.disaggregated ? 1 : std::max(1, question.chips / replica);
  auto built = machine_of(question, catalogue);
  if (auto* reason = std::get_if<std::string>(&built)) return std::move(*reason);
  Candidate candidate{
      std::move(std::get<topology::Cluster>(built)), nullptr, std::move(question), {}};
  return candidate;
}

/// The same request by request, where that says more.
void InferencePredictor::Impl::play(const InferenceRow& row, Candidate& candidate) {
  const auto users = played_users(candidate);
  if (!users) return;
  const InferenceQuestion& question = candidate.question;
  const workloads::ServingLayout& layout = question.job.layout;
  const RequestLengths& lengths = question.lengths;
  const std::string key = fmt::format(
      "{}", fmt::join(
                std::vector<std::string>{
                    row.model, row.chip, row.precision, row.engine, candidate.layout(),
                    fmt::format("{}", layout.two_batches), fmt::format("{}", lengths.prompt),
                    fmt::format("{}", lengths.output), fmt::format("{}", lengths.cached),
                    fmt::format("{}", *users), fmt::format("{}", question.load.requests),
                    fmt::format("{}", question.host.sequences),
                    fmt::format("{}", question.host.limits.step_tokens),
                    fmt::format("{}", question.cache_tokens.value_or(0)),
                    fmt::format("{}P{}D", question.prompt_workers, question.workers)},
                "|"));
  auto known = runs.find(key);
  if (known == runs.end()) {
    known = runs.emplace(key, played_load(question, *users, candidate.outcome.point,
                                          candidate.cluster, catalogue))
                .first;
  }
  if (!known->second) return;
  candidate.outcome.point = *known->second;
  candidate.outcome.played = true;
}

InferencePredictor::InferencePredictor(const topology::Catalogue& catalogue)
    : impl_(std::make_unique<Impl>(Impl{catalogue, {}})) {}

InferencePredictor::~InferencePredictor() = default;

std::variant<InferenceAnswer, std::string> InferencePredictor::predict(const InferenceRow& row,
                                                                       InferenceQuestion question) {
  if (question.cache_tokens) question.host.limits.cache_tokens = *question.cache_tokens;
  std::string refused;
  std::unique_ptr<Candidate> best;
  double best_served = 0;
  // Of layouts that the row leaves open, the one that serves most with an accelerator.
  for (const workloads::ServingLayout& each : question.layouts) {
    auto made = impl_->candidate_of(question, each);
    if (auto* reason = std::get_if<std::string>(&made)) return std::move(*reason);
    auto candidate = std::make_unique<Candidate>(std::move(std::get<Candidate>(made)));
    InferenceQuestion& asked = candidate->question;
    asked.job.model = &asked.model;
    candidate->times =
        std::make_unique<StepTimes>(asked.job, candidate->cluster, impl_->catalogue, asked.host);
    const StepTimes& times = *candidate->times;
    const double held = most_sequences(times, asked.lengths);
    if (held < 1) {
      const auto memory = times.memory();
      refused = "does not fit: " +
                (memory.fits() ? "the cache holds no whole sequence" : memory.misfit());
      continue;
    }
    candidate->outcome = outcome_of(times, asked);
    add_queue(asked, candidate->outcome.point, held);
    const double served = rates_of(asked, candidate->outcome).requests / asked.chips;
    if (served <= 0) refused = "no layout is so fast, even for one request at a time";
    if (served <= best_served) continue;
    best = std::move(candidate);
    best_served = served;
  }
  if (!best) return refused;
  impl_->play(row, *best);
  const auto figure = figure_of(row, best->question, best->outcome,
                                Ground{best->cluster, impl_->catalogue, *best->times});
  if (const auto* reason = std::get_if<std::string>(&figure)) return *reason;
  if (question.layouts.size() > 1) question.assumed.push_back(best->layout());
  return InferenceAnswer{std::get<double>(figure),
                         fmt::format("{}", fmt::join(question.assumed, "; "))};
}

}  // namespace aisle::sim
