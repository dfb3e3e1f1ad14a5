// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/fleet.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/serving/replica.hpp"

#include <queue>

#include <algorithm>
#include <tuple>

namespace aisle::workloads {

namespace {

int blocks_of_prefix(const EnginePolicy& policy, const RequestStream& stream) {
  // Prefixes are shared by whole blocks.
  if (!policy.prefix_caching || stream.prefix_tokens % policy.block_tokens != 0) return 0;
  return stream.prefix_tokens / policy.block_tokens;
}

/// Where the cache of a request lies that was handed over.
struct Sender {
  std::int32_t replica = -1, engine = -1, sequence = -1;
};

enum class EventKind : std::uint8_t { step, sent, wake, started, idle };

struct Event {
  double time;
  EventKind kind;
  std::int32_t pool, replica;
  std::int32_t index;  ///< slot of a step, request of what was sent

  friend bool operator>(const Event& a, const Event& b) {
    return std::tie(a.time, a.kind, a.pool, a.replica, a.index) >
           std::tie(b.time, b.kind, b.pool, b.replica, b.index);
  }
};

/// Arrivals, ends of steps and what follows from them, in order of time.
class Fleet {
 public:
  Fleet(const RequestStream& stream, const FleetPlan& plan, const FleetHooks& hooks)
      : stream_(stream), plan_(plan), hooks_(hooks), shared_(plan.pool_tokens) {
    run_.outcomes.resize(stream.requests.size());
    run_.pools.resize(plan.pools.size());
    replicas_.resize(plan.pools.size());
    turn_.resize(plan.pools.size());
    there_.resize(plan.pools.size());
    if (plan.pools.size() > 1) senders_.resize(stream.requests.size());
    for (std::size_t pool = 0; pool < plan.pools.size(); ++pool) build(pool);
  }

  ServingRun run() {
    first_arrivals();
    while (!arrivals_.empty() || inside_ > 0) {
      if (hooks_.stop && hooks_.stop()) {
        run_.stopped = true;
        break;
      }
      const bool arrival =
          !arrivals_.empty() && (events_.empty() || arrivals_.top().first <= events_.top().time);
      AISLE_ASSERT(arrival || !events_.empty(), "requests wait for something that comes");
      const double time = arrival ? arrivals_.top().first : events_.top().time;
      run_.sequences_s += static_cast<double>(inside_) * (time - now_);
      now_ = time;
      if (arrival) {
        const std::int32_t request = arrivals_.top().second;
        arrivals_.pop();
        arrive(request);
      } else {
        const Event event = events_.top();
        events_.pop();
        happen(event);
      }
    }
    close();
    return std::move(run_);
  }

 private:
  void build(std::size_t pool);
  void first_arrivals();
  void happen(const Event& event);
  void arrive(std::int32_t request);
  Fate fate_of(const Request& request) const;
  void send_to(std::size_t pool, std::int32_t request, bool computed);
  double transfer(std::int32_t request, KvStore& receiver, double now);
  void wake(std::size_t pool, std::size_t replica);
  void start(std::size_t pool, std::size_t replica, std::size_t slot);
  void finish(const Event& step);
  void empty(std::size_t pool, std::size_t replica, std::size_t engine);
  void leave(std::int32_t request);
  void scale_up(std::size_t pool);
  void stop_idle(const Event& event);
  void close();

  Replica& at(std::size_t pool, std::size_t replica) { return replicas_[pool][replica]; }

