// SPDX-License-Identifier: Apache-2.0
#include "sim/study/course.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace aisle::sim {

namespace {

constexpr double kIntervals = 2000;
constexpr double kMostIntervals = 1e6;

class Player {
 public:
  Player(const Course& course, const power::Series& step)
      : course_(course),
        step_(step),
        step_s_(step.interval.si() * static_cast<double>(step.watts.size())) {
    const double span = course.span.si();
    const double interval =
        std::max(std::min(span / kIntervals, step.interval.si()), span / kMostIntervals);
    const auto count = static_cast<std::size_t>(std::lround(span / interval));
    series_ = {Seconds::from_si(span / static_cast<double>(count)), std::vector<double>(count)};
    until_ = course.crash ? course.crash->si() : span;
  }

  power::Series play() {
    pass(course_.start.si(), course_.rest);
    train(0);
    if (!course_.crash) return series_;
    now_ = until_;
    until_ = course_.span.si();
    pass(course_.restart.si(), course_.rest);
    train(kept_);
    return series_;
  }

 private:
  /// Steps and what is between them, until the time is over.
  void train(std::int64_t done) {
    double worked = 0;  // since the newest checkpoint
    while (now_ < until_) {
      const std::int64_t steps = steps_at_once(done, worked);
      if (!run_steps(steps)) return;
      done += steps;
      worked += static_cast<double>(steps) * step_s_;
      if (course_.evaluate_every > 0 && done % course_.evaluate_every == 0) {
        pass(course_.evaluation.si(), course_.evaluating);
        worked += course_.evaluation.si();
      }
      if (course_.interval > Seconds{} && worked >= course_.interval.si()) {
        if (pass(course_.stall.si(), course_.waiting)) kept_ = done;
        worked = 0;
      }
    }
  }

  /// Of steps that are shorter than what is shown, all until something else comes.
  std::int64_t steps_at_once(std::int64_t done, double worked) const {
    if (step_s_ > series_.interval.si()) return 1;
    const auto in = [&](double seconds) {
      return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(seconds / step_s_)));
    };
    std::int64_t steps = in(until_ - now_);
    if (course_.evaluate_every > 0) {
      steps = std::min(steps, course_.evaluate_every - done % course_.evaluate_every);
    }
    if (course_.interval > Seconds{}) steps = std::min(steps, in(course_.interval.si() - worked));
    return steps;
  }

  /// Whether it ended in time.
  bool pass(double seconds, Watts draw) {
    const double end = std::min(now_ + seconds, until_);
    power::add_draw(series_, Seconds::from_si(now_), Seconds::from_si(end), draw, 1);
    const bool whole = end == now_ + seconds;
    now_ = end;
    return whole;
  }

  bool run_steps(std::int64_t steps) {
    if (step_s_ <= series_.interval.si()) {
      return pass(static_cast<double>(steps) * step_s_, step_.mean());
    }
    const double begin = now_, piece = step_.interval.si();
    for (std::size_t i = 0; i < step_.watts.size(); ++i) {
      const double left = begin + static_cast<double>(i + 1) * piece - now_;
      if (!pass(left, Watts::from_si(step_.watts[i]))) return false;
    }
    return true;
  }

  const Course& course_;
  const power::Series& step_;
  double step_s_, until_ = 0, now_ = 0;
  std::int64_t kept_ = 0;  ///< steps in the newest checkpoint
  power::Series series_;
};

}  // namespace

power::Series power_of_course(const Course& course, const power::Series& step) {
  AISLE_ASSERT(course.span > Seconds{} && step.mean() > Watts{}, "a run has a span and steps");
  return Player(course, step).play();
}

}  // namespace aisle::sim
