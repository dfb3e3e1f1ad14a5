// SPDX-License-Identifier: Apache-2.0
#include "sim/study/campaign_terms.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "sim/base/random.hpp"
#include "sim/base/statistics.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace aisle::sim {

namespace {

/// A run of which less than this trains never ends, for any purpose.
constexpr double kLeastGoodput = 1e-3;
constexpr int kMostDraws = 100'000;

class TermsReader {
 public:
  TermsReader(const pb::Campaign& campaign, const SourceMap& places, Diagnostics& diagnostics)
      : campaign_(campaign), places_(places), diagnostics_(diagnostics) {}

  CampaignTerms read(int accelerators) {
    if (positive("accelerators_per_node", campaign_.accelerators_per_node())) {
      const int per_node = campaign_.accelerators_per_node();
      terms_.nodes = (accelerators + per_node - 1) / per_node;
    }
    if (campaign_.has_data()) read_data();
    if (campaign_.has_checkpoint()) read_checkpoint();
    if (campaign_.has_evaluation()) read_evaluation();
    if (campaign_.has_failures()) read_failures(accelerators);
    if (terms_.checkpoint.given && terms_.checkpoint.interval.si() <= 0 &&
        terms_.between_failures.si() <= 0) {
      error("checkpoint.interval", "is missing, and without failures no interval is best",
            "for example interval: \"30 min\"");
    }
    return terms_;
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "workload.training.campaign." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  bool positive(const std::string& field, int value) {
    if (value > 0) return true;
    error(field, fmt::format("must be at least 1, is {}", value), "");
    return false;
  }

  /// 0 where the text is empty or wrong; a given quantity is above 0.
  template <typename Q>
  Q quantity(const std::string& field, const std::string& text) {
    if (text.empty()) return {};
    const std::string path = "workload.training.campaign." + field;
    const auto value = parse_quantity<Q>(text, places_.find(path), path, diagnostics_);
    if (value && value->si() <= 0) error(field, "must be above 0", "leave it out");
    return value.value_or(Q{});
  }

  /// What all nodes together reach, by the storage and by their own links to it.
  BytesPerSecond rate(const std::string& message, const std::string& per_node,
                      const std::string& all) {
    const auto own = quantity<BytesPerSecond>(message + ".bandwidth_per_node", per_node);
    const auto whole = quantity<BytesPerSecond>(message + ".bandwidth", all);
    if (own.si() <= 0) return whole;
    return whole.si() > 0 ? std::min(whole, terms_.nodes * own) : terms_.nodes * own;
  }

  void read_data() {
    const pb::DataLoading& data = campaign_.data();
    terms_.data.sample = quantity<Bytes>("data.bytes_per_sample", data.bytes_per_sample());
    terms_.data.rate = rate("data", data.bandwidth_per_node(), data.bandwidth());
    terms_.data.preparation = quantity<Seconds>("data.time_per_sample", data.time_per_sample());
    if (positive("data.workers_per_node", data.workers_per_node())) {
      terms_.data.workers = static_cast<double>(terms_.nodes) * data.workers_per_node();
    }
    terms_.data.ahead = data.ahead();
    if (!data.has_bytes_per_sample() || terms_.data.rate.si() > 0) return;
    error("data.bandwidth", "is missing: nothing says how fast samples are read",
          "bandwidth_per_node: \"5 GB/s\", or bandwidth of all nodes together");
  }

  void read_checkpoint() {
    const pb::Checkpoints& checkpoint = campaign_.checkpoint();
    terms_.checkpoint.given = true;
    terms_.checkpoint.asynchronous = checkpoint.asynchronous();
    terms_.checkpoint.interval = quantity<Seconds>("checkpoint.interval", checkpoint.interval());
    terms_.checkpoint.rate =
        rate("checkpoint", checkpoint.bandwidth_per_node(), checkpoint.bandwidth());
    terms_.checkpoint.host =
        quantity<BytesPerSecond>("checkpoint.host_bandwidth", checkpoint.host_bandwidth());
    if (checkpoint.has_bandwidth() || checkpoint.has_bandwidth_per_node()) return;
    error("checkpoint.bandwidth", "is missing: nothing says how fast storage is",
          "bandwidth_per_node: \"5 GB/s\", or bandwidth of all nodes together");
  }

  void read_evaluation() {
    const pb::Evaluations& evaluation = campaign_.evaluation();
    terms_.evaluation = {evaluation.every_steps(), evaluation.sequences()};
    positive("evaluation.every_steps", evaluation.every_steps());
    positive("evaluation.sequences", evaluation.sequences());
  }

  void read_failures(int accelerators) {
    const pb::Failures& failures = campaign_.failures();
    terms_.restart = quantity<Seconds>("failures.restart", failures.restart());
    terms_.failures.draws = failures.draws();
    terms_.failures.spares = failures.spare_nodes();
    if (failures.draws() < 0 || failures.draws() > kMostDraws) {
      error("failures.draws", fmt::format("{} runs cannot be drawn", failures.draws()),
            fmt::format("0 to {}; 200 tell the tenth and the ninetieth percentile", kMostDraws));
    }
    if (failures.spare_nodes() < 0) error("failures.spare_nodes", "must be at least 0", "");
    if (failures.has_mean_time_per_accelerator() == (failures.class__size() > 0)) {
      error("failures.mean_time_per_accelerator",
            "name one mean time for all causes, or classes with one each",
            "\"50700 h\" is what a run on 16,384 H100 had");
      return;
    }
    for (int i = 0; i < failures.class__size(); ++i) read_class(i, accelerators);
    if (failures.has_mean_time_per_accelerator()) {
      terms_.between_failures = quantity<Seconds>("failures.mean_time_per_accelerator",
                                                  failures.mean_time_per_accelerator()) /
                                accelerators;
      terms_.failures.classes = {
          {"any", terms_.between_failures, Seconds{}, terms_.restart, Seconds{}}};
      return;
    }
    // The closed form has one cause, with the mean restart.
    double rate = 0, down = 0;
    for (const power::FailureClass& each : terms_.failures.classes) {
      if (each.between.si() <= 0) return;  // told already
      if (each.stall.si() > 0) continue;
      rate += 1 / each.between.si();
      down += (each.detection + each.restart) / each.between;
    }
    if (rate <= 0) return;  // nothing stops the job
    terms_.between_failures = Seconds::from_si(1 / rate);
    terms_.restart = Seconds::from_si(down / rate);
  }

  void read_class(int i, int accelerators) {
    const pb::FailureClass& each = campaign_.failures().class_(i);
    const std::string field = fmt::format("failures.class[{}]", i);
    power::FailureClass read;
    read.name = each.has_name() ? each.name() : fmt::format("cause {}", i + 1);
    if (!each.has_mean_time()) error(field + ".mean_time", "is missing", "\"50700 h\"");
    read.between = quantity<Seconds>(field + ".mean_time", each.mean_time());
    if (each.of() == pb::each_accelerator) read.between /= accelerators;
    if (each.of() == pb::each_node) read.between /= terms_.nodes;
    read.detection = quantity<Seconds>(field + ".detection", each.detection());
    read.restart =
        each.has_restart() ? quantity<Seconds>(field + ".restart", each.restart()) : terms_.restart;
    read.repair = quantity<Seconds>(field + ".repair", each.repair());
    if (each.has_stall() || each.planned()) read_stall(i, read);
    terms_.failures.classes.push_back(std::move(read));
  }

  /// What stops the job without a loss.
  void read_stall(int i, power::FailureClass& read) {
    const pb::FailureClass& each = campaign_.failures().class_(i);
    const std::string field = fmt::format("failures.class[{}].stall", i);
    const bool stops = each.has_detection() || each.has_restart() || each.has_repair();
    if (each.has_stall() && (stops || each.planned())) {
      error(field, "a job that is only held up needs neither restart nor repair",
            "stall alone, or planned with detection, restart and repair");
    }
    read.stall = each.has_stall() ? quantity<Seconds>(field, each.stall())
                                  : read.detection + read.restart + read.repair;
    read.detection = read.restart = read.repair = Seconds();
    if (each.planned()) terms_.failures.planned.push_back(terms_.failures.classes.size());
  }

  const pb::Campaign& campaign_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  CampaignTerms terms_;
};

Bytes checkpoint_of(const CampaignRun& run) {
  return run.trained * run.state_bytes * units::B;
}

}  // namespace

Seconds write_time(const CampaignTerms& terms, const CampaignRun& run) {
  return terms.checkpoint.given ? checkpoint_of(run) / terms.checkpoint.rate : Seconds{};
}

std::optional<CampaignTerms> read_campaign(const pb::Training& training, int accelerators,
                                           const SourceMap& places, Diagnostics& diagnostics) {
  if (!training.has_campaign()) return std::nullopt;
  const std::string path = "workload.training.campaign";
  if (training.has_chunk() || training.passes() == pb::forward_only) {
    diagnostics.error(places.find(path), path, "a campaign is made of whole optimizer steps",
                      "leave chunk and passes out");
  }
  return TermsReader(training.campaign(), places, diagnostics).read(accelerators);
}

namespace {

/// With writing and reading of checkpoints in them.
std::vector<power::FailureClass> classes_of(const CampaignTerms& terms,
                                            const CampaignInput& input) {
  std::vector<power::FailureClass> classes = terms.failures.classes;
  for (power::FailureClass& each : classes) {
    if (each.stall.si() <= 0) each.restart += input.write;
  }
  for (const std::size_t planned : terms.failures.planned) {
    classes[planned].stall += input.write + input.write;
  }
  return classes;
}

CampaignInput input_of(const CampaignTerms& terms, const CampaignRun& run) {
  CampaignInput input;
  input.steps = run.steps;
  input.step = run.step + run.teacher;
  const Bytes read = run.samples * terms.data.sample + run.predictions;
  if (terms.data.rate.si() > 0) input.loading = read / terms.data.rate;
  input.loading =
      std::max(input.loading, run.samples * terms.data.preparation / terms.data.workers);
  input.ahead = terms.data.ahead;
  if (terms.evaluation.every_steps > 0) {
    input.evaluations = std::floor(run.steps / terms.evaluation.every_steps);
    input.evaluation = run.evaluation;
  }
  if (terms.checkpoint.given) {
    input.checkpoint = checkpoint_of(run);
    input.write = write_time(terms, run);
    input.stall = terms.checkpoint.asynchronous
                      ? input.checkpoint / run.accelerators / terms.checkpoint.host
                      : input.write;
    input.stall = std::min(input.stall, input.write);
    input.interval = terms.checkpoint.interval;
  }
  input.between_failures = terms.between_failures;
  input.restart = terms.restart + input.write;  // what was written is read again
  for (const power::FailureClass& each : classes_of(terms, input)) {
    input.stalled += each.stall / each.between;
  }
  return input;
}

}  // namespace

Campaign campaign_of(const CampaignTerms& terms, const CampaignRun& run) {
  Campaign campaign = run_campaign(input_of(terms, run));
  // The teacher's time is work like any other, of which failures lose their share.
  campaign.teacher = run.steps * run.teacher + run.teacher_before;
  campaign.training -= run.steps * run.teacher;
  return campaign;
}

std::vector<power::RunDraw> drawn_runs(const CampaignTerms& terms, const CampaignRun& run,
                                       std::uint64_t seed) {
  const CampaignInput input = input_of(terms, run);
  const Campaign expected = run_campaign(input);
  power::RunModel model;
  model.work = expected.training + expected.data + expected.evaluation;
  model.interval = expected.interval.si() > 0 ? expected.interval : model.work;
  model.stall = expected.interval.si() > 0 ? input.stall : Seconds{};
  model.write = input.write;
  model.spares = terms.failures.spares;
  model.classes = classes_of(terms, input);
  std::vector<power::RunDraw> draws;
  for (int i = 0; i < terms.failures.draws; ++i) {
    Random random(seed, fmt::format("run {}", i));
    draws.push_back(power::draw_run(model, random, model.work / kLeastGoodput));
  }
  std::sort(draws.begin(), draws.end(),
            [](const auto& a, const auto& b) { return a.whole < b.whole; });
  return draws;
}

void add_drawn_runs(const CampaignTerms& terms, const std::vector<power::RunDraw>& draws,
                    pb::Result& result) {
  if (draws.empty()) return;
  const Basis basis = Basis::assumed;
  std::vector<double> days, goodput;
  for (const power::RunDraw& draw : draws) {
    days.push_back(draw.whole.in(units::day));
    goodput.push_back(draw.goodput());
  }
  std::sort(goodput.begin(), goodput.end());
  for (const int percent : {10, 50, 90}) {
    const double share = percent / 100.0;
    add_metric(result, fmt::format("run_time_p{}_days", percent), quantile(days, share), basis);
    add_metric(result, fmt::format("goodput_p{}", percent), quantile(goodput, share), basis);
  }
  for (std::size_t c = 0; c < terms.failures.classes.size(); ++c) {
    std::vector<double> counts;
    for (const power::RunDraw& draw : draws) {
      counts.push_back(static_cast<double>(draw.failures[c]));
    }
    std::sort(counts.begin(), counts.end());
    pb::Interruptions& entry = *result.add_interruption();
    entry.set_name(terms.failures.classes[c].name);
    entry.set_mean(std::accumulate(counts.begin(), counts.end(), 0.0) /
                   static_cast<double>(counts.size()));
    entry.set_low(quantile(counts, 0.05));
    entry.set_high(quantile(counts, 0.95));
  }
}

void add_campaign(const CampaignTerms& terms, const CampaignRun& run, const Campaign& campaign,
                  pb::Result& result) {
  if (!std::isfinite(campaign.whole().si()) || campaign.goodput() < kLeastGoodput) {
    result.add_caveat(fmt::format(
        "The run never ends: with a failure every {:.2g} h, stretches of {:.2g} h between "
        "checkpoints are hardly ever finished; checkpoint more often.",
        terms.between_failures.in(units::hour),
        (campaign.interval.si() > 0 ? campaign.interval : campaign.training).in(units::hour)));
    return;
  }
  const auto part = [&](const char* name, Seconds time) {
    if (time.si() == 0) return;
    pb::Part& entry = *result.add_campaign();
    entry.set_name(name);
    entry.set_seconds(time.si());
  };
  part("training", campaign.training);
  part("teacher", campaign.teacher);
  part("data", campaign.data);
  part("evaluation", campaign.evaluation);
  part("checkpoints", campaign.checkpoint);
  part("lost work", campaign.lost);
  part("restarts", campaign.restart);
  part("stalls and maintenance", campaign.stalled);
  const Basis basis = Basis::assumed;
  add_metric(result, "goodput", campaign.goodput(), basis);
  if (terms.between_failures.si() > 0) {
    add_metric(result, "run_failures", campaign.failures, basis);
    add_metric(result, "time_between_failures_s", terms.between_failures.si(), basis);
  }
  if (!terms.checkpoint.given) return;
  add_metric(result, "checkpoint_bytes", checkpoint_of(run).in(units::B), basis);
  add_metric(result, "checkpoint_write_s", write_time(terms, run).si(), basis);
  add_metric(result, "checkpoint_stall_s", (campaign.checkpoint / campaign.checkpoints).si(),
             basis);
  add_metric(result, "checkpoint_interval_s", campaign.interval.si(), basis);
  if (campaign.best_interval.si() > 0) {
    add_metric(result, "checkpoint_best_interval_s", campaign.best_interval.si(), basis);
  }
}

}  // namespace aisle::sim
