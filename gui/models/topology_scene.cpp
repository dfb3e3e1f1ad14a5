// SPDX-License-Identifier: Apache-2.0
#include "gui/models/topology_scene.hpp"

#include "sim/study/result.pb.h"
#include "topology/cluster.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace aisle::gui {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

QString rate_text(BytesPerSecond rate) {
  const double bytes = rate.in(units::B / units::s);
  return bytes >= 1e12 ? QString("%1 TB/s").arg(bytes / 1e12, 0, 'g', 4)
                       : QString("%1 GB/s").arg(bytes / 1e9, 0, 'g', 4);
}

int pipeline_of(const pb::Result& result) {
  return std::max(1, result.scenario().workload().training().parallel().pipeline());
}

void set_range(Colouring& colouring) {
  colouring.low = std::numeric_limits<double>::infinity();
  colouring.high = -colouring.low;
  for (const double value : colouring.values) {
    if (std::isnan(value)) continue;
    colouring.low = std::min(colouring.low, value);
    colouring.high = std::max(colouring.high, value);
  }
  if (colouring.low > colouring.high) colouring.low = colouring.high = 0;
}

bool any_known(const Colouring& colouring) {
  return std::any_of(colouring.values.begin(), colouring.values.end(),
                     [](double value) { return !std::isnan(value); });
}

Colouring memory_colouring(const pb::Result& result) {
  Colouring colouring{"memory in use", "GB", QVector<double>(pipeline_of(result), kUnknown)};
  for (const auto& rank : result.memory()) {
    double sum = 0;
    for (const auto& item : rank.item()) sum += item.bytes();
    if (rank.pipeline_rank() < colouring.values.size())
      colouring.values[rank.pipeline_rank()] = sum / 1e9;
  }
  set_range(colouring);
  return colouring;
}

/// Mean of a series over a range of time: each value holds until the next.
double mean_of(const pb::Series& series, TimeRange range) {
  const double from = static_cast<double>(range.begin) / 1e9,
               to = static_cast<double>(range.end) / 1e9;
  double sum = 0, length = 0;
  for (int i = 0; i + 1 < series.time_s_size(); ++i) {
    const double part = std::min(to, series.time_s(i + 1)) - std::max(from, series.time_s(i));
    if (part <= 0) continue;
    sum += series.value(i) * part;
    length += part;
  }
  return length > 0 ? sum / length : kUnknown;
}

/// Mean power of each rank, by the name of the series.
Colouring power_colouring(const pb::Result& result, const TimelineModel& timeline,
                          TimeRange range) {
  Colouring colouring{"power", "W", QVector<double>(pipeline_of(result), kUnknown)};
  for (int rank = 0; rank < static_cast<int>(colouring.values.size()); ++rank) {
    const int stands = timeline.rankOfPipeline(rank);
    if (stands < 0) continue;
    const QString wanted = QString("accelerator_power_%1_w")
                               .arg(timeline.ranks()[static_cast<std::size_t>(stands)].name)
                               .replace(' ', '_');
    for (const auto& series : result.series()) {
      if (QString::fromStdString(series.name()) == wanted)
        colouring.values[rank] = mean_of(series, range);
    }
  }
  set_range(colouring);
  return colouring;
}

/// Busy share of each pipeline rank in a range of time.
Colouring busy_colouring(const pb::Result& result, const TimelineModel& timeline, TimeRange range) {
  Colouring colouring{"busy with kernels", "%", QVector<double>(pipeline_of(result), kUnknown)};
  for (int rank = 0; rank < static_cast<int>(colouring.values.size()); ++rank) {
    const int stands = timeline.rankOfPipeline(rank);
    if (stands < 0 || range.length() <= 0) continue;
    const auto& lanes = timeline.ranks()[static_cast<std::size_t>(stands)];
    std::int64_t busy = 0;
    for (int lane = lanes.first_lane; lane < lanes.first_lane + lanes.lanes; ++lane) {
      if (!timeline.laneName(lane).startsWith("compute")) continue;
      busy += total(timeline.covered(lane, range));
    }
    colouring.values[rank] = 100 * static_cast<double>(busy) / static_cast<double>(range.length());
  }
  set_range(colouring);
  return colouring;
}

void add_fabric(const pb::Result& result, const topology::Cluster& cluster, TopologyScene& scene) {
  const auto load_of = [&](const char* kind) {
    double most = -1;
    for (const auto& load : result.link_load())
      if (load.kind() == kind) most = std::max(most, load.max_share());
    return most;
  };
  const topology::FabricCounts counts = cluster.fabric_counts();
  const std::pair<const char*, int> rows[] = {{"leaf", counts.leaf_switches},
                                              {"spine", counts.spine_switches},
                                              {"core", counts.core_switches}};
  for (const auto& [name, count] : rows)
    if (count > 0) scene.switches << SwitchRow{name, count, load_of(name)};
}

}  // namespace

