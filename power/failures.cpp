// SPDX-License-Identifier: Apache-2.0
#include "power/failures.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/base/random.hpp"

#include <queue>

#include <algorithm>
#include <cmath>
#include <functional>

namespace aisle::power {

namespace {

/// The state of one run, in seconds.
class Run {
 public:
  Run(const RunModel& model, Random& random, double longest)
      : model_(model), random_(random), longest_(longest) {
    for (const FailureClass& each : model.classes) {
      AISLE_ASSERT(each.between.si() > 0, "failures have a mean time between them");
      if (each.stall.si() <= 0) rate_ += 1 / each.between.si();
      up_to_.push_back(rate_);
    }
    draw_.failures.assign(model.classes.size(), 0);
  }

  RunDraw run() {
    const double interval = model_.interval.si(), segment = interval + model_.stall.si();
    const double late = std::max(0.0, (model_.write - model_.stall).si());
    double done = 0;  // segments whose checkpoint can be read, or will be
    const double all = model_.work.si() / interval;
    while (now_ < longest_) {
      const double undisturbed = next_failure();
      const double left = (all - done) * segment;
      if (undisturbed >= left) {
        pass(draw_.work, (all - done) * interval);
        pass(draw_.checkpoint, (all - done) * model_.stall.si());
        break;
      }
      double kept = std::floor(undisturbed / segment);
      // The newest one is of no use while it is being written; then the one before it is read.
      const double into = undisturbed - kept * segment;
      if (into < late && done + kept >= 1) kept -= 1;
      done += kept;
      if (kept >= 0) {
        pass(draw_.work, kept * interval);
        pass(draw_.checkpoint, kept * model_.stall.si());
        pass(draw_.lost, undisturbed - kept * segment);
      } else {  // work of an earlier stretch is lost again
        pass(draw_.lost, undisturbed);
        move(draw_.work, interval);
        move(draw_.checkpoint, model_.stall.si());
      }
      stand_still();
    }
    stall();
    draw_.whole = Seconds::from_si(now_);
    return draw_;
  }

 private:
  double next_failure() { return rate_ > 0 ? random_.exponential() / rate_ : HUGE_VAL; }

  void pass(Seconds& part, double seconds) {
    part += Seconds::from_si(seconds);
    now_ += seconds;
  }

  void move(Seconds& from, double seconds) {
    from -= Seconds::from_si(seconds);
    draw_.lost += Seconds::from_si(seconds);
  }

  /// What only holds the job up strikes while it works, and does not hang on the rest.
  void stall() {
    const double working = (draw_.work + draw_.checkpoint + draw_.lost).si();
    for (std::size_t c = 0; c < model_.classes.size(); ++c) {
      const FailureClass& each = model_.classes[c];
      if (each.stall.si() <= 0) continue;
      for (double at = next(each); at < working && now_ < longest_; at += next(each)) {
        ++draw_.failures[c];
        pass(draw_.stalled, each.stall.si());
      }
    }
  }

  double next(const FailureClass& each) { return random_.exponential() * each.between.si(); }

  const FailureClass& strike() {
    const double at = random_.uniform() * rate_;
    const auto found = std::upper_bound(up_to_.begin(), up_to_.end(), at);
    const auto which =
        std::min(static_cast<std::size_t>(found - up_to_.begin()), up_to_.size() - 1);
    ++draw_.failures[which];
    return model_.classes[which];
  }

  /// From a failure until the job works again; others may strike meanwhile.
  void stand_still() {
    while (now_ < longest_) {
      const FailureClass& failure = strike();
      if (failure.repair.si() > 0) out_.push(now_ + failure.repair.si());
      const double detection = failure.detection.si();
      pass(draw_.detection, detection);
      while (!out_.empty() && out_.top() <= now_) out_.pop();
      while (static_cast<int>(out_.size()) > model_.spares) {
        pass(draw_.repair, std::max(0.0, out_.top() - now_));
        out_.pop();
      }
      const double undisturbed = next_failure();
      if (undisturbed >= failure.restart.si()) {
        pass(draw_.restart, failure.restart.si());
        return;
      }
      pass(draw_.restart, undisturbed);
    }
  }

  const RunModel& model_;
  Random& random_;
  double longest_, now_ = 0, rate_ = 0;
  std::vector<double> up_to_;                                             // [classes] sum of rates
  std::priority_queue<double, std::vector<double>, std::greater<>> out_;  // when repairs end
  RunDraw draw_;
};

}  // namespace

RunDraw draw_run(const RunModel& model, Random& random, Seconds longest) {
  AISLE_ASSERT(model.work.si() > 0 && model.interval.si() > 0, "a run has work in stretches");
  return Run(model, random, longest.si()).run();
}

}  // namespace aisle::power
