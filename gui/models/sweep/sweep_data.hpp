// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"
#include "gui/models/scenario/schema.hpp"
#include "sim/base/diagnostics.hpp"

#include <QHash>
#include <QString>
#include <QVector>

#include <memory>
#include <optional>
#include <vector>

namespace aisle::gui {

/// One column of a sweep: numbers, or texts by number. Kept apart by column, so that 100,000 points
/// of 50 columns take 40 MB.
struct SweepColumn {
  QString name;        ///< "cluster.scale_out.nic", "step_time_s"
  bool field = false;  ///< of the scenario; else a metric or a fact of the run
  bool numeric = false;
  std::vector<double> numbers;  ///< [rows], NaN: none
  std::vector<int> texts;       ///< [rows] index into `words`, -1: none
  QStringList words;            ///< distinct texts

  /// For people: "global batch", "peak memory".
  QString title() const;
  /// As it stands in the database, to filter by.
  QString text(int row) const;
  /// For people: "61.2 GB".
  QString read(int row) const;
};

/// A sweep's database as it was read; never changed afterwards, so threads share it.
struct SweepData {
  QString path, study;
  std::vector<SweepColumn> columns;
  int rows = 0;

  const SweepColumn* column(const QString& name) const;
  /// Fields that take more than one value, and metrics that any point has.
  QStringList axes() const;
  QStringList metrics() const;
};

/// Reads a database that `aisle sweep` wrote, or is writing.
std::shared_ptr<const SweepData> read_sweep(const QString& path, Diagnostics& diagnostics);
/// Whether `path` is a database of a sweep.
bool is_sweep(const QString& path);

/// In which unit values of a metric are easily read.
struct MetricScale {
  QString label;      ///< for an axis: "peak memory [GB]"
  double factor = 1;  ///< the unit in that of the database
};

/// Of values about as large as the one given.
MetricScale metric_scale(const QString& metric, double typical);
/// Whether a larger value is the better one.
bool larger_is_better(const QString& metric);

/// Points over two metrics, a colour for each value of a field (empty: one), and the front of the
/// best. `ids` of its series are rows of the data.
Figure scatter_figure(const SweepData& data, const QVector<int>& rows, const QString& x,
                      const QString& y, const QString& colour);
/// What each axis does to a metric: from the lowest to the highest of the medians over its values.
Figure tornado_figure(const SweepData& data, const QVector<int>& rows, const QString& metric);
/// The best value of a metric for each pair of values of two axes.
HeatFigure heat_figure(const SweepData& data, const QVector<int>& rows, const QString& x,
                       const QString& y, const QString& metric);

}  // namespace aisle::gui
