// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/correction.hpp"

#include "sim/kernels/calibration.pb.h"

#include <algorithm>
#include <cmath>

namespace aisle::sim {
namespace {

// No correction beyond a factor of three: what is further off is no matter of shape.
constexpr double kMost = 1.1;
// Points of a grid: one per doubling, fewer along the longest axes where that is too many.
constexpr int kPoints = 370;
// Pull to 0, against which gaps in the samples are filled from their neighbours.
constexpr double kPull = 1e-4;
// Beyond this |ln| a sample counts by its size, not its square.
constexpr double kOutlier = 0.1;
constexpr double kStiffness[] = {0.01, 0.05, 0.2, 1, 4};
constexpr std::uint32_t kFolds = 3;
// Fewer samples than this say nothing about the shape of an error.
constexpr std::size_t kFewest = 24;

}  // namespace

// The grid as unknowns of a sparse least-squares problem, solved by conjugate gradients.
class CorrectionFit {
 public:
  explicit CorrectionFit(std::span<const Correction::Sample> samples) : samples_(samples) {
    lay_grid();
    corners_.reserve(samples.size());
    for (const auto& sample : samples) corners_.push_back(corners_of(sample.at));
  }

  // Fit with one stiffness; `left_out` is a fold, or kFolds for none.
  std::vector<double> solve(double stiffness, std::uint32_t left_out) {
    std::vector<double> values(size_, 0);
    std::vector<double> weights(samples_.size());
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < samples_.size(); ++i) {
        const double error = std::abs(samples_[i].value - value(values, i)) / kOutlier;
        weights[i] = samples_[i].fold % kFolds == left_out
                         ? 0
                         : samples_[i].weight / std::max(1.0, round == 0 ? 1.0 : error);
      }
      gather(weights);
      descend(values, stiffness);
    }
    return values;
  }

  double missed(const std::vector<double>& values, std::uint32_t fold) const {
    double sum = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (samples_[i].fold % kFolds != fold) continue;
      sum += samples_[i].weight * std::abs(samples_[i].value - value(values, i));
    }
    return sum;
  }

  Correction made_of(const std::vector<double>& values) const {
    Correction out = grid_;
    out.values_.resize(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      out.values_[i] = static_cast<float>(std::clamp(values[i], -kMost, kMost));
    }
    return out;
  }

  std::vector<double> zeros() const { return std::vector<double>(size_, 0); }

 private:
  static constexpr std::size_t kNeighbours = 27;

  struct Corners {
    std::array<std::uint32_t, 8> at{};
    std::array<double, 8> share{};
  };

  void lay_grid() {
    size_ = 1;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      double low = samples_.front().at[axis], high = low;
      for (const auto& sample : samples_) {
        low = std::min(low, sample.at[axis]);
        high = std::max(high, sample.at[axis]);
      }
      low = std::floor(low + 1e-9);
      spans_[axis] = std::ceil(high - 1e-9) - low;
      grid_.first_[axis] = low;
      grid_.count_[axis] = static_cast<int>(std::lround(spans_[axis])) + 1;
    }
    while (grid_.count_[0] * grid_.count_[1] * grid_.count_[2] > kPoints) thin_out();
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const int steps = grid_.count_[axis] - 1;
      grid_.step_[axis] = steps > 0 ? std::ceil(100 * spans_[axis] / steps) / 100 : 1;
      size_ *= static_cast<std::size_t>(steps + 1);
    }
    stride_ = {static_cast<std::size_t>(grid_.count_[1] * grid_.count_[2]),
               static_cast<std::size_t>(grid_.count_[2]), 1};
    offset_zero_ = stride_[0] + stride_[1] + stride_[2];
    for (std::size_t j = 0; j < kNeighbours; ++j) {
      offsets_[j] = j / 9 * stride_[0] + j / 3 % 3 * stride_[1] + j % 3 * stride_[2];
    }
    matrix_.resize(size_ * kNeighbours);
    right_.resize(size_);
  }

  // One point less along the axis with most; the first (rows) matters most and goes last.
  void thin_out() {
    std::size_t longest = 0;
    for (std::size_t axis = 1; axis < 3; ++axis) {
      const int favour = longest == 0 ? 2 : 1;
      if (favour * grid_.count_[axis] >= grid_.count_[longest]) longest = axis;
    }
    --grid_.count_[longest];
  }

  Corners corners_of(const Correction::Point& point) const {
    Corners out;
    std::array<std::size_t, 3> below{};
    std::array<double, 3> beyond{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double last = grid_.count_[axis] - 1;
      const double at =
          std::clamp((point[axis] - grid_.first_[axis]) / grid_.step_[axis], 0.0, last);
      below[axis] = static_cast<std::size_t>(std::min(std::floor(at), std::max(0.0, last - 1)));
      beyond[axis] = at - static_cast<double>(below[axis]);
    }
    for (std::size_t corner = 0; corner < 8; ++corner) {
      std::size_t index = 0;
      double share = 1;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const bool upper = ((corner >> axis) & 1U) != 0;
        share *= upper ? beyond[axis] : 1 - beyond[axis];
        const bool next = upper && grid_.count_[axis] > 1;
        index += (below[axis] + (next ? 1 : 0)) * stride_[axis];
      }
      out.at[corner] = static_cast<std::uint32_t>(index);
      out.share[corner] = share;
    }
    return out;
  }

  double value(const std::vector<double>& values, std::size_t sample) const {
    const Corners& c = corners_[sample];
    double sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum += c.share[i] * values[c.at[i]];
    return sum;
  }

  // Sums of the samples' pull on each point and its neighbours, in the order of `offsets_`.
  void gather(const std::vector<double>& weights) {
    std::fill(matrix_.begin(), matrix_.end(), 0);
    std::fill(right_.begin(), right_.end(), 0);
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (weights[i] <= 0) continue;
      const Corners& c = corners_[i];
      for (unsigned a = 0; a < 8; ++a) {
        const double pull = weights[i] * c.share[a];
        if (pull <= 0) continue;
        right_[c.at[a]] += pull * samples_[i].value;
        for (unsigned b = 0; b < 8; ++b) {
          const auto step = [&](unsigned axis) -> std::size_t {
            return 1 + ((b >> axis) & 1U) - ((a >> axis) & 1U);
          };
          matrix_[c.at[a] * kNeighbours + (step(0) * 3 + step(1)) * 3 + step(2)] +=
              pull * c.share[b];
        }
      }
    }
  }

  // out = (samples + stiffness D' D + pull) x
  void apply(const std::vector<double>& x, double stiffness, std::vector<double>& out) const {
    for (std::size_t i = 0; i < size_; ++i) {
      double sum = kPull * x[i];
      const double* row = &matrix_[i * kNeighbours];
      for (std::size_t j = 0; j < kNeighbours; ++j) {
        if (row[j] > 0) sum += row[j] * x[i + offsets_[j] - offset_zero_];
      }
      out[i] = sum;
    }
    for (std::size_t axis = 0; axis < 3; ++axis) bend(axis, x, stiffness, out);
  }

  void bend(std::size_t axis, const std::vector<double>& x, double stiffness,
            std::vector<double>& out) const {
    const std::size_t stride = stride_[axis];
    const auto count = static_cast<std::size_t>(grid_.count_[axis]);
    for (std::size_t i = 0; i < size_; ++i) {
      const std::size_t at = i / stride % count;
      if (at + 2 < count) {
        const double second = stiffness * (x[i] - 2 * x[i + stride] + x[i + 2 * stride]);
        out[i] += second;
        out[i + stride] -= 2 * second;
        out[i + 2 * stride] += second;
      }
      if (at + 1 < count) {  // weakly against slope, so that gaps at the edge stay level
        const double first = 0.03 * stiffness * (x[i] - x[i + stride]);
        out[i] += first;
        out[i + stride] -= first;
      }
    }
  }

  void descend(std::vector<double>& x, double stiffness) const {
    std::vector<double> residual = right_, direction(size_), product(size_);
    apply(x, stiffness, product);
    double norm = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      residual[i] -= product[i];
      norm += residual[i] * residual[i];
    }
    direction = residual;
    const double enough = std::max(1e-12, 1e-6 * norm);
    for (int step = 0; step < 60 && norm > enough; ++step) {
      apply(direction, stiffness, product);
      double along = 0;
      for (std::size_t i = 0; i < size_; ++i) along += direction[i] * product[i];
      if (along <= 0) break;
      const double length = norm / along;
      double next = 0;
      for (std::size_t i = 0; i < size_; ++i) {
        x[i] += length * direction[i];
        residual[i] -= length * product[i];
        next += residual[i] * residual[i];
      }
      for (std::size_t i = 0; i < size_; ++i) {
        direction[i] = residual[i] + next / norm * direction[i];
      }
      norm = next;
    }
  }

  std::span<const Correction::Sample> samples_;
  Correction grid_;
  std::array<std::size_t, 3> stride_{};
  std::array<double, 3> spans_{};
  std::size_t size_ = 0;
  std::vector<Corners> corners_;
  std::vector<double> matrix_, right_;
  std::array<std::size_t, kNeighbours> offsets_{};  ///< plus offset_zero_, so that none is negative
  std::size_t offset_zero_ = 0;
};

