// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flows.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/engine/water_filling.hpp"

#include <queue>

#include <algorithm>
#include <limits>
#include <utility>

namespace aisle::sim {

namespace {

using workloads::Traffic;

std::size_t index(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

/// Flows of one phase of one job.
struct Phase {
  std::vector<std::int32_t> flows;
  std::size_t left = 0;  ///< that have not ended
};

/// Phases of each job in order, without the empty ones.
std::vector<std::vector<Phase>> phases_of(const Traffic& traffic) {
  std::vector<std::vector<Phase>> jobs;
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    const Traffic::Flow& flow = traffic.flows[f];
    if (index(flow.job) >= jobs.size()) jobs.resize(index(flow.job) + 1);
    std::vector<Phase>& phases = jobs[index(flow.job)];
    if (index(flow.phase) >= phases.size()) phases.resize(index(flow.phase) + 1);
    phases[index(flow.phase)].flows.push_back(static_cast<std::int32_t>(f));
    ++phases[index(flow.phase)].left;
  }
  for (std::vector<Phase>& phases : jobs) {
    std::erase_if(phases, [](const Phase& phase) { return phase.flows.empty(); });
  }
  return jobs;
}

class FlowEngine {
 public:
  explicit FlowEngine(const Traffic& traffic)
      : traffic_(traffic),
        rates_(traffic),
        jobs_(phases_of(traffic)),
        current_(jobs_.size(), 0),
        left_(traffic.flows.size(), 0),
        held_s_(traffic.flows.size(), 0) {
    result_.end_s.resize(traffic.flows.size(), 0);
    result_.held_by.resize(traffic.flows.size(), -1);
    result_.job_end_s.resize(jobs_.size(), 0);
    result_.bytes_on_link.resize(traffic.links.size(), 0);
    result_.busiest_share.resize(traffic.links.size(), 0);
  }

  FlowExecution run() {
    for (std::size_t j = 0; j < jobs_.size(); ++j) enter_phase(j);
    while (!starts_.empty() || !rates_.running().empty()) {
      ++result_.events;
      start_what_is_due();
      rates_.solve();
      watch_links();
      advance();
    }
    account_bytes();
    return std::move(result_);
  }

 private:
  using Start = std::pair<double, std::int32_t>;

  void enter_phase(std::size_t job) {
    if (current_[job] == jobs_[job].size()) {
      result_.job_end_s[job] = now_;
      return;
    }
    for (const std::int32_t flow : jobs_[job][current_[job]].flows) {
      starts_.emplace(now_ + traffic_.flows[index(flow)].start.si(), flow);
    }
  }

  void start_what_is_due() {
    while (!starts_.empty() && starts_.top().first <= now_) {
      const std::int32_t flow = starts_.top().second;
      starts_.pop();
      left_[index(flow)] = traffic_.flows[index(flow)].volume.si();
      rates_.start(flow);
    }
  }

  void watch_links() {
    for (const std::int32_t link : rates_.touched()) {
      const double capacity = traffic_.links[index(link)].capacity.si();
      const double share = 1 - std::max(0.0, rates_.left(link)) / capacity;
      double& busiest = result_.busiest_share[index(link)];
      busiest = std::max(busiest, share);
    }
  }

  /// To the next moment at which something starts or ends; all that end then do.
  void advance() {
    double next = starts_.empty() ? std::numeric_limits<double>::infinity() : starts_.top().first;
    for (const std::int32_t flow : rates_.running()) next = std::min(next, predicted_end(flow));
    AISLE_ASSERT(next < std::numeric_limits<double>::infinity(), "some flow moves");
    // Ends of equal flows differ by rounding; they are one moment.
    constexpr double kRounding = 1e-12;
    const double moment = next + kRounding * next;
    std::vector<std::int32_t> ended;
    for (const std::int32_t flow : rates_.running()) {
      if (predicted_end(flow) <= moment) ended.push_back(flow);
      note_holder(flow, next - now_);
      left_[index(flow)] -= rates_.rate(flow) * (next - now_);
    }
    now_ = next;
    for (const std::int32_t flow : ended) end(flow);
  }

