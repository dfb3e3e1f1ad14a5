// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flows.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/engine/water_filling.hpp"

#include <queue>

#include <algorithm>
#include <functional>
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
        progress_(traffic.flows.size()) {
    result_.end_s.resize(traffic.flows.size(), 0);
    result_.held_by.resize(traffic.flows.size(), -1);
    result_.job_end_s.resize(jobs_.size(), 0);
    result_.busiest_share.resize(traffic.links.size(), 0);
  }

  FlowExecution run() {
    for (std::size_t j = 0; j < jobs_.size(); ++j) enter_phase(j);
    while (!starts_.empty() || !rates_.running().empty()) {
      start_what_is_due();
      rates_.solve();
      watch_links();
      take_rates();
      advance();
    }
    result_.bytes_on_link = bytes_on_links(traffic_);
    return std::move(result_);
  }

 private:
  using Moment = std::pair<double, std::int32_t>;  ///< time, flow

  /// A running flow since its rate last changed.
  struct Progress {
    double left = 0;  ///< bytes
    double since = 0;
    double rate = 0;
    double end = -1;  ///< if the rate stays; -1: does not run
    double held = 0;  ///< longest stretch under one holder
    std::int32_t holder = -1;
  };

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
      Progress& progress = progress_[index(flow)];
      progress.left = traffic_.flows[index(flow)].volume.si();
      progress.since = now_;
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

  void take_rates() {
    const std::size_t before = ends_.size();
    for (const std::int32_t flow : rates_.solved()) {
      Progress& progress = progress_[index(flow)];
      const double rate = rates_.rate(flow);
      const std::int32_t holder = rates_.held_by(flow);
      const bool starts = progress.end < 0;
      if (!starts && rate == progress.rate && holder == progress.holder) continue;
      if (!starts) settle(flow);
      progress.rate = rate;
      progress.holder = holder;
      progress.end = progress.left <= 0 ? now_ : now_ + progress.left / rate;
      ends_.emplace_back(progress.end, flow);
    }
    order_ends(before);
  }

  /// Makes a heap of the ends again, of which those from `from` on are new: one by one, or all at
  /// once, without those that are out of date, where they are many.
  void order_ends(std::size_t from) {
    constexpr std::size_t kMany = 8;
    const std::size_t running = rates_.running().size();
    if (ends_.size() > 2 * running + kMany || (ends_.size() - from) * kMany > running) {
      ends_.clear();
      for (const std::int32_t flow : rates_.running()) {
        ends_.emplace_back(progress_[index(flow)].end, flow);
      }
      std::make_heap(ends_.begin(), ends_.end(), std::greater<>{});
      return;
    }
    for (std::size_t i = from + 1; i <= ends_.size(); ++i) {
      std::push_heap(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(i),
                     std::greater<>{});
    }
  }

  /// Accounts for the time since the flow's rate last changed.
  void settle(std::int32_t flow) {
    Progress& progress = progress_[index(flow)];
    const double during = now_ - progress.since;
    if (during > progress.held) {
      progress.held = during;
      result_.held_by[index(flow)] = progress.holder;
    }
    progress.left -= progress.rate * during;
    progress.since = now_;
  }

  /// The next end; drops ends that are out of date.
  double next_end() {
    while (!ends_.empty() && progress_[index(ends_.front().second)].end != ends_.front().first) {
      pop_end();
    }
    return ends_.empty() ? std::numeric_limits<double>::infinity() : ends_.front().first;
  }

  void pop_end() {
    std::pop_heap(ends_.begin(), ends_.end(), std::greater<>{});
    ends_.pop_back();
  }

  /// To the next moment at which something starts or ends; all that end then do.
  void advance() {
    double next = starts_.empty() ? std::numeric_limits<double>::infinity() : starts_.top().first;
    next = std::min(next, next_end());
    AISLE_ASSERT(next < std::numeric_limits<double>::infinity(), "some flow moves");
    // Ends of equal flows differ by rounding; they are one moment.
    constexpr double kRounding = 1e-12;
    const double moment = next + kRounding * next;
    now_ = next;
    while (next_end() <= moment) {
      const std::int32_t flow = ends_.front().second;
      pop_end();
      end(flow);
    }
  }

  void end(std::int32_t flow) {
    settle(flow);
    progress_[index(flow)].end = -1;
    rates_.end(flow);
    result_.end_s[index(flow)] = now_;
    const auto job = index(traffic_.flows[index(flow)].job);
    if (--jobs_[job][current_[job]].left > 0) return;
    ++current_[job];
    enter_phase(job);
  }

  const Traffic& traffic_;
  WaterFilling rates_;
  std::vector<std::vector<Phase>> jobs_;
  std::vector<std::size_t> current_;  // [jobs] phase that runs
  std::vector<Progress> progress_;    // [flows]
  std::priority_queue<Moment, std::vector<Moment>, std::greater<>> starts_;
  std::vector<Moment> ends_;  // heap, earliest first; out of date where Progress::end differs
  double now_ = 0;
  FlowExecution result_;
};

}  // namespace

std::vector<double> bytes_on_links(const Traffic& traffic) {
  std::vector<double> bytes(traffic.links.size(), 0);
  for (const Traffic::Flow& flow : traffic.flows) {
    for (const Traffic::Draw& draw : traffic.draws_of(flow)) {
      bytes[index(draw.link)] += flow.volume.si() * draw.weight;
    }
  }
  return bytes;
}

FlowExecution execute(const Traffic& traffic) {
  return FlowEngine(traffic).run();
}

std::vector<Seconds> bound(const Traffic& traffic) {
  std::vector<double> work(traffic.links.size(), 0);  // seconds that each link is asked for
  const auto add = [&](const Phase& phase, double sign) {
    for (const std::int32_t f : phase.flows) {
      const Traffic::Flow& flow = traffic.flows[index(f)];
      for (const Traffic::Draw& draw : traffic.draws_of(flow)) {
        const Traffic::Link& link = traffic.links[index(draw.link)];
        work[index(draw.link)] += sign * draw.weight * (flow.volume / link.capacity).si();
      }
    }
  };
  const std::vector<std::vector<Phase>> jobs = phases_of(traffic);
  for (const std::vector<Phase>& phases : jobs) {
    for (const Phase& phase : phases) add(phase, 1);
  }
  std::vector<Seconds> ends(jobs.size());
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    // What the other jobs ask for stays; of its own phases each stands alone.
    for (const Phase& phase : jobs[j]) add(phase, -1);
    for (const Phase& phase : jobs[j]) {
      add(phase, 1);
      double longest = 0;
      for (const std::int32_t f : phase.flows) {
        const Traffic::Flow& flow = traffic.flows[index(f)];
        double streaming = (flow.volume / flow.limit).si();
        for (const Traffic::Draw& draw : traffic.draws_of(flow)) {
          streaming = std::max(streaming, work[index(draw.link)]);
        }
        longest = std::max(longest, flow.start.si() + streaming);
      }
      ends[j] += Seconds::from_si(longest);
      add(phase, -1);
    }
    for (const Phase& phase : jobs[j]) add(phase, 1);
  }
  return ends;
}

}  // namespace aisle::sim