Correction Correction::fitted(std::span<const Sample> samples, double stiffness) {
  if (samples.size() < kFewest) return {};
  CorrectionFit fit(samples);
  const bool given = stiffness > 0;
  double least = 0;
  for (std::uint32_t fold = 0; fold < kFolds; ++fold) least += fit.missed(fit.zeros(), fold);
  for (const double tried : kStiffness) {
    if (given) break;
    double missed = 0;
    for (std::uint32_t fold = 0; fold < kFolds; ++fold) {
      missed += fit.missed(fit.solve(tried, fold), fold);
    }
    if (missed < least) {
      least = missed;
      stiffness = tried;
    }
  }
  if (stiffness <= 0) return {};
  Correction out = fit.made_of(fit.solve(stiffness, kFolds));
  out.stiffness_ = stiffness;
  return out;
}

Correction Correction::from(const pb::Correction& message) {
  Correction out;
  if (message.first_size() != 3 || message.step_size() != 3 || message.count_size() != 3) {
    return out;
  }
  std::int64_t size = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    out.first_[at] = message.first(axis);
    out.step_[at] = message.step(axis);
    out.count_[at] = message.count(axis);
    if (out.count_[at] < 1 || out.count_[at] > 4096 || !(out.step_[at] > 0)) return {};
    size *= out.count_[at];
  }
  if (size != message.value_size()) return {};
  out.stiffness_ = message.stiffness();
  for (const int value : message.value()) {
    out.values_.push_back(static_cast<float>(std::clamp(value / 100.0, -kMost, kMost)));
  }
  return out;
}

