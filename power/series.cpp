// SPDX-License-Identifier: Apache-2.0
#include "power/series.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

namespace aisle::power {

Watts Series::mean() const {
  if (watts.empty()) return {};
  return Watts::from_si(std::accumulate(watts.begin(), watts.end(), 0.0) /
                        static_cast<double>(watts.size()));
}

Watts Series::peak() const {
  return watts.empty() ? Watts{} : Watts::from_si(*std::max_element(watts.begin(), watts.end()));
}

Watts Series::lowest() const {
  return watts.empty() ? Watts{} : Watts::from_si(*std::min_element(watts.begin(), watts.end()));
}

Joules Series::energy() const {
  return mean() * interval * static_cast<double>(watts.size());
}

void add_draw(Series& series, Seconds start, Seconds end, Watts draw, double count) {
  const double step = series.interval.si(), all = draw.si() * count;
  const auto size = static_cast<double>(series.watts.size());
  const double from = std::clamp(start.si() / step, 0.0, size);
  const double to = std::clamp(end.si() / step, 0.0, size);
  if (to <= from) return;
  const auto first = std::min(static_cast<std::size_t>(from), series.watts.size() - 1);
  const auto last = std::min(static_cast<std::size_t>(to), series.watts.size() - 1);
  if (first == last) {
    series.watts[first] += all * (to - from);
    return;
  }
  series.watts[first] += all * (static_cast<double>(first + 1) - from);
  for (std::size_t i = first + 1; i < last; ++i) series.watts[i] += all;
  series.watts[last] += all * (to - static_cast<double>(last));
}

Series spread(const Series& series, Seconds deviation) {
  const auto size = static_cast<std::ptrdiff_t>(series.watts.size());
  const double sigma = deviation / series.interval;
  if (size == 0 || !(sigma > 0)) return series;
  const auto reach = static_cast<std::ptrdiff_t>(std::ceil(4 * sigma));
  std::vector<double> weights;
  for (std::ptrdiff_t i = -reach; i <= reach; ++i) {
    const double x = static_cast<double>(i) / sigma;
    weights.push_back(std::exp(-x * x / 2));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  Series out{series.interval, std::vector<double>(series.watts.size())};
  for (std::ptrdiff_t at = 0; at < size; ++at) {
    double value = 0;
    for (std::ptrdiff_t i = -reach; i <= reach; ++i) {
      const auto from = static_cast<std::size_t>(((at + i) % size + size) % size);
      value += weights[static_cast<std::size_t>(i + reach)] * series.watts[from];
    }
    out.watts[static_cast<std::size_t>(at)] = value / sum;
  }
  return out;
}

namespace {

/// Energy of the cycle, repeated, up to times at or after 0.
class Integral {
 public:
  explicit Integral(const Series& cycle) : step_(cycle.interval.si()), sums_{0} {
    for (const double each : cycle.watts) sums_.push_back(sums_.back() + each * step_);
  }

  double until(double time) const {
    const auto size = sums_.size() - 1;
    const double length = step_ * static_cast<double>(size);
    const double turns = std::floor(time / length);
    const double within = std::clamp(time / step_ - turns * static_cast<double>(size), 0.0,
                                     static_cast<double>(size));
    const auto at = std::min(static_cast<std::size_t>(within), size - 1);
    const double share = within - static_cast<double>(at);
    return turns * sums_.back() + sums_[at] + share * (sums_[at + 1] - sums_[at]);
  }

 private:
  double step_;
  std::vector<double> sums_;
};

/// First-order lag of a cycle in its steady state.
Series lagged(const Series& cycle, Seconds constant) {
  if (!(constant.si() > 0)) return cycle;
  const double kept = std::exp(-(cycle.interval / constant));
  const double gain = constant / cycle.interval * (1 - kept);
  // After one turn from nothing, a start value s has become kept^n s + value: settled where equal.
  double value = 0;
  for (const double each : cycle.watts) value = kept * value + (1 - kept) * each;
  value /= 1 - std::pow(kept, static_cast<double>(cycle.watts.size()));
  Series out = cycle;
  for (double& each : out.watts) {
    const double now = each;
    each = now + (value - now) * gain;  // mean over the interval
    value = kept * value + (1 - kept) * now;
  }
  return out;
}

}  // namespace

namespace {

/// From the emptiest to the fullest state of a store that gives what `feed` does not.
Joules swing_of(const Series& cycle, const Series& feed) {
  double state = 0, least = 0, most = 0;
  for (std::size_t i = 0; i < cycle.watts.size(); ++i) {
    state += (feed.watts[i] - cycle.watts[i]) * cycle.interval.si();
    least = std::min(least, state);
    most = std::max(most, state);
  }
  return Joules::from_si(most - least);
}

}  // namespace

Stored stored(const Series& cycle, Joules capacity) {
  Series flat = cycle;
  std::fill(flat.watts.begin(), flat.watts.end(), cycle.mean().si());
  if (const Joules swing = swing_of(cycle, flat); swing <= capacity) return {flat, swing};
  // The slower the lag, the more it stores.
  double low = 0, high = 1e3 * cycle.interval.si() * static_cast<double>(cycle.watts.size());
  for (int round = 0; round < 60; ++round) {
    const double middle = (low + high) / 2;
    const Series feed = lagged(cycle, Seconds::from_si(middle));
    (swing_of(cycle, feed) <= capacity ? low : high) = middle;
  }
  const Series feed = lagged(cycle, Seconds::from_si(low));
  return {feed, swing_of(cycle, feed)};
}

Watts largest_change(const Series& cycle, Seconds within) {
  const std::size_t size = cycle.watts.size();
  if (size < 2) return {};
  const double reach = std::clamp(within / cycle.interval, 1.0, static_cast<double>(size - 1));
  const auto steps = static_cast<std::size_t>(reach);
  // Two turns: a window may begin in one and end in the next.
  const auto at = [&](std::size_t i) { return cycle.watts[i % size]; };
  std::deque<std::size_t> highest, lowest;  // candidates of the window, the best in front
  double change = 0;
  for (std::size_t i = 0; i < 2 * size; ++i) {
    while (!highest.empty() && at(highest.back()) <= at(i)) highest.pop_back();
    while (!lowest.empty() && at(lowest.back()) >= at(i)) lowest.pop_back();
    highest.push_back(i);
    lowest.push_back(i);
    while (highest.front() + steps < i) highest.pop_front();
    while (lowest.front() + steps < i) lowest.pop_front();
    change = std::max(change, at(highest.front()) - at(lowest.front()));
  }
  return Watts::from_si(change);
}

double worst_change(const Series& cycle, const std::vector<FeedLimit>& limits) {
  double worst = 0;
  for (const FeedLimit& limit : limits)
    worst = std::max(worst, largest_change(cycle, limit.within) / limit.change);
  return worst;
}

Joules storage_for(const Series& cycle, const std::vector<FeedLimit>& limits) {
  if (worst_change(cycle, limits) <= 1) return {};
  double low = 0, high = cycle.energy().si();  // a store of a whole turn holds the mean
  for (int round = 0; round < 40; ++round) {
    const double middle = (low + high) / 2;
    const Series feed = stored(cycle, Joules::from_si(middle)).feed;
    (worst_change(feed, limits) > 1 ? low : high) = middle;
  }
  return Joules::from_si(high);
}

Series metered(const Series& cycle, const Meter& meter, int turns) {
  AISLE_ASSERT(!cycle.watts.empty() && meter.interval.si() > 0, "a meter reads something");
  const Integral integral(lagged(cycle, meter.smoothing));
  const double length = cycle.interval.si() * static_cast<double>(cycle.watts.size());
  const double window =
      meter.window.si() > 0 ? std::min(meter.window, meter.interval).si() : meter.interval.si();
  const auto count = std::max(1LL, std::llround(turns * length / meter.interval.si()));
  Series out{meter.interval, {}};
  for (long long i = 1; i <= count; ++i) {
    const double end = static_cast<double>(i) * meter.interval.si();
    out.watts.push_back((integral.until(end) - integral.until(end - window)) / window);
  }
  return out;
}

}  // namespace aisle::power
