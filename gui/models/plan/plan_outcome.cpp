// SPDX-License-Identifier: Apache-2.0
#include "gui/models/plan/plan_outcome.hpp"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>

#include <algorithm>
#include <cmath>
#include <map>

namespace aisle::gui {

namespace {

constexpr qsizetype kMostBars = 12;

/// What a column of a table shows of a row's key, and in which unit.
struct Column {
  enum class Kind { text, count, money, power, energy, tokens, ratio };

  const char* header;
  const char* key;
  Kind kind = Kind::text;
};

QString number_text(double value) {
  return std::abs(value) >= 1000 ? QString("%L1").arg(value, 0, 'f', 0)
                                 : QString::number(value, 'g', 4);
}

QString money(double usd) {
  return number_text(usd / 1e6) + " M USD";
}

Cell cell_of(const QJsonValue& value, Column::Kind kind) {
  if (!value.isDouble()) return {value.isNull() ? "cannot be" : value.toString(), {}, {}};
  const double number = value.toDouble();
  switch (kind) {
    case Column::Kind::money:
      return {money(number), number, {}};
    case Column::Kind::power:
      return {number_text(number / 1e6) + " MW", number, {}};
    case Column::Kind::energy:
      return {number_text(number / 1e3) + " GWh", number, {}};
    case Column::Kind::tokens:
      return {number_text(number / 1e12) + " T", number, {}};
    default:
      return {number_text(number), number, {}};
  }
}

Table table_of(const QJsonObject& plan, const char* key, const QVector<Column>& columns) {
  Table table;
  for (const auto& column : columns) table.header << column.header;
  for (const auto& row : plan[key].toArray()) {
    QVector<Cell> cells;
    for (const auto& column : columns)
      cells << cell_of(row.toObject()[QString(column.key)], column.kind);
    table.rows << cells;
  }
  return table;
}

/// A bar for each quarter, of what the rows hold by name.
Figure by_quarter(const QJsonObject& plan, const char* key, const QStringList& name_keys,
                  const char* value_key) {
  Figure figure;
  for (const auto& quarter : plan["quarters"].toArray())
    figure.categories << quarter.toObject()["quarter"].toString();
  std::map<QString, QVector<double>> sums;
  for (const auto& each : plan[key].toArray()) {
    const QJsonObject row = each.toObject();
    QStringList names;
    for (const auto& name : name_keys) names << row[name].toString();
    auto& values = sums[names.join(", ")];
    values.resize(figure.categories.size());
    const auto at = figure.categories.indexOf(row["quarter"].toString());
    if (at >= 0) values[at] += row[QString(value_key)].toDouble();
  }
  for (const auto& [name, values] : sums) figure.series << FigureSeries{name, {}, {}, values};
  QVector<double> ends(figure.categories.size());
  for (const auto& series : figure.series)
    for (qsizetype i = 0; i < ends.size(); ++i) ends[i] += series.y[i];
  for (const double end : ends) figure.end_labels << (end > 0 ? number_text(end) : QString());
  if (figure.series.isEmpty()) figure.categories.clear();
  return figure;
}

Figure bought(const QJsonObject& plan) {
  Figure figure = by_quarter(plan, "orders", {"system"}, "chips");
  figure.title = "Bought";
  figure.note = "Accelerators ordered in each quarter; when they work is in the table of orders";
  figure.y_label = "accelerators ordered";
  return figure;
}

Figure used(const QJsonObject& plan) {
  Figure figure = by_quarter(plan, "uses", {"demand", "alternative", "system"}, "chips");
  figure.title = "In use";
  figure.note = "Accelerators at work at the highest load, by demand, way to do it, and system";
  figure.y_label = "accelerators in use";
  return figure;
}

/// Two quantities of the quarters that make up a third: the first, and what the third has beyond.
Figure of_quarters(const QJsonObject& plan, const char* first, const char* whole, double unit) {
  Figure figure;
  FigureSeries a, b;
  for (const auto& each : plan["quarters"].toArray()) {
    const QJsonObject quarter = each.toObject();
    const double part = quarter[QString(first)].toDouble() / unit;
    const double all = quarter[QString(whole)].toDouble() / unit;
    figure.categories << quarter["quarter"].toString();
    a.y << part;
    b.y << std::max(0.0, all - part);
    figure.end_labels << QString("%1 of %2").arg(number_text(part), number_text(all));
  }
  figure.series = {a, b};
  return figure;
}

Figure power(const QJsonObject& plan) {
  Figure figure = of_quarters(plan, "power_w", "power_limit_w", 1e6);
  figure.title = "Power";
  figure.note = "At the feed at the highest load, and what is left of it";
  figure.y_label = "power [MW]";
  figure.series[0].name = "drawn";
  figure.series[1].name = "left";
  figure.series[1].colour = "#b8c2cc";
  return figure;
}

Figure cost(const QJsonObject& plan) {
  Figure figure = of_quarters(plan, "running_usd", "cost_usd", 1e6);
  figure.title = "Cost";
  figure.note = "Running (energy and upkeep) of owning and running together";
  figure.y_label = "cost of the quarter [M USD]";
  figure.series[0].name = "running";
  figure.series[1].name = "owning";
  return figure;
}

bool counts_tokens(const QJsonObject& plan) {
  return plan["objective"].toString() == "most_tokens";
}

/// The limits that hold, by what one per cent more of each is worth: so they compare whatever their
/// units are.
Figure binding(const QJsonObject& plan) {
  struct Bar {
    QString name;
    double worth;
  };

  std::vector<Bar> bars;
  for (const auto& each : plan["binding"].toArray()) {
    const QJsonObject row = each.toObject();
    const double worth = row["worth"].toDouble() * row["value"].toDouble() / 100;
    const QString quarter = row["quarter"].toString();
    bars.push_back({row["limit"].toString() + (quarter.isEmpty() ? "" : ", " + quarter), worth});
  }
  std::stable_sort(bars.begin(), bars.end(),
                   [](const Bar& a, const Bar& b) { return a.worth > b.worth; });
  bars.resize(std::min(bars.size(), static_cast<std::size_t>(kMostBars)));
  Figure figure;
  figure.title = "What binds";
  figure.note = "What one per cent more of each limit (one per cent less of a load) is worth";
  figure.y_label = counts_tokens(plan) ? "worth [trillion tokens]" : "worth [M USD]";
  FigureSeries series{"worth", "#d1495b"};
  for (const auto& bar : bars) {
    figure.categories << bar.name;
    series.y << bar.worth / (counts_tokens(plan) ? 1e12 : 1e6);
    figure.end_labels << number_text(series.y.last());
  }
  if (!bars.empty()) figure.series = {series};
  return figure;
}

/// The objective with each input at both ends.
Figure tornado(const QJsonObject& plan) {
  Figure figure;
  const double unit = counts_tokens(plan) ? 1e12 : 1e6;
  figure.title = "Sensitivity";
  figure.note = "The plan made anew with one input at a time at each end of its interval";
  figure.y_label = counts_tokens(plan) ? "tokens [trillion]" : "cost of the plan [M USD]";
  FigureSeries lift{"below", "none"}, range{"from low to high", "#3b7dc4"};
  for (const auto& each : plan["sensitivity"].toArray()) {
    const QJsonObject row = each.toObject();
    if (figure.categories.size() == kMostBars) break;
    // An end at which no plan can be has no length; the table says so.
    if (!row["at_low"].isDouble() || !row["at_high"].isDouble()) continue;
    const double a = row["at_low"].toDouble() / unit, b = row["at_high"].toDouble() / unit;
    figure.categories << row["input"].toString();
    lift.y << std::min(a, b);
    range.y << std::abs(b - a);
    figure.end_labels << QString("%1 at %2, %3 at %4")
                             .arg(number_text(a), row["low"].toString(), number_text(b),
                                  row["high"].toString());
  }
  if (!figure.categories.isEmpty()) figure.series = {lift, range};
  return figure;
}

QString conflict_text(const QJsonObject& plan) {
  QString text = "No plan can be: these limits are at odds, and each is needed for it.";
  for (const auto& each : plan["conflicts"].toArray()) {
    const QJsonObject row = each.toObject();
    text += QString("\n- %1 (line %2): %3")
                .arg(row["limit"].toString())
                .arg(row["line"].toInt())
                .arg(row["remedy"].toString());
  }
  return text;
}

QString answer(const QJsonObject& plan) {
  if (plan["stopped"].toBool())
    return "Stopped before all operating points were simulated; what is finished is kept.";
  if (!plan["feasible"].toBool())
    return plan["conflicts"].toArray().isEmpty() ? "No plan was found in the time allowed."
                                                 : conflict_text(plan);
  std::map<QString, double> chips;
  double capital = 0;
  for (const auto& each : plan["orders"].toArray()) {
    const QJsonObject row = each.toObject();
    chips[row["system"].toString()] += row["chips"].toDouble();
    capital += row["capital_usd"].toDouble();
  }
  QStringList parts;
  for (const auto& [system, count] : chips) parts << number_text(count) + " " + system;
  QString text = parts.isEmpty() ? QString("Nothing need be bought.")
                                 : QString("Buy %1 for %2.").arg(parts.join(", "), money(capital));
  text += counts_tokens(plan)
              ? QString(" It serves %1 trillion tokens.")
                    .arg(number_text(plan["tokens"].toDouble() / 1e12))
              : QString(" Owning and running costs %1.").arg(money(plan["cost_usd"].toDouble()));
  if (const Figure bars = binding(plan); !bars.categories.isEmpty())
    text += QString("\nThe bottleneck: %1; one per cent more of it is worth %2 %3.")
                .arg(bars.categories.first(), bars.end_labels.first(),
                     counts_tokens(plan) ? "trillion tokens" : "M USD");
  for (const auto& note : plan["left_out"].toArray()) text += "\n" + note.toString();
  return text;
}

QVector<NamedTable> tables_of(const QJsonObject& plan) {
  using Kind = Column::Kind;
  return {
      {"limits-at-odds", table_of(plan, "conflicts",
                                  {{"Limit", "limit"},
                                   {"File", "file"},
                                   {"Line", "line", Kind::count},
                                   {"What would do", "remedy"}})},
      {"orders", table_of(plan, "orders",
                          {{"Ordered", "quarter"},
                           {"Works from", "working_from"},
                           {"Site", "site"},
                           {"System", "system"},
                           {"Units", "units", Kind::count},
                           {"Accelerators", "chips", Kind::count},
                           {"Capital", "capital_usd", Kind::money}})},
      {"quarters", table_of(plan, "quarters",
                            {{"Quarter", "quarter"},
                             {"Installed", "installed_chips", Kind::count},
                             {"Working", "working_chips", Kind::count},
                             {"Power", "power_w", Kind::power},
                             {"Limit", "power_limit_w", Kind::power},
                             {"Capital", "capital_usd", Kind::money},
                             {"Running", "running_usd", Kind::money},
                             {"Cost", "cost_usd", Kind::money},
                             {"Energy", "energy_mwh", Kind::energy},
                             {"CO2 [t]", "co2_t", Kind::count},
                             {"Served tokens", "served_tokens", Kind::tokens},
                             {"Trained tokens", "trained_tokens", Kind::tokens}})},
      {"what-binds",
       table_of(plan, "binding",
                {{"Quarter", "quarter"},
                 {"Limit", "limit"},
                 {"Value", "value", Kind::count},
                 {"Unit", "unit"},
                 {counts_tokens(plan) ? "One more is worth [tokens]" : "One more is worth [USD]",
                  "worth", Kind::count},
                 {"Field", "field"}})},
      {"what-would-change-the-decision", table_of(plan, "switches",
                                                  {{"Input", "input"},
                                                   {"Factor", "factor", Kind::ratio},
                                                   {"Bought before", "from"},
                                                   {"Bought then", "to"}})},
      {"what-runs-where", table_of(plan, "uses",
                                   {{"Quarter", "quarter"},
                                    {"Site", "site"},
                                    {"System", "system"},
                                    {"Demand", "demand"},
                                    {"Way", "alternative"},
                                    {"Layout", "layout"},
                                    {"Accelerators", "chips", Kind::count},
                                    {"Tokens", "tokens", Kind::tokens}})},
      {"in-place-of-1000-" + plan["reference"].toString(),
       table_of(plan, "replacements",
                {{"Demand", "demand"},
                 {"Way", "alternative"},
                 {"System", "system"},
                 {"Accelerators", "chips", Kind::count},
                 {"Power", "power_w", Kind::power},
                 {"Money", "usd", Kind::money},
                 {"Bound by", "bound_by"},
                 {"Why not", "reason"}})},
      {"sensitivity", table_of(plan, "sensitivity",
                               {{"Input", "input"},
                                {"Low", "low"},
                                {"Objective there", "at_low", Kind::count},
                                {"High", "high"},
                                {"Objective there", "at_high", Kind::count}})}};
}

void complain(const QString& path, const QString& sentence, const char* hint,
              Diagnostics& diagnostics) {
  diagnostics.error({path.toStdString(), 0, 0}, {}, sentence.toStdString(), hint);
}

}  // namespace

bool is_plan(const QString& path) {
  QFile file(path);
  if (!path.endsWith(".json") || !file.open(QIODevice::ReadOnly)) return false;
  const QByteArray head = file.read(2000);
  // A search has an objective too, and layouts that it enumerated.
  return head.contains("\"objective\"") && !head.contains("\"enumerated\"");
}

std::optional<PlanOutcome> read_plan(const QString& path, Diagnostics& diagnostics) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    complain(path, "cannot be read: " + file.errorString(), "", diagnostics);
    return std::nullopt;
  }
  QJsonParseError error{};
  const QJsonObject json = QJsonDocument::fromJson(file.readAll(), &error).object();
  if (json["feasible"].isBool() && json["quarters"].isArray()) return PlanOutcome{path, json};
  complain(path,
           error.error == QJsonParseError::NoError ? QString("is no plan")
                                                   : "is truncated: " + error.errorString(),
           "a plan is what 'aisle plan STUDY -o FILE.json' writes", diagnostics);
  return std::nullopt;
}

ViewContent plan_content(const PlanOutcome& plan) {
  ViewContent content;
  content.note = answer(plan.json);
  if (plan.json["feasible"].toBool()) {
    for (const Figure& figure : {bought(plan.json), used(plan.json), power(plan.json),
                                 cost(plan.json), binding(plan.json), tornado(plan.json)})
      if (figure.isBars()) content.figures << figure;
  }
  for (const auto& named : tables_of(plan.json))
    if (!named.table.rows.isEmpty()) content.tables << named;
  return content;
}

}  // namespace aisle::gui
