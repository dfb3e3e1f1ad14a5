// SPDX-License-Identifier: Apache-2.0
#include "gui/models/comparison.hpp"

#include "gui/models/result_text.hpp"
#include "sim/report/explain.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

constexpr auto kChipSeconds = "chip_seconds_per_million_tokens";

/// Comparisons need no timeline, which is most of a result.
std::vector<pb::Result> without_timelines(
    const std::vector<std::shared_ptr<const pb::Result>>& results) {
  std::vector<pb::Result> copies;
  for (const auto& result : results) {
    pb::Result& copy = copies.emplace_back();
    *copy.mutable_metric() = result->metric();
    *copy.mutable_breakdown() = result->breakdown();
    *copy.mutable_resource() = result->resource();
    *copy.mutable_memory() = result->memory();
    *copy.mutable_scenario() = result->scenario();
    copy.set_study(result->study());
    copy.set_engine(result->engine());
    copy.set_feasible(result->feasible());
    copy.set_reason(result->reason());
    copy.set_breakdown_rank(result->breakdown_rank());
  }
  return copies;
}

/// One row of values with the difference of each from the first.
QVector<Cell> row_of(const QString& label, const std::string& metric, const QJsonArray& values) {
  QVector<Cell> row{{label, {}, QString::fromStdString(metric)}};
  const double first = values.isEmpty() || values[0].isNull() ? 0 : values[0].toDouble();
  for (qsizetype i = 0; i < values.size(); ++i) {
    const QJsonValue value = values[i];
    const double number = value.toDouble();
    const auto text = QString::fromStdString(sim::describe_metric(metric, number).value);
    row << (value.isNull() ? Cell{"-", {}, {}} : Cell{text, number, {}});
    if (i == 0) continue;
    const bool known = !value.isNull() && first != 0;
    const double difference = known ? number / first - 1 : 0;
    row << (known ? Cell{QString::asprintf("%+.1f %%", difference * 100), difference, {}}
                  : Cell{"-", {}, {}});
  }
  return row;
}

Table metrics_of(const QJsonObject& document, const std::vector<pb::Result>& results,
                 const QStringList& names) {
  Table table{{"Metric"}, {}};
  for (qsizetype i = 0; i < names.size(); ++i) {
    table.header << names[i].left(1);
    if (i > 0) table.header << QString("%1 against A").arg(names[i].left(1));
  }
  const auto add = [&](const std::string& name, const QString& label, const QString& section) {
    const auto values = document[section][QString::fromStdString(name)]["values"].toArray();
    if (values.size() == names.size()) table.rows << row_of(label, name, values);
  };
  for (const auto& [name, label] :
       {std::pair<const char*, const char*>{"gpu_hours_per_trillion_tokens",
                                            "GPU-hours per trillion tokens"},
        {"usd_per_million_tokens", "cost per million tokens"},
        {"kwh_per_million_tokens", "energy per million tokens"}})
    add(name, label, "per_token");
  const QStringList shown{"gpu_hours_per_trillion_tokens", "usd_per_million_tokens",
                          "kwh_per_million_tokens"};
  QStringList seen = shown;
  for (const auto& result : results) {
    for (const auto& metric : result.metric()) {
      const auto name = QString::fromStdString(metric.name());
      if (seen.contains(name)) continue;
      seen << name;
      const auto described = sim::describe_metric(metric.name(), metric.value());
      add(metric.name(), QString::fromStdString(described.label), "metrics");
    }
  }
  return table;
}

