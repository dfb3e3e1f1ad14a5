// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search_play.hpp"

#include "sim/study/measure.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace aisle::sim {

namespace {

constexpr double kTolerance = 1.02, kStep = 1.3, kFarthest = 100;
/// Loads that the front has beside the sought one.
constexpr double kPartLoads[] = {0.1, 0.4, 0.7};

}  // namespace

double value_of(const pb::Result& result, const std::string& name) {
  return metric_of(result, name).value_or(std::numeric_limits<double>::quiet_NaN());
}

pb::Result Player::at(double factor, const ServingParts& parts) {
  PreparedServing prepared = candidate_.prepared;
  constexpr double kLeast = 60, kPromises = 20, kAnswers = 8;
  const double lasting =
      std::max({kLeast, kPromises * prepared.first_token.si(), kAnswers * candidate_.lasting_s});
  for (std::size_t i = 0; i < parts.size(); ++i) prepared.pools[i].replicas = parts[i].replicas;
  prepared.stream = load_.times(factor, lasting);
  const PlayedServing played = play(prepared, candidate_.times);
  pb::Result result;
  measure(prepared, played, result);
  for (const std::string& note : played.caveats) result.add_caveat(note);
  ++runs;
  add_point(result, factor, parts);
  return result;
}

double Player::most(const ServingParts& parts, double expected, pb::Result& at_most) {
  const auto holds = [&](double factor) {
    pb::Result result = at(factor, parts);
    if (!kept(result)) return false;
    at_most = std::move(result);
    return true;
  };
  expected = std::max(expected, 1e-9);
  double good = 0, bad = 0;
  if (holds(expected)) {
    good = expected;
    while (bad == 0) {
      const double next = good * kStep;
      (holds(next) ? good : bad) = next;
      if (good > expected * kFarthest) return good;
    }
  } else {
    // What is promised may be too short for these layouts, however few come.
    bad = expected;
    good = expected / kFarthest;
    if (!holds(good)) return 0;
  }
  while (bad / good > kTolerance) {
    const double middle = std::sqrt(good * bad);
    (holds(middle) ? good : bad) = middle;
  }
  for (const double part : kPartLoads) at(part * good, parts);
  return good;
}

void Player::add_point(const pb::Result& result, double factor, const ServingParts& parts) {
  const double token = value_of(result, "tpot_p50_s");
  if (!(token > 0)) return;
  // A few replicas of one part stand for all of them; pools are played whole.
  const double whole = parts.size() > 1 ? 1
                                        : static_cast<double>(accelerators_of(candidate_.parts)) /
                                              accelerators_of(parts);
  const double offered = load_.closed() ? value_of(result, "requests_per_s") : load_.own() * factor;
  points.push_back({parts.size() > 1 ? parts : candidate_.parts, offered * whole, 1 / token,
                    value_of(result, "output_tokens_per_s_per_chip"),
                    value_of(result, "ttft_p50_s"), value_of(result, "goodput")});
}

}  // namespace aisle::sim