  const RequestStream& stream_;
  const FleetPlan& plan_;
  const FleetHooks& hooks_;
  CacheTier shared_;
  ServingRun run_;
  std::vector<std::deque<Replica>> replicas_;  ///< by pool
  std::vector<std::size_t> turn_;              ///< by pool
  std::vector<int> there_;                     ///< replicas that are not off, by pool
  std::vector<Sender> senders_;                ///< by request
  std::vector<ServingStep*> started_;          ///< of the groups of one step
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  using Arrival = std::pair<double, std::int32_t>;
  std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
  double now_ = 0;
  std::int64_t inside_ = 0;
  std::int32_t next_ = 0;
};

void Fleet::build(std::size_t pool) {
  const PoolPlan& plan = plan_.pools[pool];
  const int of_prefix = blocks_of_prefix(plan.policy, stream_);
  for (int i = 0; i < plan.replicas; ++i) {
    Replica& replica = replicas_[pool].emplace_back();
    const auto stages = static_cast<std::size_t>(plan.stages);
    const auto groups = static_cast<std::size_t>(plan.groups);
    replica.stage_free.resize(stages);
    replica.in_flight.resize(stages);
    for (std::size_t group = 0; group < groups; ++group) {
      KvStore& store = replica.stores.emplace_back(
          KvBlocks(plan.policy.blocks, of_prefix, plan.policy.block_tokens),
          CacheTier(plan.ways.host_tokens, &shared_));
      store.network.token_s = plan.ways.network_s;
      store.from_host.token_s = plan.ways.host_s;
      store.from_pool.token_s = plan.ways.pool_s;
    }
    for (std::size_t engine = 0; engine < stages * groups; ++engine) {
      KvStore& store = replica.stores[engine % groups];
      replica.engines.emplace_back(plan.policy, stream_, plan.clock, run_.outcomes, store,
                                   [this, &store](std::int32_t request, double now) {
                                     return transfer(request, store, now);
                                   });
    }
    if (plan.scaling.least > 0 && i >= plan.scaling.least) {
      replica.state = Replica::State::off;
    } else {
      ++there_[pool];
    }
  }
}

void Fleet::first_arrivals() {
  const auto count = static_cast<std::int32_t>(stream_.requests.size());
  for (; next_ < count; ++next_) {
    const Request& request = stream_.requests[static_cast<std::size_t>(next_)];
    if (request.waits) continue;
    if (stream_.concurrency > 0 && next_ >= stream_.concurrency) break;
    arrivals_.emplace(stream_.concurrency > 0 ? 0 : request.arrival_s, next_);
  }
}

void Fleet::happen(const Event& event) {
  const auto pool = static_cast<std::size_t>(event.pool);
  const auto replica = static_cast<std::size_t>(event.replica);
  switch (event.kind) {
    case EventKind::step:
      return finish(event);
    case EventKind::idle:
      return stop_idle(event);
    case EventKind::wake:
      return wake(pool, replica);
    case EventKind::started:
      at(pool, replica).state = Replica::State::on;
      return;
    case EventKind::sent: {
      const Sender& sender = senders_[static_cast<std::size_t>(event.index)];
      at(pool, replica).engines[static_cast<std::size_t>(sender.engine)].sent(sender.sequence);
      return wake(pool, replica);
    }
  }
}

/// Whether every pool that it goes through can hold it.
Fate Fleet::fate_of(const Request& request) const {
  const std::int64_t all = std::int64_t{request.prompt} + request.output;
  if (plan_.max_context > 0 && all > plan_.max_context) return Fate::too_long;
  for (const PoolPlan& pool : plan_.pools) {
    // The last token that is generated is never read.
    const std::int64_t held = pool.policy.hands_over ? request.prompt : all - 1;
    if (!pool.policy.fits(held)) return Fate::too_large;
  }
  return Fate::unfinished;
}

void Fleet::arrive(std::int32_t request) {
  RequestOutcome& outcome = run_.outcomes[static_cast<std::size_t>(request)];
  outcome.arrival_s = now_;
  outcome.fate = fate_of(stream_.requests[static_cast<std::size_t>(request)]);
  ++inside_;
  if (outcome.fate != Fate::unfinished) return leave(request);
  send_to(0, request, false);
}

void Fleet::send_to(std::size_t pool, std::int32_t request, bool computed) {
  const EnginePlace to = choose_engine(replicas_[pool], plan_.router, turn_[pool], request);
  at(pool, to.replica).engines[to.engine].arrive(request, computed);
  wake(pool, to.replica);
  scale_up(pool);
}

/// The cache of a prompt goes over the NICs of both sides, one prompt after the other on each.
double Fleet::transfer(std::int32_t request, KvStore& receiver, double now) {
  const Sender& from = senders_[static_cast<std::size_t>(request)];
  const auto replica = static_cast<std::size_t>(from.replica);
  const auto groups = static_cast<std::size_t>(plan_.pools[0].groups);
  KvStore& sender = at(0, replica).stores[static_cast<std::size_t>(from.engine) % groups];
  const double tokens = stream_.requests[static_cast<std::size_t>(request)].prompt;
  const double seconds = tokens * std::max(sender.network.token_s, receiver.network.token_s);
  const RequestOutcome& outcome = run_.outcomes[static_cast<std::size_t>(request)];
  double begin = std::max(sender.network.free_at, receiver.network.free_at);
  // Layer by layer it begins with the prompt, and ends one layer behind it at the earliest.
  begin = std::max(begin, plan_.layers_sent > 0 ? outcome.start_s : now);
  double end = begin + seconds;
  if (plan_.layers_sent > 0) end = std::max(end, now + seconds / plan_.layers_sent);
  sender.network.free_at = receiver.network.free_at = end;
  end += plan_.network_latency_s;
  run_.sending_s += end - outcome.first_token_s;
  ++run_.sent;
  events_.push({end, EventKind::sent, 0, from.replica, request});
  return end;
}

/// Slots that have no batch in flight start one, where there is something to do.
void Fleet::wake(std::size_t pool, std::size_t replica) {
  for (std::size_t slot = 0; slot < at(pool, replica).in_flight.size(); ++slot) {
    if (!at(pool, replica).in_flight[slot]) start(pool, replica, slot);
  }
}

void Fleet::start(std::size_t pool, std::size_t replica, std::size_t slot) {
  const PoolPlan& plan = plan_.pools[pool];
  Replica& one = at(pool, replica);
  PoolRun& sums = run_.pools[pool];
  const auto groups = static_cast<std::size_t>(plan.groups);
  std::int64_t together = 0;
  started_.clear();
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t index = slot * groups + group;
    ServingEngine& engine = one.engines[index];
    ServingStep* step = engine.start(now_);
    empty(pool, replica, index);
    if (step == nullptr) continue;
    started_.push_back(step);
    together += step->new_tokens();
    sums.passes += step->decoding;
    sums.most_blocks = std::max(sums.most_blocks, engine.store().blocks.in_use());
  }
  if (started_.empty()) return;
  FleetStep made;
  double seconds = 0;
  for (ServingStep* step : started_) {
    if (groups > 1) step->together = together;
    const double needed = plan.clock(*step);
    if (made.longest == nullptr || needed > seconds) {
      seconds = needed;
      made.longest = step;
    }
  }
  one.in_flight[slot] = true;
  // Each stage takes one batch after the other.
  double end = now_;
  for (double& free : one.stage_free) {
    end = std::max(end, free) + seconds / plan.stages;
    free = end;
  }
  sums.busy_s += seconds;
  ++sums.steps;
  events_.push({end, EventKind::step, static_cast<std::int32_t>(pool),
                static_cast<std::int32_t>(replica), static_cast<std::int32_t>(slot)});
  if (!hooks_.step) return;
  made.pool = static_cast<int>(pool);
  made.replica = static_cast<int>(replica);
  made.slot = static_cast<int>(slot);
  made.start_s = now_;
  made.end_s = end;
  made.waiting = one.waiting();
  made.there = there_[pool];
  for (const KvStore& store : one.stores) made.blocks += store.blocks.in_use();
  hooks_.step(made);
}

void Fleet::finish(const Event& step) {
  const auto pool = static_cast<std::size_t>(step.pool);
  const auto replica = static_cast<std::size_t>(step.replica);
  const auto slot = static_cast<std::size_t>(step.index);
  Replica& one = at(pool, replica);
  one.in_flight[slot] = false;
  const auto groups = static_cast<std::size_t>(plan_.pools[pool].groups);
  for (std::size_t group = 0; group < groups; ++group) {
    one.engines[slot * groups + group].finish(now_);
    empty(pool, replica, slot * groups + group);
  }
  wake(pool, replica);
  if (plan_.pools[pool].scaling.least == 0 || !one.idle()) return;
  one.idle_since = now_;
  events_.push(
      {now_ + plan_.pools[pool].scaling.idle_s, EventKind::idle, step.pool, step.replica, 0});
}

/// What an engine has to say.
void Fleet::empty(std::size_t pool, std::size_t replica, std::size_t engine) {
  EngineOutbox& box = at(pool, replica).engines[engine].outbox();
  for (const double time : box.wakes) {
    events_.push({time, EventKind::wake, static_cast<std::int32_t>(pool),
                  static_cast<std::int32_t>(replica), 0});
  }
  for (const std::int32_t request : box.refused) leave(request);
  for (const std::int32_t request : box.ended) leave(request);
  for (const auto& [request, sequence] : box.handed) {
    senders_[static_cast<std::size_t>(request)] = {static_cast<std::int32_t>(replica),
                                                   static_cast<std::int32_t>(engine), sequence};
    send_to(1, request, true);
  }
  box.clear();
}

/// A request is gone; what comes because of that: the turn that waited, or whoever stands in line.
void Fleet::leave(std::int32_t request) {
  --inside_;
  const std::int32_t turn = stream_.requests[static_cast<std::size_t>(request)].next;
  if (turn >= 0) {
    const double think = stream_.requests[static_cast<std::size_t>(turn)].arrival_s;
    arrivals_.emplace(now_ + think, turn);
    return;
  }
  const auto count = static_cast<std::int32_t>(stream_.requests.size());
  while (next_ < count && stream_.requests[static_cast<std::size_t>(next_)].waits) ++next_;
  if (stream_.concurrency > 0 && next_ < count) arrivals_.emplace(now_, next_++);
}

/// One more replica where more wait than those that are there or coming are meant for.
void Fleet::scale_up(std::size_t pool) {
  const Scaling& scaling = plan_.pools[pool].scaling;
  if (scaling.least == 0) return;
  auto& replicas = replicas_[pool];
  std::int64_t waiting = 0;
  for (const Replica& replica : replicas) waiting += replica.waiting();
  const auto next = std::find_if(replicas.begin(), replicas.end(), [](const Replica& replica) {
    return replica.state == Replica::State::off;
  });
  const double meant = scaling.queue * there_[pool];
  if (next == replicas.end() || static_cast<double>(waiting) <= meant) return;
  const auto index = static_cast<std::int32_t>(next - replicas.begin());
  next->state = Replica::State::starting;
  next->on_since = now_;
  next->idle_since = now_ + scaling.start_s;
  ++there_[pool];
  ++run_.pools[pool].starts;
  events_.push(
      {now_ + scaling.start_s, EventKind::started, static_cast<std::int32_t>(pool), index, 0});
  events_.push({next->idle_since + scaling.idle_s, EventKind::idle, static_cast<std::int32_t>(pool),
                index, 0});
}

/// A replica that has had nothing to do for so long stops, unless it is one of the least.
void Fleet::stop_idle(const Event& event) {
  const auto pool = static_cast<std::size_t>(event.pool);
  const Scaling& scaling = plan_.pools[pool].scaling;
  Replica& replica = at(pool, static_cast<std::size_t>(event.replica));
  const bool still = replica.state == Replica::State::on && replica.idle() &&
                     now_ >= replica.idle_since + scaling.idle_s;
  if (!still || event.replica < scaling.least) return;
  replica.state = Replica::State::off;
  --there_[pool];
  for (KvStore& store : replica.stores) store.forget();
  run_.pools[pool].replica_s += now_ - replica.on_since;
}

void Fleet::close() {
  run_.end_s = now_;
  for (std::size_t pool = 0; pool < replicas_.size(); ++pool) {
    PoolRun& sums = run_.pools[pool];
    for (const Replica& replica : replicas_[pool]) {
      if (replica.state != Replica::State::off) sums.replica_s += now_ - replica.on_since;
      for (const KvStore& store : replica.stores) {
        sums.blocks_left += store.blocks.in_use();
        sums.host_left += store.host.reserved();
      }
      for (const ServingEngine& engine : replica.engines) {
        sums.preemptions += engine.preemptions();
        sums.swaps += engine.swaps();
        sums.from_host += engine.from_host();
        sums.from_pool += engine.from_pool();
      }
    }
  }
}

}  // namespace

PoolRun ServingRun::total() const {
  PoolRun all;
  for (const PoolRun& pool : pools) {
    all.steps += pool.steps;
    all.preemptions += pool.preemptions;
    all.swaps += pool.swaps;
    all.busy_s += pool.busy_s;
    all.replica_s += pool.replica_s;
    all.starts += pool.starts;
    all.most_blocks = std::max(all.most_blocks, pool.most_blocks);
    all.blocks_left += pool.blocks_left;
    all.host_left += pool.host_left;
    all.from_host += pool.from_host;
    all.from_pool += pool.from_pool;
    all.passes += pool.passes;
  }
  return all;
}

ServingRun serve(const RequestStream& stream, const FleetPlan& plan, const FleetHooks& hooks) {
  return Fleet(stream, plan, hooks).run();
}

}  // namespace aisle::workloads