Figure bars_of(const QJsonObject& document, const std::vector<pb::Result>& results,
               const QStringList& names) {
  Figure figure;
  figure.title = "Where the time of each result goes";
  const auto chips = document["per_token"][kChipSeconds]["values"].toArray();
  const auto steps = document["metrics"]["step_time_s"]["values"].toArray();
  const auto count = static_cast<qsizetype>(results.size());
  const bool per_token =
      chips.size() == count && steps.size() == count &&
      std::none_of(chips.begin(), chips.end(), [](const auto& value) { return value.isNull(); });
  figure.y_label = per_token ? "accelerator-seconds per million tokens" : "time of one step [s]";
  for (qsizetype i = 0; i < count; ++i) {
    const auto& result = results[static_cast<std::size_t>(i)];
    const double factor =
        per_token && steps[i].toDouble() > 0 ? chips[i].toDouble() / steps[i].toDouble() : 1;
    double sum = 0;
    for (const auto& part : sim::describe_resources(result)) {
      const auto label = QString::fromStdString(part.label);
      auto found = std::find_if(figure.series.begin(), figure.series.end(),
                                [&](const auto& series) { return series.name == label; });
      if (found == figure.series.end()) {
        figure.series.push_back(
            {label, QString::fromStdString(part.colour), {}, QVector<double>(count, 0.0)});
        found = figure.series.end() - 1;
      }
      found->y[i] = part.seconds * factor;
      sum += part.seconds * factor;
    }
    figure.categories << names[i];
    figure.end_labels << QString::number(sum, 'g', 4);
  }
  if (figure.series.isEmpty()) figure.categories.clear();
  return figure;
}

Table differences_of(const Figure& bars) {
  Table table{{"Resource"}, {}};
  for (qsizetype i = 0; i < bars.categories.size(); ++i) {
    table.header << bars.categories[i].left(1);
    if (i > 0) table.header << QString("%1 less A").arg(bars.categories[i].left(1));
  }
  for (const auto& series : bars.series) {
    QVector<Cell> row{{series.name, {}, bars.y_label}};
    for (qsizetype i = 0; i < series.y.size(); ++i) {
      row << Cell{QString::number(series.y[i], 'g', 4), series.y[i], {}};
      const double less = series.y[i] - series.y[0];
      const bool same = std::abs(less) < 1e-9 * std::abs(series.y[0]);
      if (i > 0) row << Cell{same ? QString("0") : QString::asprintf("%+.4g", less), less, {}};
    }
    table.rows << row;
  }
  return table;
}

}  // namespace

QString subject_of(const pb::Result& result) {
  const auto& workload = result.scenario().workload();
  const auto model = QString::fromStdString(workload.has_serving() ? workload.serving().model()
                                                                   : workload.training().model());
  const auto chip = QString::fromStdString(result.scenario().cluster().accelerator());
  return model.isEmpty() ? chip : model + " on " + chip;
}

QStringList result_names(const std::vector<std::shared_ptr<const pb::Result>>& results) {
  QStringList titles, names;
  for (const auto& result : results) titles << run_facts(*result).title;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto at = static_cast<qsizetype>(i);
    QString name = titles[at];
    if (const QString subject = subject_of(*results[i]);
        titles.count(name) > 1 && !subject.isEmpty())
      name = subject;
    names << name;
  }
  for (qsizetype i = 0; i < names.size(); ++i)
    names[i] = QString("%1  %2").arg(QChar('A' + static_cast<int>(i))).arg(names[i]);
  return names;
}

Comparison compare(const std::vector<std::shared_ptr<const pb::Result>>& pinned) {
  Comparison comparison;
  comparison.names = result_names(pinned);
  if (pinned.size() < 2) return comparison;
  const auto results = without_timelines(pinned);
  const auto document =
      QJsonDocument::fromJson(QByteArray::fromStdString(sim::comparison_json(results))).object();
  comparison.metrics = metrics_of(document, results, comparison.names);
  for (std::size_t i = 1; i < results.size(); ++i) {
    const auto sentence = QString::fromStdString(sim::explain_difference(results, i));
    if (!sentence.isEmpty()) comparison.explanations << sentence;
  }
  comparison.resources = bars_of(document, results, comparison.names);
  comparison.differences = differences_of(comparison.resources);
  return comparison;
}

}  // namespace aisle::gui