int TopologyScene::pipelineOf(int accelerator) const {
  return std::min(pipeline - 1, accelerator / std::max(1, tensor * context * data));
}

QString TopologyScene::nameOf(int accelerator) const {
  QStringList parts;
  int rest = accelerator;
  const std::pair<const char*, int> cuts[] = {
      {"tensor", tensor}, {"context", context}, {"data", data}, {"pipeline", pipeline}};
  for (const auto& [name, size] : cuts) {
    if (size > 1) parts << QString("%1 %2").arg(name).arg(rest % size);
    rest /= std::max(1, size);
  }
  const QString name = QString("accelerator %L1").arg(accelerator);
  return parts.isEmpty() ? name : name + ": " + parts.join(", ");
}

QVector<Colouring> colourings_over_time(const pb::Result& result, const TimelineModel& timeline,
                                        TimeRange range) {
  QVector<Colouring> known;
  for (const auto& colouring :
       {busy_colouring(result, timeline, range), power_colouring(result, timeline, range)})
    if (any_known(colouring)) known << colouring;
  return known;
}

TopologyScene topology_scene(const pb::Result& result, const topology::Cluster& cluster,
                             const TimelineModel& timeline, TimeRange range) {
  TopologyScene scene;
  const auto& chip = cluster.accelerator();
  scene.chip = QString::fromStdString(chip.name);
  scene.system = QString::fromStdString(cluster.system_name());
  scene.fabric = QString::fromStdString(cluster.fabric_name());
  scene.accelerators = cluster.count();
  scene.domain_size = std::max(1, std::min(cluster.count(), cluster.domain_size()));
  scene.domains = (scene.accelerators + scene.domain_size - 1) / scene.domain_size;
  for (const auto& metric : result.metric())
    if (metric.name() == "accelerators_per_rack")
      scene.rack_domains = static_cast<int>(metric.value()) / scene.domain_size;
  scene.compute_dies = std::max(1, chip.compute_dies);
  scene.io_dies = chip.io_dies;
  scene.hbm_stacks = chip.hbm_stacks;
  scene.memory_text = QString("%1 GB, %2")
                          .arg(chip.hbm_capacity.value.in(units::GB), 0, 'g', 4)
                          .arg(rate_text(chip.hbm_bandwidth.value));
  if (chip.die_to_die.value.in(units::B / units::s) > 0)
    scene.die_link_text = rate_text(chip.die_to_die.value) + " between dies";
  scene.scale_up_text = rate_text(cluster.scale_up().bandwidth.value) + " into the domain";
  scene.scale_out_text = rate_text(cluster.scale_out().bandwidth.value) + " into the fabric";
  add_fabric(result, cluster, scene);
  const auto& parallel = result.scenario().workload().training().parallel();
  if (result.scenario().workload().has_training()) {
    scene.tensor = std::max(1, parallel.tensor());
    scene.context = std::max(1, parallel.context());
    scene.pipeline = std::max(1, parallel.pipeline());
    scene.data = std::max(1, scene.accelerators / (scene.tensor * scene.context * scene.pipeline));
  }
  scene.colourings = colourings_over_time(result, timeline, range);
  if (const Colouring memory = memory_colouring(result); any_known(memory))
    scene.colourings << memory;
  return scene;
}

Table topology_table(const TopologyScene& scene) {
  Table table{{"What", "Value"}, {}};
  const auto add = [&](const QString& what, double value, const QString& text = {}) {
    table.rows << QVector<Cell>{
        {what, {}, {}}, {text.isEmpty() ? QString("%L1").arg(value, 0, 'g', 6) : text, value, {}}};
  };
  add("accelerators", scene.accelerators);
  add("scale-up domains", scene.domains);
  add("accelerators of a domain", scene.domain_size);
  if (scene.rack_domains > 0) add("scale-up domains of a rack", scene.rack_domains);
  add("compute dies of an accelerator", scene.compute_dies);
  add("memory stacks of an accelerator", scene.hbm_stacks);
  for (const auto& row : scene.switches) add(row.name + " switches", row.count);
  for (const auto& colouring : scene.colourings)
    for (qsizetype rank = 0; rank < colouring.values.size(); ++rank)
      if (!std::isnan(colouring.values[rank]))
        add(QString("%1 [%2], pipeline %3").arg(colouring.name, colouring.unit).arg(rank),
            colouring.values[rank]);
  return table;
}

}  // namespace aisle::gui
