// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/serving_front.hpp"

#include "gui/models/timeline_model.hpp"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>

namespace aisle::gui {

namespace {

/// "tensor 8, data 2": what is cut, of each pool.
QString layout_text(const QJsonObject& mapping) {
  QStringList parts;
  for (const auto& key : mapping.keys()) {
    const QJsonValue value = mapping[key];
    if (value.isObject())
      parts << key + ": " + layout_text(value.toObject());
    else if (value.isString())
      parts << value.toString();
    else if (value.toDouble() > 1)
      parts << QString("%1 %2").arg(key).arg(value.toDouble());
  }
  return parts.isEmpty() ? "one accelerator" : parts.join(", ");
}

Cell number_cell(const QJsonObject& metrics, const char* name) {
  const QJsonValue value = metrics[QString(name)];
  if (!value.isDouble()) return {};
  return {QString::number(value.toDouble(), 'g', 4), value.toDouble(), {}};
}

}  // namespace

bool is_serving_search(const QString& path) {
  QFile file(path);
  if (!path.endsWith(".json") || !file.open(QIODevice::ReadOnly)) return false;
  return file.read(200).contains("\"enumerated\"");
}

std::optional<ViewContent> read_serving_front(const QString& path, Diagnostics& diagnostics) {
  QFile file(path);
  QJsonObject search;
  if (file.open(QIODevice::ReadOnly)) search = QJsonDocument::fromJson(file.readAll()).object();
  if (!search["pareto"].isArray()) {
    diagnostics.error({path.toStdString(), 0, 0}, {}, "is no search, or is truncated",
                      "aisle search STUDY --json prints one");
    return std::nullopt;
  }
  ViewContent content;
  FigureSeries front{"front", "#3b7dc4"}, points{"load", "#d1495b"};
  points.style = FigureSeries::Style::points;
  Table table{{"Layout", "Requests/s", "Tokens/s of a user", "Tokens/s per chip",
               "First token, median [s]", "Goodput"},
              {}};
  for (const auto& each : search["pareto"].toArray()) {
    const QJsonObject point = each.toObject(), metrics = point["metrics"].toObject();
    const double user = metrics["tokens_per_s_per_user"].toDouble();
    const double chip = metrics["output_tokens_per_s_per_chip"].toDouble();
    if (user <= 0 || chip <= 0) continue;
    const QString layout = layout_text(point["mapping"].toObject());
    points.x << user;
    points.y << chip;
    points.labels << layout;
    table.rows << QVector<Cell>{{layout, {}, {}},
                                number_cell(metrics, "requests_per_s"),
                                number_cell(metrics, "tokens_per_s_per_user"),
                                number_cell(metrics, "output_tokens_per_s_per_chip"),
                                number_cell(metrics, "ttft_p50_s"),
                                number_cell(metrics, "goodput")};
  }
  if (points.x.isEmpty()) {
    content.note = "The search found no load that is kept: " + search["reason"].toString();
    return content;
  }
  std::sort(table.rows.begin(), table.rows.end(), [](const auto& a, const auto& b) {
    return a[2].number.toDouble() < b[2].number.toDouble();
  });
  for (const auto& row : table.rows) {
    front.x << row[2].number.toDouble();
    front.y << row[3].number.toDouble();
  }
  Figure figure;
  figure.title = "Throughput and latency";
  figure.note = "Loads of all layouts that no other beats in both; right and up is better";
  figure.x_label = "what one user gets [tokens/s]";
  figure.y_label = "throughput [tokens/s per accelerator]";
  figure.series = {front, points};
  content.figures << figure;
  content.tables << NamedTable{"throughput-and-latency-front", table};
  return content;
}

}  // namespace aisle::gui
