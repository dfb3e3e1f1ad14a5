// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

#include <vector>

namespace aisle::power {

/// Power over time in intervals of equal length, each with its mean: nothing inside an interval is
/// kept, and the integral is exact.
struct Series {
  Seconds interval;
  std::vector<double> watts;

  Watts mean() const;
  Watts peak() const;
  Watts lowest() const;
  Joules energy() const;
};

/// Adds a draw that is constant from `start` to `end`, for `count` devices. Both lie within the
/// series.
void add_draw(Series& series, Seconds start, Seconds end, Watts draw, double count);

/// The sum of many equal jobs whose times differ by chance: the series, taken as one turn of a
/// cycle, spread by a normal distribution of that standard deviation. Keeps the mean.
Series spread(const Series& series, Seconds deviation);

/// What the feed sees of a cycle behind a store of energy, and by how much the store swings: a
/// first-order lag, as slow as the store allows; the mean where it allows that. Keeps the mean; the
/// store's own losses are left out.
struct Stored {
  Series feed;
  Joules swing;  ///< at most the capacity
};

Stored stored(const Series& cycle, Joules capacity);

/// What the feed may change by.
struct FeedLimit {
  Watts change;
  Seconds within;
};

/// Largest rise or fall of the cycle, repeated, between any two of its intervals that start at most
/// so far apart (neighbours at least).
Watts largest_change(const Series& cycle, Seconds within);

/// Largest change over what a limit allows, of all limits; at most 1 keeps them. 0 without limits.
double worst_change(const Series& cycle, const std::vector<FeedLimit>& limits);

/// The least store behind which the cycle keeps the limits.
Joules storage_for(const Series& cycle, const std::vector<FeedLimit>& limits);

/// What a meter shows of a cycle.
struct Meter {
  Seconds interval;   ///< between readings
  Seconds window;     ///< averaged before each reading; 0: the whole interval
  Seconds smoothing;  ///< time constant of a first-order lag before that; 0: none
};

/// Readings over `turns` turns of the cycle, from its start; the lag has settled.
Series metered(const Series& cycle, const Meter& meter, int turns);

}  // namespace aisle::power
