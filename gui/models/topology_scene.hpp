// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"
#include "gui/models/timeline_model.hpp"

#include <QString>
#include <QVector>

namespace aisle::topology {
class Cluster;
}

namespace aisle::gui {

/// A quantity of each pipeline rank, for colouring accelerators.
struct Colouring {
  QString name, unit;
  QVector<double> values;  ///< [pipeline ranks], NaN: not known
  double low = 0, high = 1;
};

/// One row of switches of the fabric.
struct SwitchRow {
  QString name;
  int count = 0;
  double load = -1;  ///< busiest link's share of capacity, -1: not known
};

/// The machine of a result as it is drawn, from the package to the hall. Accelerators that do the
/// same have the same colour, so what is drawn of 100,000 of them are a few dozen values.
struct TopologyScene {
  QString chip, system, fabric;
  int accelerators = 0;
  int domain_size = 1;  ///< accelerators of one scale-up domain
  int domains = 0;
  int rack_domains = 0;  ///< domains of one rack; 0: not known
  int compute_dies = 1, io_dies = 0, hbm_stacks = 0;
  QString memory_text, die_link_text, scale_up_text, scale_out_text;
  QVector<SwitchRow> switches;  ///< leaves first
  int tensor = 1, context = 1, data = 1, pipeline = 1;
  QVector<Colouring> colourings;

  bool isEmpty() const { return accelerators == 0; }

  /// Pipeline rank of an accelerator: tensor ranks come first, then context, data, pipeline.
  int pipelineOf(int accelerator) const;
  /// "accelerator 17: tensor 1, data 2, pipeline 0".
  QString nameOf(int accelerator) const;
};

/// `timeline` and `range`: what changes over time is of that time.
TopologyScene topology_scene(const pb::Result& result, const topology::Cluster& cluster,
                             const TimelineModel& timeline, TimeRange range);
/// Of a scene's colourings those that change over time (busy share, power), in a range of it.
QVector<Colouring> colourings_over_time(const pb::Result& result, const TimelineModel& timeline,
                                        TimeRange range);
/// Levels with their counts, and each colouring by pipeline rank.
Table topology_table(const TopologyScene& scene);

}  // namespace aisle::gui
