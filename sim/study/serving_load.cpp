// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_load.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::sim {

namespace {

using workloads::ServingStep;

/// Least count that a Poisson variable of that mean exceeds with at most the chance of 1 - share.
double poisson_quantile(double mean, double share) {
  if (mean > 100) return mean + std::sqrt(mean) * (share > 0.95 ? 2.33 : 1.28);
  double term = std::exp(-mean), sum = term;
  int count = 0;
  while (sum < share) sum += term *= mean / ++count;
  return count;
}

/// Chance that a group has prompts of at most so many tokens, over the mean length.
double chance_within(double mean, double tokens, bool varied) {
  double chance = std::exp(-mean), sum = chance;
  if (!varied) {
    for (int count = 1; count <= tokens; ++count) sum += chance *= mean / count;
    return sum;
  }
  double term = std::exp(-tokens), more = term;
  for (int count = 1; count < 150; ++count) {
    chance *= mean / count;
    sum += chance * (1 - more);
    more += term *= tokens / count;
  }
  return sum;
}

/// The same of their tokens, over the mean length, where lengths are exponential.
double burst_quantile(double mean, double share) {
  if (mean > 50) return mean + std::sqrt(2 * mean) * (share > 0.95 ? 2.33 : 1.28);
  const auto below = [mean](double tokens) { return chance_within(mean, tokens, true); };
  double low = 0, high = mean + 20 * std::sqrt(mean + 1);
  if (below(0) >= share) return 0;
  for (int round = 0; round < 40; ++round) {
    const double middle = (low + high) / 2;
    (below(middle) < share ? low : high) = middle;
  }
  return high;
}

/// Prompts, by their tokens over the mean length, of the group of many that has most of them: the
/// mean over steps.
double expected_most(double mean, int groups, bool varied) {
  if (groups == 1) return mean;
  if (mean > 50) return mean + std::sqrt(2 * mean * std::log(groups));
  constexpr double kWidth = 0.25;
  const double width = varied ? kWidth : 1;
  double sum = 0;
  for (double tokens = varied ? width / 2 : 0;; tokens += width) {
    const double beyond = 1 - std::pow(chance_within(mean, tokens, varied), groups);
    sum += beyond * width;
    if (beyond < 1e-4) return sum;
  }
}

ServingStep decoding_of(double sequences, double context) {
  ServingStep step;
  step.decoding = step.sampled = static_cast<int>(std::lround(sequences));
  step.context = std::llround(context * step.decoding);
  return step;
}

/// Adds `tokens` of prompts; a part of one has half of the rest behind it.
void add_prompts(ServingStep& step, double tokens, const RequestLengths& lengths) {
  const double length = lengths.computed();
  const double count = std::max(1.0, std::round(tokens / length));
  const double before = lengths.cached + (tokens < length ? (length - tokens) / 2 : 0);
  const int each = std::max(1, static_cast<int>(std::lround(tokens / count)));
  for (int i = 0; i < static_cast<int>(count); ++i)
    step.chunks.push_back({each, std::llround(before)});
  step.sampled += static_cast<int>(count);
}

/// Steps of one steady state: those that decode alone, and those with prompts beside.
class Mixture {
 public:
  Mixture(const StepTimes& times, const RequestLengths& lengths, double decoding)
      : times_(times), lengths_(lengths), decoding_(decoding) {
    const double budget = std::max(1.0, times.host().limits.step_tokens - decoding);
    arriving_ = decoding / lengths.output;
    // Groups run in lockstep: a step is long where any of them has prompts, as long as the longest.
    const int groups = apart();
    const double busy = 1 - std::exp(-arriving_ * groups);
    const double most = lengths.computed() * expected_most(arriving_, groups, lengths.varied);
    tokens_ = std::min(budget, most / std::max(busy, 1e-12));
    share_ = std::min(1.0, most / tokens_);
    alone_ = times.time(decoding_of(decoding, context()));
    mixed_ = with(tokens_);
  }

  double context() const { return lengths_.prompt + lengths_.output / 2; }

  Seconds mean() const { return alone_ * (1 - share_) + mixed_ * share_; }

  Seconds median() const { return share_ < 0.5 ? alone_ : mixed_; }

  /// Prompts, by their tokens, of the longest group that as large a share of steps has no more of.
  double prompts(double share) const {
    share = std::pow(share, 1.0 / apart());
    return lengths_.varied ? burst_quantile(arriving_, share) : poisson_quantile(arriving_, share);
  }

