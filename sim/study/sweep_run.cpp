// SPDX-License-Identifier: Apache-2.0
// Runs the points of a sweep in processes and gathers what comes of them.
#include "sim/base/csv.hpp"
#include "sim/base/hash.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep.hpp"
#include "sim/study/sweep_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <deque>
#include <list>
#include <malloc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace aisle::sim {

namespace {

/// Points that one process runs on the analytic engine before it ends.
constexpr std::size_t kBatch = 128;

/// What stands before each result in a pipe.
struct Head {
  std::uint32_t index = 0;  ///< of the point
  std::uint32_t status = 0;
  std::uint32_t reason = 0, result = 0;  ///< bytes that follow
};

enum Status : std::uint32_t { kDone, kInfeasible, kFailed };

constexpr const char* kStatus[] = {"done", "infeasible", "failed"};

bool write_all(int file, const void* bytes, std::size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::write(file, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

/// One point, in a process of the pool.
void run_point(const Study& study, const topology::Catalogue& catalogue, const SweepPoint& point,
               pb::Engine engine, Head& head, std::string& reason, pb::Result& result) {
  Diagnostics diagnostics;
  try {
    auto made = at_point(study, point, diagnostics);
    if (made) {
      made->scenario->set_engine(engine);
      if (auto ran = run(*made, catalogue, {}, diagnostics)) result = std::move(*ran);
    }
  } catch (const std::exception& failure) { diagnostics.error({}, {}, failure.what()); }
  result.clear_timeline();
  result.clear_requests();
  result.set_engine(engine);
  head.status = kFailed;
  if (result.has_feasible()) {
    head.status = result.feasible() ? kDone : kInfeasible;
    reason = result.reason();
    return;
  }
  for (const Diagnostic& each : diagnostics.all()) {
    if (each.severity != Severity::error) continue;
    if (!reason.empty()) reason += "; ";
    reason += each.field.empty() ? each.sentence : fmt::format("{}: {}", each.field, each.sentence);
  }
}

/// Processes that run points, and what they send.
class Pool {
 public:
  Pool(const Study& study, const topology::Catalogue& catalogue,
       const std::vector<SweepPoint>& points, pb::Engine engine, int jobs)
      : study_(study), catalogue_(catalogue), points_(points), engine_(engine), jobs_(jobs) {}

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  ~Pool() {
    for (Child& child : children_) {
      kill(child.process, SIGKILL);
      waitpid(child.process, nullptr, 0);
      close(child.pipe);
    }
  }

  void add(std::size_t index) { waiting_.push_back(index); }

  bool idle() const { return waiting_.empty() && children_.empty(); }

  /// Starts what there is room for and hands out the rows that came within 0.2 s.
  template <typename Take>
  void work(const Take& take) {
    while (!waiting_.empty() && static_cast<int>(children_.size()) < jobs_) start();
    std::vector<pollfd> files;
    for (const Child& child : children_) files.push_back({child.pipe, POLLIN, 0});
    if (poll(files.data(), files.size(), 200) <= 0) return;
    std::size_t at = 0;
    for (auto child = children_.begin(); child != children_.end(); ++at) {
      if (files[at].revents == 0) {
        ++child;
        continue;
      }
      const bool open = receive(*child);
      while (auto row = next(*child)) take(*row);
      if (open) {
        ++child;
        continue;
      }
      if (auto row = ended(*child)) take(*row);
      child = children_.erase(child);
    }
  }

 private:
  struct Child {
    pid_t process = -1;
    int pipe = -1;
    std::deque<std::size_t> points;  ///< that it still owes
    std::string bytes;
  };

  void start() {
    const std::size_t share = waiting_.size() / (2 * static_cast<std::size_t>(jobs_)) + 1;
    const std::size_t size = engine_ == pb::event ? 1 : std::min({kBatch, share, waiting_.size()});
    Child child;
    for (std::size_t i = 0; i < size; ++i) {
      child.points.push_back(waiting_.front());
      waiting_.pop_front();
    }
    int ends[2];
    if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    child.process = fork();
    if (child.process < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child.process == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Memory of one point serves the next: giving it back and getting it anew takes a tenth of
      // the time.
      constexpr int kKeep = 1 << 30;
      mallopt(M_MMAP_THRESHOLD, kKeep);
      mallopt(M_TRIM_THRESHOLD, kKeep);
      signal(SIGINT, SIG_IGN);  // the terminal's goes to all; the parent decides
      serve(child.points, ends[1]);
    }
    close(ends[1]);
    child.pipe = ends[0];
    children_.push_back(std::move(child));
  }

  [[noreturn]] void serve(const std::deque<std::size_t>& points, int out) const {
    for (const std::size_t index : points) {
      Head head;
      head.index = static_cast<std::uint32_t>(index);
      std::string reason;
      pb::Result result;
      run_point(study_, catalogue_, points_[index], engine_, head, reason, result);
      const std::string bytes = result.SerializeAsString();
      head.reason = static_cast<std::uint32_t>(reason.size());
      head.result = static_cast<std::uint32_t>(bytes.size());
      const bool sent = write_all(out, &head, sizeof head) &&
                        write_all(out, reason.data(), reason.size()) &&
                        write_all(out, bytes.data(), bytes.size());
      if (!sent) _exit(1);
    }
    _exit(0);
  }

  /// False at the end of what it sends.
  static bool receive(Child& child) {
    char buffer[65536];
    const ssize_t got = ::read(child.pipe, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    child.bytes.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  std::optional<SweepRow> next(Child& child) const {
    Head head;
    if (child.bytes.size() < sizeof head) return std::nullopt;
    std::memcpy(&head, child.bytes.data(), sizeof head);
    const std::size_t whole = sizeof head + head.reason + head.result;
    if (child.bytes.size() < whole) return std::nullopt;
    SweepRow row;
    row.point = points_[head.index];
    row.status = kStatus[head.status];
    row.reason = child.bytes.substr(sizeof head, head.reason);
    row.result.ParseFromArray(child.bytes.data() + sizeof head + head.reason,
                              static_cast<int>(head.result));
    child.bytes.erase(0, whole);
    child.points.pop_front();
    return row;
  }

  /// The process is gone. The point that it was at, if any, is the one that it died of.
  std::optional<SweepRow> ended(Child& child) {
    int status = 0;
    waitpid(child.process, &status, 0);
    close(child.pipe);
    if (child.points.empty()) return std::nullopt;
    SweepRow row;
    row.point = points_[child.points.front()];
    row.status = "failed";
    row.reason = WIFSIGNALED(status) ? fmt::format("the run was ended by signal {} ({})",
                                                   WTERMSIG(status), strsignal(WTERMSIG(status)))
                                     : fmt::format("the run ended with {}", WEXITSTATUS(status));
    row.result.set_engine(engine_);
    child.points.pop_front();
    waiting_.insert(waiting_.begin(), child.points.begin(), child.points.end());
    return row;
  }

  const Study& study_;
  const topology::Catalogue& catalogue_;
  const std::vector<SweepPoint>& points_;
  pb::Engine engine_;
  int jobs_;
  std::deque<std::size_t> waiting_;
  std::list<Child> children_;
};

/// What two databases of one sweep have in common.
std::string identity(const Study& study) {
  pb::Scenario scenario = *study.scenario;
  return fmt::format("aisle {}\n{}", version(), write_text(scenario));
}

struct Shard {
  std::int64_t at = 0, of = 1;

  bool has(std::int64_t id) const { return id % of == at; }
};

std::optional<Shard> shard_of(const std::string& text, Diagnostics& diagnostics) {
  if (text.empty()) return Shard{};
  const std::size_t slash = text.find('/');
  const auto at = plain_number(text.substr(0, slash));
  const auto of = slash == std::string::npos ? std::nullopt : plain_number(text.substr(slash + 1));
  if (at && of && *of >= 1 && *of <= 1e6 && *at >= 1 && *at <= *of && *at == std::floor(*at) &&
      *of == std::floor(*of)) {
    return Shard{static_cast<std::int64_t>(*at) - 1, static_cast<std::int64_t>(*of)};
  }
  diagnostics.error({"--shard", 0, 0}, {}, fmt::format("'{}' is no part of a sweep", text),
                    "the third of eight is 3/8");
  return std::nullopt;
}

/// Runs points on one engine until they are done or it is told to stop.
void run_points(Pool& pool, const char* stage, std::int64_t all, SweepStore& store,
                const SweepOptions& options, SweepOutcome& outcome) {
  SweepProgress progress{stage, 0, all, 0};
  while (!pool.idle()) {
    outcome.stopped = options.stop != nullptr && *options.stop;
    if (outcome.stopped) return;
    pool.work([&](const SweepRow& row) {
      store.add(row, options.blobs);
      ++progress.done;
      progress.failed += row.status == "failed" ? 1 : 0;
      if (options.progress) options.progress(progress);
    });
  }
}

SweepOutcome counted(const SweepStore& store, SweepOutcome outcome) {
  outcome.done = store.count("done");
  outcome.infeasible = store.count("infeasible");
  outcome.failed = store.count("failed");
  return outcome;
}

}  // namespace

std::optional<SweepOutcome> sweep(const Study& study, const topology::Catalogue& catalogue,
                                  const std::string& database, const SweepOptions& options,
                                  Diagnostics& diagnostics) {
  const auto started = std::chrono::steady_clock::now();
  const auto points = sweep_points(study, catalogue, diagnostics);
  const auto shard = shard_of(options.shard, diagnostics);
  if (!points || !shard) return std::nullopt;
  auto store =
      SweepStore::open(database, identity(study), options.resume, options.patience_s, diagnostics);
  if (!store) return std::nullopt;
  const int jobs = options.jobs > 0
                       ? options.jobs
                       : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  SweepOutcome outcome;
  const pb::Engine engine = study.scenario->engine();
  {
    Pool pool(study, catalogue, *points, engine, jobs);
    const std::set<std::int64_t> there = store->ids(engine);
    std::int64_t left = 0;
    for (std::size_t i = 0; i < points->size(); ++i) {
      const std::int64_t id = (*points)[i].id;
      if (!shard->has(id)) continue;
      ++outcome.points;
      if (there.count(id) > 0) {
        ++outcome.found;
        continue;
      }
      pool.add(i);
      ++left;
    }
    run_points(pool, "points", left, *store, options, outcome);
  }
  const pb::SweepRefine& refine = study.scenario->sweep().refine();
  // The best of a part are not the best of all: merged parts are refined by --resume.
  const bool whole = shard->of == 1;
  if (study.scenario->sweep().has_refine() && engine == pb::analytic && whole && !outcome.stopped) {
    Pool pool(study, catalogue, *points, pb::event, jobs);
    const std::set<std::int64_t> there = store->ids(pb::event);
    std::int64_t left = 0;
    for (const std::int64_t id :
         store->best(refine.metric(), refine.larger(), refine.best(), pb::analytic)) {
      if (there.count(id) > 0) continue;
      const auto at =
          std::lower_bound(points->begin(), points->end(), id,
                           [](const SweepPoint& p, std::int64_t i) { return p.id < i; });
      pool.add(static_cast<std::size_t>(at - points->begin()));
      ++left;
    }
    run_points(pool, "on the event engine", left, *store, options, outcome);
  }
  store->finish();
  outcome = counted(*store, outcome);
  outcome.wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return outcome;
}

std::optional<SweepOutcome> merge_sweeps(const std::vector<std::string>& databases,
                                         const std::string& to, Diagnostics& diagnostics) {
  const auto started = std::chrono::steady_clock::now();
  std::vector<SweepStore> parts;
  for (const std::string& path : databases) {
    auto part = SweepStore::read(path, diagnostics);
    if (part && !parts.empty() && part->sweep() != parts.front().sweep()) {
      diagnostics.error({path, 0, 0}, {}, "is of another sweep than " + databases.front(),
                        "only parts of one study's sweep can be merged");
    }
    if (part) parts.push_back(std::move(*part));
  }
  if (diagnostics.has_errors() || parts.empty()) return std::nullopt;
  auto store =
      SweepStore::open(to, parts.front().sweep(), false, SweepOptions().patience_s, diagnostics);
  if (!store) return std::nullopt;
  for (const SweepStore& part : parts) store->add_all(part);
  store->finish();
  SweepOutcome outcome = counted(*store, {});
  outcome.points = outcome.done + outcome.infeasible + outcome.failed;
  outcome.wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return outcome;
}

}  // namespace aisle::sim
