// SPDX-License-Identifier: Apache-2.0
#include "sim/study/draw.hpp"

#include <algorithm>
#include <array>

namespace aisle::sim {

namespace {

using workloads::Operation;
using workloads::Stream;

/// What one execution of a work is on one of its places.
power::Activity activity_of(const TimedWork& work, Stream stream) {
  power::Activity activity;
  activity.flops = work.flops_by_precision;
  activity.hbm = work.hbm_bytes;
  activity.die_to_die = work.die_to_die_bytes;
  activity.clocked = Seconds::from_si(work.binding.tensor_s);
  // A message is one work with two places: half of its traffic is the sender's, half the
  // receiver's.
  const double share = stream == Stream::send || stream == Stream::receive ? 0.5 : 1.0;
  activity.scale_up = share * work.scale_up_bytes;
  activity.nic = share * work.scale_out_bytes;
  return activity;
}

/// One operation on a rank.
struct Span {
  double start, end, watts;
  bool computes;
};

struct Edge {
  double time, watts;
  int computing, communicating;
};

std::vector<std::vector<Span>> spans_by_rank(const TimedPlan& timed, const Execution& execution,
                                             const std::vector<RankPower>& powers,
                                             std::vector<RankDraw>& draws) {
  const workloads::Plan& plan = *timed.plan;
  std::vector<std::vector<Span>> spans(plan.ranks.size());
  for (std::size_t i = 0; i < plan.operations.size(); ++i) {
    const Operation& operation = plan.operations[i];
    const auto at = static_cast<std::size_t>(operation.work);
    const double start = execution.start_s[i], end = execution.end_s[i];
    for (std::int32_t p = 0; p < operation.places; ++p) {
      const workloads::Place place =
          plan.places[static_cast<std::size_t>(operation.first_place + p)];
      const auto rank = static_cast<std::size_t>(place.rank);
      const bool computes = !plan.works[at].is_communication;
      const power::Activity activity = activity_of(timed.works[at], place.stream);
      draws[rank].activity += activity;
      if (end <= start || place.stream == Stream::host || place.stream == Stream::copy) continue;
      const power::PowerCurve& curve = powers[static_cast<std::size_t>(plan.ranks[rank].row)].warm;
      const Joules energy = power::energy_of_work(curve, activity);
      spans[rank].push_back({start, end, energy.si() / (end - start), computes});
    }
  }
  return spans;
}

/// Sweeps over the starts and ends of one rank.
void sweep(const std::vector<Span>& spans, double makespan, const power::PowerCurve& curve,
           RankDraw& draw) {
  std::vector<Edge> edges;
  edges.reserve(2 * spans.size());
  for (const Span& span : spans) {
    const int computing = span.computes ? 1 : 0, other = 1 - computing;
    edges.push_back({span.start, span.watts, computing, other});
    edges.push_back({span.end, -span.watts, -computing, -other});
  }
  std::sort(edges.begin(), edges.end(),
            [](const Edge& a, const Edge& b) { return a.time < b.time; });
  double now = 0, moving = 0;
  int computing = 0, communicating = 0;
  const auto stretch = [&](double end) {
    if (end <= now) return;
    const double state = computing > 0       ? curve.active.si()
                         : communicating > 0 ? curve.waiting.si()
                                             : 0;
    const double needed = curve.idle.si() + state + std::max(0.0, moving);
    const double watts = std::min(curve.limit.si(), std::max(curve.floor.si(), needed));
    draw.start_s.push_back(now);
    draw.watts.push_back(watts);
    if (computing > 0) draw.activity.computing += Seconds::from_si(end - now);
    if (computing == 0 && communicating > 0) draw.activity.waiting += Seconds::from_si(end - now);
    now = end;
  };
  for (const Edge& edge : edges) {
    stretch(edge.time);
    computing += edge.computing;
    communicating += edge.communicating;
    // Sums of many differences: what is left where nothing runs is rounding.
    moving = computing + communicating == 0 ? 0 : moving + edge.watts;
  }
  stretch(makespan);
  draw.activity.duration = Seconds::from_si(makespan);
}

/// The draw where it falls no faster than `rate`; `before`: at the end of the step before. Straight
/// falls become stairs of the same energy.
RankDraw falling(const RankDraw& draw, double rate, double before) {
  constexpr int kStairs = 8;
  RankDraw slow;
  slow.activity = draw.activity;
  const double makespan = draw.activity.duration.si();
  const auto push = [&slow](double start, double watts) {
    slow.start_s.push_back(start);
    slow.watts.push_back(watts);
  };
  for (std::size_t i = 0; i < draw.watts.size(); ++i) {
    const double end = i + 1 < draw.start_s.size() ? draw.start_s[i + 1] : makespan;
    const double target = draw.watts[i];
    double now = draw.start_s[i];
    if (before > target) {
      const double takes = std::min(end - now, (before - target) / rate);
      for (int k = 0; k < kStairs; ++k) {
        push(now + k * takes / kStairs, before - rate * takes * (k + 0.5) / kStairs);
      }
      before -= rate * takes;
      now += takes;
    }
    if (now >= end) continue;
    push(now, target);
    before = target;
  }
  return slow;
}

}  // namespace

std::vector<RankDraw> draws_of(const TimedPlan& timed, const Execution& execution,
                               const std::vector<RankPower>& powers) {
  const std::vector<workloads::Rank>& ranks = timed.plan->ranks;
  std::vector<RankDraw> draws(ranks.size());
  const auto spans = spans_by_rank(timed, execution, powers, draws);
  for (std::size_t r = 0; r < draws.size(); ++r) {
    const auto row = static_cast<std::size_t>(ranks[r].row);
    const power::PowerCurve& curve = powers[row].warm;
    sweep(spans[r], execution.makespan.si(), curve, draws[r]);
    if (curve.fall <= 0 || draws[r].watts.empty()) continue;
    // Steps follow each other: the end of one is before the next.
    const double last = falling(draws[r], curve.fall, draws[r].watts.back()).watts.back();
    draws[r] = falling(draws[r], curve.fall, last);
  }
  return draws;
}

namespace {

/// Calls back with start, end and watts of each stretch.
template <typename Use>
void for_each_stretch(const RankDraw& draw, const Use& use) {
  for (std::size_t i = 0; i < draw.watts.size(); ++i) {
    const double end =
        i + 1 < draw.start_s.size() ? draw.start_s[i + 1] : draw.activity.duration.si();
    use(draw.start_s[i], end, draw.watts[i]);
  }
}

}  // namespace

Watts mean_of(const RankDraw& draw) {
  double energy = 0;
  for_each_stretch(
      draw, [&](double start, double end, double watts) { energy += watts * (end - start); });
  return Joules::from_si(energy) / draw.activity.duration;
}

Watts mean_of(const workloads::Plan& plan, const std::vector<RankDraw>& draws) {
  Watts sum;
  double ranks = 0;
  for (std::size_t r = 0; r < draws.size(); ++r) {
    const auto count = static_cast<double>(plan.ranks[r].multiplicity);
    sum += count * mean_of(draws[r]);
    ranks += count;
  }
  return sum / ranks;
}

power::Activity mean_activity(const workloads::Plan& plan, const std::vector<RankDraw>& draws) {
  power::Activity sum;
  double ranks = 0;
  for (std::size_t r = 0; r < draws.size(); ++r) {
    const auto count = static_cast<double>(plan.ranks[r].multiplicity);
    power::Activity own = draws[r].activity;
    own *= count;
    sum += own;
    ranks += count;
  }
  sum *= 1 / ranks;
  return sum;
}

void add_to(power::Series& series, const RankDraw& draw, double count) {
  for_each_stretch(draw, [&](double start, double end, double watts) {
    power::add_draw(series, Seconds::from_si(start), Seconds::from_si(end), Watts::from_si(watts),
                    count);
  });
}

void apply_power_caps(TimedPlan& timed, const std::vector<RankPower>& powers) {
  for (std::size_t w = 0; w < timed.works.size(); ++w) {
    const RankPower& power = powers[static_cast<std::size_t>(timed.plan->works[w].row)];
    // The times are those of a chip as warm as it was measured.
    const Watts leaks = power.warm.idle - power.curve.idle;
    TimedWork& work = timed.works[w];
    const double alone = work.alone.si(), running = alone - work.binding.gaps_s;
    const double bound = work.binding.tensor_s + work.binding.memory_s;
    if (timed.plan->works[w].is_communication || bound <= 0 || running <= 0) continue;
    power::Activity activity = activity_of(work, Stream::compute);
    activity.duration = work.alone;
    activity.computing = Seconds::from_si(running);
    activity.clocked = Seconds::from_si(running * work.binding.tensor_s / bound);
    const power::Throttled at = power::throttled(power.curve, activity, power.cap - leaks);
    if (at.clock == 1) continue;
    const double slower = (at.duration.si() - work.binding.gaps_s) / running;
    for (Width& width : work.widths) {
      if (width.cores > 0) width.time *= slower;
    }
    const double tensor = work.binding.tensor_s / at.clock;
    work.binding.imbalance_s += (at.duration - work.alone).si() - (tensor - work.binding.tensor_s);
    work.binding.tensor_s = tensor;
    for (double& seconds : work.family_seconds) seconds *= at.duration / work.alone;
    work.alone = at.duration;
  }
}

}  // namespace aisle::sim