  /// A step with as many prompts as one in a hundred has.
  Seconds p99() const {
    const double most = prompts(0.99);
    return most <= 0 ? alone_ : std::max(mixed_, with(most * lengths_.computed()));
  }

  /// From arrival to the first token: the rest of the step that runs, the next one where it is
  /// scheduled already, then those of the own prompt, with `others` prompts beside it.
  Seconds first(double rest, double others) const {
    if (times_.host().asynchronous) rest += 1;
    const double budget = std::max(1.0, times_.host().limits.step_tokens - decoding_);
    const double tokens = (1 + others) * lengths_.computed();
    const double steps = std::ceil(tokens / budget);
    return times_.host().request + mean() * rest + with(tokens / steps) * steps;
  }

  double arriving() const { return arriving_; }

  power::Activity activity() const {
    power::Activity sum = times_.activity(decoding_of(decoding_, context()), alone_);
    ServingStep step = decoding_of(decoding_, context());
    add_prompts(step, std::min(tokens_, of_mean_group()), lengths_);
    power::Activity beside = times_.activity(step, mixed_);
    sum *= 1 - share_;
    beside *= share_;
    sum += beside;
    return sum;
  }

 private:
  /// Attention groups whose prompts come each at their own time.
  int apart() const { return times_.host().gathers_prompts ? 1 : times_.job().layout.data; }

  Seconds with(double tokens) const {
    const double budget = std::max(1.0, times_.host().limits.step_tokens - decoding_);
    ServingStep step = decoding_of(decoding_, context());
    tokens = std::clamp(tokens, 1.0, budget);
    add_prompts(step, tokens, lengths_);
    const int groups = apart();
    if (groups > 1) {
      step.together = std::llround(groups * (decoding_ + std::min(tokens, of_mean_group())));
    }
    return times_.time(step);
  }

  /// Tokens of prompts that the mean group has in a step with prompts.
  double of_mean_group() const { return lengths_.computed() * arriving_ / share_; }

  const StepTimes& times_;
  RequestLengths lengths_;
  double decoding_ = 0, arriving_ = 0, tokens_ = 0, share_ = 0;
  Seconds alone_, mixed_;
};

/// Sequences of a pipeline slot: every stage has a batch of its own.
double slots(const StepTimes& times) {
  return times.job().layout.pipeline;
}

OperatingPoint point_of(const StepTimes& times, const RequestLengths& lengths, double decoding) {
  const Mixture mixture(times, lengths, decoding);
  OperatingPoint point;
  point.decoding = decoding;
  point.gap_mean = mixture.mean();
  point.gap_median = mixture.median();
  point.gap_p99 = mixture.p99();
  point.first_mean = mixture.first(0.5, mixture.arriving());
  point.first_p90 = mixture.first(0.9, mixture.prompts(0.9));
  point.first_p99 = mixture.first(1, mixture.prompts(0.99));
  point.end_to_end = point.first_mean + point.gap_mean * (lengths.output - 1);
  const double groups = times.job().layout.data * slots(times);
  point.tokens_per_s = groups * decoding / point.gap_mean.si();
  point.requests_per_s = point.tokens_per_s / lengths.output;
  point.activity = mixture.activity();
  // Passes of all slots run one behind the other.
  const Seconds duration = point.activity.duration;
  point.activity *= slots(times);
  point.activity.duration = duration;
  return point;
}

/// Decoding sequences beyond which prompts do not fit beside them in a step.
double most_decoding(const StepTimes& times, const RequestLengths& lengths) {
  return times.host().limits.step_tokens / (1 + lengths.computed() / lengths.output);
}

}  // namespace

double most_sequences(const StepTimes& times, const RequestLengths& lengths) {
  const workloads::ServingMemory memory = times.memory();
  if (!memory.fits()) return 0;
  const double held = lengths.prompt + lengths.output * (times.host().reserves_output ? 1 : 0.5);
  return std::min(memory.sequences(held),
                  static_cast<double>(times.host().sequences) * slots(times));
}

