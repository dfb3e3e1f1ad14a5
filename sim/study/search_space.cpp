// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_space.hpp"

#include "sim/base/proto_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>
#include <utility>

namespace aisle::sim {

namespace {

namespace parallel = workloads::parallel;

std::vector<int> divisors(int number) {
  std::vector<int> low, high;
  for (int i = 1; static_cast<std::int64_t>(i) * i <= number; ++i) {
    if (number % i != 0) continue;
    low.push_back(i);
    if (i != number / i) high.push_back(number / i);
  }
  low.insert(low.end(), high.rbegin(), high.rend());
  return low;
}

std::vector<int> values_of(const google::protobuf::EnumDescriptor& descriptor) {
  std::vector<int> values;
  for (int i = 0; i < descriptor.value_count(); ++i) {
    values.push_back(descriptor.value(i)->number());
  }
  return values;
}

const google::protobuf::EnumDescriptor* enum_of(const std::string& axis) {
  if (axis == "schedule") return pb::Schedule_descriptor();
  if (axis == "recompute") return pb::Recompute_descriptor();
  return nullptr;
}

std::optional<int> read_value(const std::string& axis, const std::string& text) {
  if (const auto* descriptor = enum_of(axis)) {
    const auto* value = descriptor->FindValueByName(text);
    return value == nullptr ? std::nullopt : std::optional<int>(value->number());
  }
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// What the study itself has.
int own_value(const std::string& axis, const pb::Training& training) {
  const pb::Parallel& p = training.parallel();
  if (axis == "tensor") return p.tensor();
  if (axis == "context") return p.context();
  if (axis == "pipeline") return p.pipeline();
  if (axis == "expert") return p.expert();
  if (axis == "zero") return p.zero();
  if (axis == "schedule") return p.schedule();
  if (axis == "virtual_stages") return p.virtual_stages();
  if (axis == "micro_batch") return training.micro_batch();
  return training.recompute();
}

void set_layout(const Mapping& m, pb::Training& training) {
  pb::Parallel& p = *training.mutable_parallel();
  p.set_tensor(m.tensor);
  p.set_context(m.context);
  p.set_pipeline(m.pipeline);
  p.set_data(m.data);
  p.set_expert(m.expert);
  p.set_zero(m.zero);
  p.set_schedule(m.schedule);
  p.set_virtual_stages(m.virtual_stages);
  training.set_micro_batch(m.micro_batch);
  training.set_recompute(m.recompute);
}

}  // namespace

std::vector<std::string> search_axes() {
  return {"tensor",   "context",        "pipeline",    "expert",   "zero",
          "schedule", "virtual_stages", "micro_batch", "recompute"};
}

pb::Scenario with_layout(const pb::Scenario& scenario, const Mapping& mapping) {
  pb::Scenario other = scenario;
  pb::Training& training = *other.mutable_workload()->mutable_training();
  const int stages = mapping.pipeline * mapping.virtual_stages;
  if (training.parallel().stage_layers_size() != stages ||
      training.parallel().pipeline() != mapping.pipeline) {
    training.mutable_parallel()->clear_stage_layers();
  }
  set_layout(mapping, training);
  other.clear_reference();  // published figures are those of the job as written
  return other;
}

bool LayoutSpace::choose(const SearchOptions& options, Diagnostics& diagnostics) {
  const std::vector<std::string> names = search_axes();
  const auto known = [&](const std::string& flag, const std::string& axis) {
    if (std::find(names.begin(), names.end(), axis) != names.end()) return true;
    const std::string suggestion = did_you_mean(axis, names);
    diagnostics.error({flag, 0, 0}, {}, fmt::format("'{}' is no axis of a layout", axis),
                      suggestion.empty() ? "tensor, context, pipeline, expert, zero, schedule, "
                                           "virtual_stages, micro_batch or recompute"
                                         : suggestion);
    return false;
  };
  for (const std::string& axis : names) {
    axes_[axis] = {options.over.empty(), own_value(axis, training_)};
  }
  for (const std::string& axis : options.over) {
    if (known("--over", axis)) axes_[axis].searched = true;
  }
  for (const std::string& text : options.fixed) {
    const std::size_t equals = text.find('=');
    const std::string axis = text.substr(0, equals);
    if (!known("--fix", axis)) continue;
    const auto value =
        equals == std::string::npos ? std::nullopt : read_value(axis, text.substr(equals + 1));
    if (!value) {
      std::string hint = fmt::format("write for example --fix {}=8", axis);
      if (const auto* descriptor = enum_of(axis)) {
        hint = fmt::format("write for example --fix {}={}", axis, descriptor->value(0)->name());
      }
      diagnostics.error({"--fix", 0, 0}, {}, fmt::format("'{}' gives no value to hold", text),
                        hint);
      continue;
    }
    axes_[axis] = {false, *value};
  }
  return !diagnostics.has_errors();
}

std::vector<int> LayoutSpace::among(const std::string& axis, std::vector<int> candidates) const {
  const AxisChoice& choice = axes_.at(axis);
  if (choice.searched) return candidates;
  return {choice.value};
}

void LayoutSpace::find_cuts() {
  const int count = cluster_.count();
  std::vector<int> experts = {1};
  for (const workloads::Layer& layer : model_.layers) {
    if (layer.feed_forward.experts > 0) experts = divisors(layer.feed_forward.experts);
  }
  for (const int tensor : among("tensor", divisors(count))) {
    if (tensor < 1 || count % tensor != 0) continue;
    for (const int context : among("context", divisors(count / tensor))) {
      if (context < 1 || count / tensor % context != 0) continue;
      if (training_.sequence() % (static_cast<std::int64_t>(tensor) * context) != 0) continue;
      for (const int expert : among("expert", experts)) cuts_.push_back({tensor, context, expert});
    }
  }
}

/// Balancing is dear, so that each number of stages is balanced once for all threads.
void LayoutSpace::balance() {
  for (const int pipeline : among("pipeline", divisors(cluster_.count()))) {
    for (const int schedule : values_of(*pb::Schedule_descriptor())) {
      for (const int chunks : among("virtual_stages", virtual_stages(pipeline, schedule))) {
        const std::int64_t stages = static_cast<std::int64_t>(pipeline) * chunks;
        if (stages < 1 || stages > model_.transformer_layers() + 2) continue;
        auto& counts = balanced_[static_cast<int>(stages)];
        if (!counts.empty()) continue;
        counts =
            parallel::balanced_stage_layers(model_, static_cast<int>(stages), training_.sequence());
      }
    }
  }
}

std::optional<LayoutSpace> LayoutSpace::build(const pb::Training& training,
                                              const workloads::ModelGraph& model,
                                              const topology::Cluster& cluster,
                                              const SearchOptions& options,
                                              Diagnostics& diagnostics) {
  LayoutSpace space(training, model, cluster);
  if (!space.choose(options, diagnostics)) return std::nullopt;
  space.recomputes_ = space.among("recompute", values_of(*pb::Recompute_descriptor()));
  std::reverse(space.recomputes_.begin(), space.recomputes_.end());
  space.find_cuts();
  space.balance();
  return space;
}

/// Numbers of chunks per rank that change how many layers the largest chunk holds.
std::vector<int> LayoutSpace::virtual_stages(int pipeline, int schedule) const {
  if (schedule == pb::zb_v) return {2};
  if (schedule != pb::interleaved && schedule != pb::breadth_first) return {1};
  const int layers = model_.transformer_layers();
  const auto largest = [&](int chunks) { return (layers - 1) / (pipeline * chunks) + 1; };
  std::vector<int> chosen;
  for (int v = 2; v * pipeline <= layers; ++v) {
    if (largest(v) < largest(chosen.empty() ? 1 : chosen.back())) chosen.push_back(v);
  }
  return chosen;
}

/// Whether the study's own numbers of layers by stage still mean something.
bool LayoutSpace::keeps_stages() const {
  return !axes_.at("pipeline").searched && !axes_.at("virtual_stages").searched &&
         axes_.at("pipeline").value == training_.parallel().pipeline() &&
         axes_.at("virtual_stages").value == training_.parallel().virtual_stages();
}

/// ZeRO stages and recomputation of layouts that are else alike. More recomputation never needs
/// more memory, and ZeRO-0 and 1 never less than both higher stages: what is too large with those
/// is not looked at without. Says whether any of them may fit.
LayoutSpace::Left LayoutSpace::each_states(Mapping m, pb::Training& training, bool too_large,
                                           const Visit& visit) const {
  const std::vector<int> zeros =
      among("zero", m.data * m.context > 1 ? std::vector<int>{3, 2, 1, 0} : std::vector<int>{0});
  m.zero = zeros.front();
  set_layout(m, training);
  std::optional<parallel::Job> job;
  if (!too_large) {
    job = parallel::check_layout(model_, training, cluster_, workloads::Folding::folded);
  }
  int too_large_stages = 0;  // higher ZeRO stages that nothing fits with
  bool fits = false, looked = false;
  for (const int zero : zeros) {
    m.zero = zero;
    bool misfit = too_large || (zero <= 1 && too_large_stages >= 2);
    for (const int recompute : recomputes_) {
      m.recompute = static_cast<pb::Recompute>(recompute);
      if (misfit) {
        if (visit(m, nullptr, true) == Verdict::stop) return Left::stopped;
        continue;
      }
      set_layout(m, training);
      const bool good = job && parallel::change_states(*job, training);
      const Verdict verdict = visit(m, good ? &*job : nullptr, false);
      if (verdict == Verdict::stop) return Left::stopped;
      misfit = verdict == Verdict::too_large;
      if (misfit && recompute == pb::full) ++too_large_stages;
      looked |= good;
      fits |= good && !misfit;
    }
  }
  return too_large || (looked && !fits) ? Left::none : Left::some;
}

void LayoutSpace::each(const Cut& cut, const Visit& visit) const {
  const int rest = cluster_.count() / (cut.tensor * cut.context);
  const int layers = model_.transformer_layers();
  pb::Training training = training_;
  training.set_ranks(pb::alike);
  Mapping m;
  m.tensor = cut.tensor;
  m.context = cut.context;
  m.expert = cut.expert;
  for (const int pipeline : among("pipeline", divisors(rest))) {
    if (pipeline < 1 || rest % pipeline != 0 || pipeline > layers + 2) continue;
    m.pipeline = pipeline;
    m.data = rest / pipeline;
    const int batch = training.global_batch() % m.data == 0 ? training.global_batch() / m.data : 0;
    if (batch == 0) continue;
    // On one rank all schedules are the same.
    const std::vector<int> schedules =
        among("schedule", pipeline == 1 ? std::vector<int>{pb::one_f_one_b}
                                        : values_of(*pb::Schedule_descriptor()));
    for (const int schedule : schedules) {
      m.schedule = static_cast<pb::Schedule>(schedule);
      for (const int chunks : among("virtual_stages", virtual_stages(pipeline, schedule))) {
        m.virtual_stages = chunks;
        const int stages = pipeline * chunks;
        if (chunks < 1 || stages > layers + 2) continue;
        if (!keeps_stages()) {
          const std::vector<int>& counts = balanced_.at(stages);
          training.mutable_parallel()->mutable_stage_layers()->Assign(counts.begin(), counts.end());
        }
        // Larger micro-batches need no less, but where fewer of them have fewer gradients in hand:
        // summed operator by operator, or of several chunks with ZeRO-2.
        const bool grows = training.operators() != pb::eager && schedule != pb::interleaved &&
                           schedule != pb::zb_v;
        Left left = Left::some;
        for (const int micro_batch : among("micro_batch", divisors(batch))) {
          m.micro_batch = micro_batch;
          left = each_states(m, training, grows && left == Left::none, visit);
          if (left == Left::stopped) return;
        }
      }
    }
  }
}

}  // namespace aisle::sim
