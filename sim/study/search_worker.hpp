// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/search.hpp"
#include "sim/study/search_estimate.hpp"
#include "sim/study/search_space.hpp"
#include "sim/study/training.hpp"

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

/// Used by sim/study's search alone.
namespace aisle::sim {

/// An estimated layout.
struct Candidate {
  Mapping mapping;
  double seconds = 0, bytes = 0;
  double joules = 0;  ///< of one accelerator and its share of the host, where that is gone for
};

/// Which of two estimates comes first; layouts of equal worth in the order of their fields.
struct Better {
  enum class By { time, memory, energy };
  By by = By::time;

  /// What decides, smaller is better.
  double worth(const Candidate& candidate) const;
  bool operator()(const Candidate& a, const Candidate& b) const;
};

/// What is found in some of the cuts.
struct Findings {
  SearchCounts counts;
  std::vector<Candidate> best;   ///< a heap, worst on top; at most as many as are kept
  std::vector<Candidate> front;  ///< time against memory: no other is as good in both
  std::optional<Candidate> misfit;

  void add_best(const Candidate& candidate, std::size_t keep, const Better& better);
  void add_front(const Candidate& candidate);
};

/// A front ends at so many times the best step.
inline constexpr double kFrontTime = 2;

/// Of a front in order of time, what a planner would weigh: not slower than `kFrontTime` times the
/// best, and each step worth some memory.
void thin(std::vector<Candidate>& front);

/// What each cut may know of others, the same whatever the number of threads: those before it but
/// for the last few, which may be in work beside it.
class FindingsInOrder {
 public:
  FindingsInOrder(std::size_t keep, const Better& better) : keep_(keep), better_(better) {}

  /// Waits until they are found.
  std::shared_ptr<const Findings> before(std::size_t cut);
  /// What one cut adds to what it knew.
  void add(std::size_t cut, Findings found);

  /// After all.
  Findings all() const { return *known_.rbegin()->second; }

 private:
  std::size_t keep_;
  Better better_;
  std::mutex mutex_;
  std::condition_variable added_;
  std::map<std::size_t, Findings> early_;  // found, but not what was before them
  /// By number of cuts, as many as are still asked for.
  std::map<std::size_t, std::shared_ptr<const Findings>> known_{
      {0, std::make_shared<const Findings>()}};
};

/// Estimates the layouts of one cut after the other.
class Worker {
 public:
  Worker(const LayoutSpace& space, const Prepared& prepared, const KernelModel& kernels,
         const SearchOptions& options, std::size_t keep, const Better& better);

  /// Of one cut alone. What others have found leaves layouts out.
  Findings search(const LayoutSpace::Cut& cut, const Findings& others);

 private:
  bool consider(Candidate candidate, const workloads::parallel::Job& job);
  void estimate(Candidate candidate, const workloads::parallel::Job& job);
  void add_energy(Candidate& candidate, power::Activity activity) const;
  bool is_beyond(const Candidate& candidate) const;

  const LayoutSpace& space_;
  const Prepared& prepared_;
  Estimator estimator_;
  const SearchOptions& options_;
  std::size_t keep_;
  Better better_;
  double capacity_;
  Findings found_;  // of the cut
  Findings known_;  // of it and of others
};

}  // namespace aisle::sim