void Correction::write(pb::Correction& message) const {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    message.add_first(first_[axis]);
    message.add_step(step_[axis]);
    message.add_count(count_[axis]);
  }
  message.set_stiffness(stiffness_);
  for (const float value : values_) {
    message.add_value(static_cast<int>(std::lround(100 * static_cast<double>(value))));
  }
}

double Correction::at(const Point& point) const {
  if (values_.empty()) return 0;
  std::array<std::size_t, 3> below{}, above{};
  std::array<double, 3> beyond{};
  double outside = 0;  // doublings
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double last = count_[axis] - 1;
    const double at = (point[axis] - first_[axis]) / step_[axis];
    const double inside = std::clamp(at, 0.0, last);
    outside = std::max(outside, std::abs(at - inside) * step_[axis]);
    below[axis] = static_cast<std::size_t>(std::min(std::floor(inside), std::max(0.0, last - 1)));
    above[axis] = std::min(below[axis] + 1, static_cast<std::size_t>(last));
    beyond[axis] = inside - static_cast<double>(below[axis]);
  }
  if (outside >= kReach) return 0;
  const auto n1 = static_cast<std::size_t>(count_[1]), n2 = static_cast<std::size_t>(count_[2]);
  double sum = 0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    const bool u0 = (corner & 1U) != 0, u1 = (corner & 2U) != 0, u2 = (corner & 4U) != 0;
    const double share = (u0 ? beyond[0] : 1 - beyond[0]) * (u1 ? beyond[1] : 1 - beyond[1]) *
                         (u2 ? beyond[2] : 1 - beyond[2]);
    const std::size_t index = ((u0 ? above[0] : below[0]) * n1 + (u1 ? above[1] : below[1])) * n2 +
                              (u2 ? above[2] : below[2]);
    sum += share * static_cast<double>(values_[index]);
  }
  return sum * (1 - outside / kReach);
}

}  // namespace aisle::sim
