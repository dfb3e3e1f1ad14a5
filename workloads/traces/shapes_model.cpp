// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/shapes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace aisle::workloads::traces {

namespace {

constexpr double kScaleBlock = 128, kScaleBytes = 4;  // as workloads/parallel counts block scales

/// One product or attention of a layer.
struct Slot {
  Family family = Family::gemm;
  Direction direction = Direction::forward;
  std::int64_t m = 0, n = 0, k = 0;
  int groups = 1;
  bool wide = false;    ///< never quantised (router)
  bool routed = false;  ///< m (or k of a weight gradient) is the rows of the experts
  const char* name = "";

  double work() const {
    return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

/// A phase of a layer: runs of slots; within one the order is the implementer's.
using Phase = std::vector<std::vector<Slot>>;

/// y[T, n] = x[T, k] W, and what its backward pass makes of it.
Slot product(const char* name, Direction direction, std::int64_t tokens, std::int64_t n,
             std::int64_t k) {
  Slot slot;
  slot.name = name;
  slot.direction = direction;
  const bool weights = direction == Direction::wgrad;
  slot.m = weights ? n : tokens;
  slot.n = direction == Direction::forward ? n : k;
  slot.k = weights ? tokens : direction == Direction::forward ? k : n;
  return slot;
}

/// Phases of one layer in all usual cuts, by the dimensions of the model.
class Phases {
 public:
  Phases(const ModelGraph& model, const Layer& layer, std::int64_t tokens, int local_experts)
      : model_(model), layer_(layer), tokens_(tokens), local_(local_experts) {
    constexpr Direction kForward = Direction::forward, kBack = Direction::dgrad,
                        kWeights = Direction::wgrad;
    const std::vector<Slot> router =
        layer.feed_forward.experts > 0 ? std::vector<Slot>{gate(kForward)} : std::vector<Slot>{};
    const auto joined = [](std::vector<Slot> a, const std::vector<Slot>& b) {
      a.insert(a.end(), b.begin(), b.end());
      return a;
    };
    const std::vector<Slot> o = {out(kForward)}, o_back = {out(kBack)};
    add({before(kForward), {core(kForward)}, joined(o, router)});
    add({before(kForward), {core(kForward)}, o});
    if (!router.empty()) {
      const std::vector<Slot> back = joined({gate(kBack), gate(kWeights)}, o_back);
      add({joined(back, expand(kForward)), {core(kBack)}, before(kBack)});
      add({back, {core(kBack)}, before(kBack)});
    }
    add({joined(o_back, expand(kForward)), {core(kBack)}, before(kBack)});
    add({o_back, {core(kBack)}, before(kBack)});
    add({joined({out(kWeights)}, before(kWeights))});
    if (layer.feed_forward.experts > 0) experts();
  }

  const std::vector<Phase>& all() const { return phases_; }

 private:
  void add(Phase phase) { phases_.push_back(std::move(phase)); }

  Slot gate(Direction d) const {
    Slot slot = product("router", d, tokens_, layer_.feed_forward.experts, model_.hidden);
    slot.wide = true;
    return slot;
  }

  Slot out(Direction d) const {
    const AttentionShape& a = layer_.attention;
    return product("o projection", d, tokens_, model_.hidden, std::int64_t{a.heads} * a.v_dim);
  }

  Slot core(Direction d) const {
    const AttentionShape& a = layer_.attention;
    Slot slot;
    slot.family = Family::attention;
    slot.direction = d;
    slot.name = "attention core";
    slot.m = tokens_;
    slot.n = a.qk_dim + a.v_dim;
    slot.k = a.heads;
    return slot;
  }

  /// From the latent vectors to q, k and v.
  std::vector<Slot> expand(Direction d) const {
    const AttentionShape& a = layer_.attention;
    if (!a.mla) return {};
    const std::int64_t q = std::int64_t{a.heads} * a.qk_dim;
    const std::int64_t kv = std::int64_t{a.heads} * (a.qk_dim - a.rope_dim + a.v_dim);
    return {product("q up-projection", d, tokens_, q,
                    a.q_lora_rank > 0 ? a.q_lora_rank : model_.hidden),
            product("kv up-projection", d, tokens_, kv, a.kv_lora_rank)};
  }

  /// All products before the core.
  std::vector<Slot> before(Direction d) const {
    const AttentionShape& a = layer_.attention;
    if (!a.mla) {
      const std::int64_t columns =
          std::int64_t{a.heads} * a.qk_dim + std::int64_t{a.kv_heads} * (a.qk_dim + a.v_dim);
      return {product("qkv projection", d, tokens_, columns, model_.hidden)};
    }
    std::vector<Slot> slots = expand(d);
    slots.push_back(
        product("kv down-projection", d, tokens_, a.kv_lora_rank + a.rope_dim, model_.hidden));
    if (a.q_lora_rank > 0) {
      slots.push_back(product("q down-projection", d, tokens_, a.q_lora_rank, model_.hidden));
    }
    return slots;
  }

  Slot grouped(const char* name, Direction d, std::int64_t n, std::int64_t k) const {
    // The mean over ranks, to compare rates; what this rank has is found later.
    const std::int64_t rows = tokens_ * layer_.feed_forward.top_k;
    Slot slot = product(name, d, d == Direction::wgrad ? rows / local_ : rows, n, k);
    slot.routed = true;
    if (d != Direction::wgrad) {
      slot.family = Family::grouped_gemm;
      slot.groups = local_;
    }
    return slot;
  }

  void experts() {
    const FeedForwardShape& f = layer_.feed_forward;
    const std::int64_t h = model_.hidden, in = (f.gated ? 2 : 1) * std::int64_t{f.hidden};
    const std::int64_t shared = f.shared > 0 ? f.shared_hidden : 0;
    const std::int64_t shared_in = (f.gated ? 2 : 1) * shared;
    const auto with_shared = [&](Slot slot) {
      return shared > 0 ? std::vector<Slot>{slot} : std::vector<Slot>{};
    };
    constexpr Direction kForward = Direction::forward, kBack = Direction::dgrad,
                        kWeights = Direction::wgrad;
    add({with_shared(product("shared gate and up", kForward, tokens_, shared_in, h)),
         {grouped("experts gate and up", kForward, in, h)},
         {grouped("experts down", kForward, h, f.hidden)},
         with_shared(product("shared down", kForward, tokens_, h, shared))});
    add({with_shared(product("shared down", kBack, tokens_, h, shared)),
         {grouped("experts down", kBack, h, f.hidden)},
         {grouped("experts gate and up", kBack, in, h)},
         with_shared(product("shared gate and up", kBack, tokens_, shared_in, h))});
    std::vector<Slot> weights = with_shared(product("shared down", kWeights, tokens_, h, shared));
    weights.insert(weights.end(), static_cast<std::size_t>(local_),
                   grouped("experts down", kWeights, h, f.hidden));
    weights.insert(weights.end(), static_cast<std::size_t>(local_),
                   grouped("experts gate and up", kWeights, in, h));
    if (shared > 0) {
      weights.push_back(product("shared gate and up", kWeights, tokens_, shared_in, h));
    }
    add({weights});
  }

  const ModelGraph& model_;
  const Layer& layer_;
  std::int64_t tokens_;
  int local_;
  std::vector<Phase> phases_;
};

const LaunchShape* launch_of(const Trace& trace, const DeviceEvent& event) {
  return event.detail < 0 ? nullptr : &trace.launches[static_cast<std::size_t>(event.detail)];
}

/// Blocks of a kernel that gives each row a block; 0: of another kind.
std::int64_t row_blocks(const Trace& trace, const Described& described, std::size_t i) {
  const DeviceEvent& event = trace.device[i];
  const bool by_row = event.activity == Activity::kernel && described.kernel.family == Family::cast;
  const LaunchShape* launch = by_row ? launch_of(trace, event) : nullptr;
  return launch != nullptr && launch->grid[1] == 1 && launch->grid[2] == 1 ? launch->grid[0] : 0;
}

/// Tokens of a micro-batch: the number of blocks that most casts have, if attention, with a grid of
/// its heads and whole tiles of queries, confirms it.
std::int64_t tokens_of(const Trace& trace, const std::vector<Described>& out, std::int64_t heads) {
  std::map<std::int64_t, int> counts;
  for (std::size_t i = 0; i < out.size(); ++i) ++counts[row_blocks(trace, out[i], i)];
  counts.erase(0);
  std::int64_t tokens = 0;
  for (const auto& [blocks, count] : counts) {
    if (tokens == 0 || count > counts[tokens]) tokens = blocks;
  }
  if (tokens == 0) return 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].kernel.family != Family::attention) continue;
    const LaunchShape* launch = launch_of(trace, trace.device[i]);
    if (launch == nullptr) continue;
    const std::int64_t blocks = std::int64_t{launch->grid[0]} * launch->grid[1] * launch->grid[2];
    for (const std::int64_t tile : {64, 80, 128, 192, 256}) {
      if (blocks * tile == tokens * heads) return tokens;
    }
  }
  return 0;
}