  double predicted_end(std::int32_t flow) const {
    const double left = left_[index(flow)];
    return left <= 0 ? now_ : now_ + left / rates_.rate(flow);
  }

  void note_holder(std::int32_t flow, double during) {
    if (during <= held_s_[index(flow)]) return;
    held_s_[index(flow)] = during;
    result_.held_by[index(flow)] = rates_.held_by(flow);
  }

  void end(std::int32_t flow) {
    rates_.end(flow);
    result_.end_s[index(flow)] = now_;
    const auto job = index(traffic_.flows[index(flow)].job);
    if (--jobs_[job][current_[job]].left > 0) return;
    ++current_[job];
    enter_phase(job);
  }

  void account_bytes() {
    for (const Traffic::Flow& flow : traffic_.flows) {
      for (const Traffic::Draw& draw : traffic_.draws_of(flow)) {
        result_.bytes_on_link[index(draw.link)] += flow.volume.si() * draw.weight;
      }
    }
  }

  const Traffic& traffic_;
  WaterFilling rates_;
  std::vector<std::vector<Phase>> jobs_;
  std::vector<std::size_t> current_;  // [jobs] phase that runs
  std::vector<double> left_;          // [flows] bytes
  std::vector<double> held_s_;        // [flows] longest stretch under one holder
  std::priority_queue<Start, std::vector<Start>, std::greater<>> starts_;
  double now_ = 0;
  FlowExecution result_;
};

}  // namespace

FlowExecution execute(const Traffic& traffic) {
  return FlowEngine(traffic).run();
}

std::vector<Seconds> bound(const Traffic& traffic) {
  // Work that each job alone leaves on each link, and all of them.
  std::vector<double> total(traffic.links.size(), 0);
  for (const Traffic::Flow& flow : traffic.flows) {
    for (const Traffic::Draw& draw : traffic.draws_of(flow)) {
      total[index(draw.link)] +=
          flow.volume.si() * draw.weight / traffic.links[index(draw.link)].capacity.si();
    }
  }
  std::vector<std::vector<Phase>> jobs = phases_of(traffic);
  std::vector<double> own(traffic.links.size(), 0);
  std::vector<double> all_phases(traffic.links.size(), 0);
  std::vector<Seconds> ends(jobs.size());
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto add = [&](const Phase& phase, std::vector<double>& work) {
      for (const std::int32_t f : phase.flows) {
        const Traffic::Flow& flow = traffic.flows[index(f)];
        for (const Traffic::Draw& draw : traffic.draws_of(flow)) {
          work[index(draw.link)] +=
              flow.volume.si() * draw.weight / traffic.links[index(draw.link)].capacity.si();
        }
      }
    };
    const auto clear = [&](const Phase& phase, std::vector<double>& work) {
      for (const std::int32_t f : phase.flows) {
        for (const Traffic::Draw& draw : traffic.draws_of(traffic.flows[index(f)])) {
          work[index(draw.link)] = 0;
        }
      }
    };
    for (const Phase& phase : jobs[j]) add(phase, all_phases);
    for (const Phase& phase : jobs[j]) {
      add(phase, own);
      double longest = 0;
      for (const std::int32_t f : phase.flows) {
        const Traffic::Flow& flow = traffic.flows[index(f)];
        double streaming =
            flow.volume / flow.limit < Seconds{} ? 0 : (flow.volume / flow.limit).si();
        for (const Traffic::Draw& draw : traffic.draws_of(flow)) {
          const auto l = index(draw.link);
          streaming = std::max(streaming, own[l] + total[l] - all_phases[l]);
        }
        longest = std::max(longest, flow.start.si() + streaming);
      }
      ends[j] += Seconds::from_si(longest);
      clear(phase, own);
    }
    for (const Phase& phase : jobs[j]) clear(phase, all_phases);
  }
  return ends;
}

}  // namespace aisle::sim