OperatingPoint closed_loop(const StepTimes& times, const RequestLengths& lengths,
                           double concurrency) {
  const double held = std::min(concurrency, most_sequences(times, lengths));
  const double most = std::max(1.0, std::min(held / slots(times), most_decoding(times, lengths)));
  // Of those held, some wait for the first token; it settles within a few rounds.
  double decoding = most;
  OperatingPoint point;
  for (int round = 0; round < 4; ++round) {
    point = point_of(times, lengths, decoding);
    const double generating = point.gap_mean.si() * (lengths.output - 1);
    const double prompting = (point.first_mean - times.host().request).si();
    decoding = std::max(1.0, std::min(most, held / slots(times) * generating /
                                                std::max(1e-12, generating + prompting)));
  }
  point.saturated = concurrency > held;
  if (point.saturated) {  // the rest queue
    const double queued = (concurrency - held) * times.job().layout.data / point.requests_per_s;
    point.first_mean += Seconds::from_si(queued);
    point.end_to_end += Seconds::from_si(queued);
  }
  return point;
}

OperatingPoint open_loop(const StepTimes& times, const RequestLengths& lengths, double rate) {
  const double most = std::max(
      1.0, std::min(most_sequences(times, lengths) / slots(times), most_decoding(times, lengths)));
  const auto served = [&](double decoding) {
    return point_of(times, lengths, decoding).requests_per_s / times.job().layout.data;
  };
  double low = 0, high = most;
  if (served(most) < rate) {
    OperatingPoint point = point_of(times, lengths, most);
    point.saturated = true;
    return point;
  }
  for (int round = 0; round < 24 && high - low > 0.01 * high; ++round) {
    const double middle = (low + high) / 2;
    (served(std::max(middle, 0.5)) < rate ? low : high) = middle;
  }
  OperatingPoint point = point_of(times, lengths, std::max(1.0, high));
  point.requests_per_s = rate * times.job().layout.data;
  point.tokens_per_s = point.requests_per_s * lengths.output;
  return point;
}

Seconds prompts_together(const StepTimes& times, const RequestLengths& lengths, double sequences) {
  const double budget = times.host().limits.step_tokens;
  const double tokens = sequences * lengths.computed();
  const double steps = std::ceil(tokens / budget);
  ServingStep step;
  add_prompts(step, tokens / steps, lengths);
  step.sampled = static_cast<int>(std::lround(std::max(1.0, sequences / steps)));
  const double overlapped = (steps + slots(times) - 1) / slots(times);
  return times.time(step) * (steps > 1 ? overlapped : 1);
}

Seconds decoding_step(const StepTimes& times, const RequestLengths& lengths, double sequences) {
  constexpr int kPoints = 9;
  Seconds sum;
  const double each = std::max(1.0, sequences / slots(times));
  for (int i = 0; i < kPoints; ++i) {
    const double context = lengths.prompt + lengths.output * (i + 0.5) / kPoints;
    sum += times.time(decoding_of(each, context)) / kPoints;
  }
  return sum;
}

Seconds fixed_batch(const StepTimes& times, const RequestLengths& lengths, double sequences) {
  const double held = std::max(1.0, std::min(sequences, most_sequences(times, lengths)));
  const Seconds wave = prompts_together(times, lengths, held) +
                       decoding_step(times, lengths, held) * (lengths.output - 1);
  return wave * (sequences / held);
}

Seconds varied_batch(const StepTimes& times, const RequestLengths& lengths, double sequences) {
  const double held = std::max(1.0, std::min(sequences, most_sequences(times, lengths)));
  constexpr double kEuler = 0.5772;
  const double longest = lengths.output * (std::log(held) + kEuler);
  constexpr int kPoints = 16;
  Seconds sum = prompts_together(times, lengths, held);
  for (int i = 0; i < kPoints; ++i) {
    const double at = longest * (i + 0.5) / kPoints;
    const double left = std::max(1.0, held * std::exp(-at / lengths.output) / slots(times));
    sum += times.time(decoding_of(left, lengths.prompt + at)) * (longest / kPoints);
  }
  if (sequences <= held) return sum;
  return sum + Seconds::from_si((sequences - held) * times.job().layout.data /
                                closed_loop(times, lengths, held).requests_per_s);
}

OperatingPoint at_speed(const StepTimes& times, const RequestLengths& lengths, double speed) {
  double low = 1, high = most_sequences(times, lengths);
  for (int round = 0; round < 20 && high - low > 0.5; ++round) {
    const double middle = (low + high) / 2;
    (closed_loop(times, lengths, middle).gap_mean.si() * speed < 1 ? low : high) = middle;
  }
  const OperatingPoint point = closed_loop(times, lengths, low);
  return low > 1 || point.gap_mean.si() * speed <= 1 ? point : OperatingPoint{};
}

}  // namespace aisle::sim