class Matcher {
 public:
  Matcher(const Trace& trace, const ModelGraph& model, const Layer& layer, Index rank,
          std::vector<Described>& out)
      : trace_(trace), layer_(layer), out_(out) {
    tokens_ = tokens_of(trace, out, layer.attention.heads);
    const int world = std::max(1, trace.ranks[static_cast<std::size_t>(rank)].world);
    const int local = std::max(1, layer.feed_forward.experts / world);
    if (tokens_ > 0) phases_ = Phases(model, layer, tokens_, local).all();
    for (std::size_t i = 0; i < trace.device.size(); ++i) {
      if (trace.device[i].rank == rank) order_.push_back(i);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return when(a) < when(b); });
    for (std::size_t place = 0; place < order_.size(); ++place) {
      const Described& described = out[order_[place]];
      const bool counts = described.kernel.family == Family::gemm ||
                          described.kernel.family == Family::grouped_gemm ||
                          described.kernel.family == Family::attention;
      const bool kernel = trace.device[order_[place]].activity == Activity::kernel;
      if (!counts || !kernel || described.from != ShapeFrom::none) continue;
      places_.push_back(place);
      quantised_ = quantised_ || narrow(described.kernel);
    }
  }

  void run() {
    std::size_t at = 0;
    while (at < places_.size()) {
      const std::size_t used = match(at);
      at += std::max<std::size_t>(used, 1);
    }
  }

 private:
  using Assignment = std::vector<std::pair<std::size_t, Slot>>;  // event, slot

  /// Launches are in program order; starts are not, where streams run side by side.
  std::int64_t when(std::size_t i) const {
    const DeviceEvent& event = trace_.device[i];
    return event.launch < 0 ? event.start_ns
                            : trace_.calls[static_cast<std::size_t>(event.launch)].start_ns;
  }

  static bool narrow(const Kernel& kernel) { return topology::size_of(kernel.precision).si() < 2; }

  bool fits(std::size_t i, const Slot& slot) const {
    const Kernel& kernel = out_[i].kernel;
    if (kernel.family != slot.family) return false;
    const KernelClass& known = trace_.class_of(trace_.device[i]);
    const bool weights = slot.direction == Direction::wgrad;
    // A name that says weight gradient can be nothing else; one that says nothing, anything.
    if (known.direction_known && (known.direction == Direction::wgrad) != weights) return false;
    if (weights && quantised_ && !slot.wide && !known.direction_known) return false;
    if (slot.family == Family::attention) {
      return (known.direction == Direction::dgrad) == (slot.direction == Direction::dgrad);
    }
    return !quantised_ || narrow(kernel) != slot.wide;
  }

  /// Slots of a run to its kernels: as listed, or the longest to the most work if that gives rates
  /// that are more alike. False: some kernel is not what the run needs.
  bool assign(std::size_t first, const std::vector<Slot>& run, Assignment& assignment) const {
    std::vector<std::size_t> wide, rest;
    for (std::size_t i = 0; i < run.size(); ++i) {
      const std::size_t event = order_[places_[first + i]];
      (quantised_ && !narrow(out_[event].kernel) ? wide : rest).push_back(event);
    }
    std::vector<Slot> wide_slots, rest_slots;
    for (const Slot& slot : run) {
      (quantised_ && (slot.wide || slot.family == Family::attention) ? wide_slots : rest_slots)
          .push_back(slot);
    }
    return pair_up(wide, wide_slots, assignment) && pair_up(rest, rest_slots, assignment);
  }

  bool pair_up(const std::vector<std::size_t>& events, std::vector<Slot> slots,
               Assignment& assignment) const {
    if (events.size() != slots.size()) return false;
    Assignment listed, ranked;
    for (std::size_t i = 0; i < events.size(); ++i) listed.emplace_back(events[i], slots[i]);
    std::vector<std::size_t> sorted = events;
    std::stable_sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
      return trace_.device[a].duration_ns > trace_.device[b].duration_ns;
    });
    std::stable_sort(slots.begin(), slots.end(),
                     [](const Slot& a, const Slot& b) { return a.work() > b.work(); });
    for (std::size_t i = 0; i < events.size(); ++i) ranked.emplace_back(sorted[i], slots[i]);
    constexpr double kClearly = 0.8;
    const bool by_rank = spread(ranked) < kClearly * spread(listed);
    for (const auto& [event, slot] : by_rank ? ranked : listed) {
      if (!fits(event, slot)) return false;
      assignment.emplace_back(event, slot);
    }
    return true;
  }

  /// Of the logarithm of the rates: products of one phase run at rates within a factor of a few.
  double spread(const Assignment& assignment) const {
    double low = std::numeric_limits<double>::max(), high = -low;
    for (const auto& [event, slot] : assignment) {
      if (slot.family == Family::attention || slot.wide) continue;
      const auto ns =
          static_cast<double>(std::max<std::int64_t>(trace_.device[event].duration_ns, 1));
      const double rate = std::log(slot.work() / ns);
      low = std::min(low, rate);
      high = std::max(high, rate);
    }
    return high < low ? 0 : high - low;
  }

  /// Kernels that the best fitting phase took; of those that fit, the longest, then the one with
  /// the most equal rates.
  std::size_t match(std::size_t at) {
    constexpr double kWidest = 1.4;  // a factor of four between the rates of one phase
    Assignment best;
    double best_spread = kWidest;
    for (const Phase& phase : phases_) {
      Assignment assignment;
      std::size_t place = at;
      bool good = true;
      for (const std::vector<Slot>& run : phase) {
        good = good && place + run.size() <= places_.size() && assign(place, run, assignment);
        place += run.size();
      }
      if (!good || assignment.size() < 3) continue;
      const double own = spread(assignment);
      const bool better = assignment.size() > best.size() ||
                          (assignment.size() == best.size() && own < best_spread);
      if (own < kWidest && better) {
        best = std::move(assignment);
        best_spread = own;
      }
    }
    if (!best.empty()) fill(at, best);
    return best.size();
  }

  /// Rows of the experts: more than the tokens, in a cast beside the products.
  std::int64_t expert_rows(std::size_t at, std::size_t count) const {
    constexpr std::size_t kBeside = 12;
    const std::size_t first = places_[at];
    const std::size_t last = std::min(order_.size(), places_[at + count - 1] + kBeside);
    std::int64_t rows = 0;
    for (std::size_t place = first; place < last; ++place) {
      const std::size_t i = order_[place];
      rows = std::max(rows, row_blocks(trace_, out_[i], i));
    }
    return rows > tokens_ ? rows : 0;
  }

  void fill(std::size_t at, const Assignment& assignment) {
    const bool products_of_rows =
        std::any_of(assignment.begin(), assignment.end(),
                    [](const auto& entry) { return entry.second.family == Family::grouped_gemm; });
    if (products_of_rows) rows_ = expert_rows(at, assignment.size());
    const auto local = static_cast<std::int64_t>(
        std::count_if(assignment.begin(), assignment.end(),
                      [](const auto& entry) {
                        return entry.second.routed && entry.second.direction == Direction::wgrad;
                      }) /
        2);
    for (auto [event, slot] : assignment) {
      if (slot.routed && rows_ == 0) continue;
      if (slot.routed && slot.direction == Direction::wgrad) {
        slot.k = rows_ / std::max<std::int64_t>(local, 1);
      } else if (slot.routed) {
        slot.m = rows_;
      }
      count(slot, out_[event]);
    }
  }

  void count(const Slot& slot, Described& described) const {
    Kernel& kernel = described.kernel;
    described.from = ShapeFrom::model;
    kernel.direction = slot.direction;
    kernel.m = slot.m;
    kernel.n = slot.n;
    kernel.k = slot.k;
    kernel.groups = slot.groups;
    kernel.name = slot.name;
    const auto m = static_cast<double>(slot.m), n = static_cast<double>(slot.n),
               k = static_cast<double>(slot.k);
    if (slot.family == Family::attention) {
      const AttentionShape& a = layer_.attention;
      AttentionWork work;
      work.queries = work.keys = m;
      work.pairs = m * m / 2;  // one causal sequence
      work.heads = a.heads;
      work.kv_heads = a.kv_heads;
      work.qk = a.qk_dim;
      work.v = a.v_dim;
      count_attention(kernel, work);
      return;
    }
    const bool weights = slot.direction == Direction::wgrad, blocks = narrow(kernel);
    const double operand = topology::size_of(kernel.precision).si();
    const double scaled = blocks ? m * k + (weights ? n * k : 0) : 0;
    // A quantised recipe accumulates weight gradients in FP32: read and written.
    count_matrix(kernel, slot.groups * n * k, operand, weights && blocks ? 8 : 2,
                 scaled / kScaleBlock * kScaleBytes);
  }

  const Trace& trace_;
  const Layer& layer_;
  std::vector<Described>& out_;
  std::vector<std::size_t> order_, places_;  ///< events as launched; those to match, in that order
  std::vector<Phase> phases_;
  std::int64_t tokens_ = 0, rows_ = 0;
  bool quantised_ = false;
};

}  // namespace

void shapes_from_model(const Trace& trace, const ModelGraph& model, std::vector<Described>& out) {
  const auto layer = std::find_if(model.layers.begin(), model.layers.end(), [&](const Layer& l) {
    return l.kind == (model.is_moe() ? LayerKind::moe : LayerKind::dense);
  });
  if (layer == model.layers.end()) return;
  for (std::size_t rank = 0; rank < trace.ranks.size(); ++rank) {
    Matcher(trace, model, *layer, static_cast<Index>(rank), out).run();
  }
}

}  // namespace aisle::workloads::traces
