// SPDX-License-Identifier: Apache-2.0
#include "gui/models/plan/plan_table.hpp"

#include "gui/models/scenario/text_fields.hpp"

#include <QRegularExpression>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::gui {

namespace {

constexpr auto kNoLimit = "no limit";
constexpr int kMostQuarters = 80;

/// "2026-Q1" as quarters since year 0; nothing where it is no quarter.
std::optional<int> parse_quarter(const QString& text) {
  static const QRegularExpression form("^\\s*(\\d{4})-Q([1-4])\\s*$");
  const auto found = form.match(text);
  if (!found.hasMatch()) return std::nullopt;
  return found.captured(1).toInt() * 4 + found.captured(2).toInt() - 1;
}

/// A load as people read it; the number in full is what is edited.
QString number_text(double value) {
  return QString::number(value, 'g', 6);
}

}  // namespace

bool has_plan(const ScenarioDocument& document) {
  return std::any_of(document.fields().begin(), document.fields().end(),
                     [](const ScenarioField& field) { return field.path.startsWith("plan."); });
}

PlanTable::PlanTable(ScenarioDocument* document, Of of, QObject* parent)
    : QAbstractTableModel(parent), document_(document), of_(of) {
  connect(document_, &ScenarioDocument::changed, this, &PlanTable::refresh);
  refresh();
}

const ScenarioField* PlanTable::field(const QString& path) const {
  const auto& fields = document_->fields();
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const ScenarioField& each) { return each.path == path; });
  return found == fields.end() ? nullptr : &*found;
}

QString PlanTable::value(const QString& path, const QString& absent) const {
  const auto* found = field(path);
  return found == nullptr ? absent : found->value;
}

QStringList PlanTable::groups(const QString& list) const {
  QStringList found;
  for (const auto& each : document_->fields()) {
    if (!each.path.startsWith(list)) continue;
    const QString rest = each.path.mid(list.size());
    QString group;
    if (rest.startsWith('.')) group = list;
    if (rest.startsWith('[')) group = list + rest.left(rest.indexOf(']') + 1);
    if (!group.isEmpty() && !found.contains(group)) found << group;
  }
  return found;
}

bool PlanTable::mayEdit(const QString& path) const {
  // A list that this text gives would replace the whole list of the scenario that it extends.
  const auto& fields = document_->fields();
  return std::none_of(fields.begin(), fields.end(), [&](const ScenarioField& each) {
    return !each.own && each.path.startsWith(path);
  });
}

int PlanTable::quarterIndex(const QString& name, int absent) const {
  const auto quarter = parse_quarter(name);
  return quarter ? *quarter - from_ : absent;
}

QString PlanTable::quarterName(int index) const {
  const int quarter = from_ + index;
  return QString("%1-Q%2").arg(quarter / 4, 4, 10, QChar('0')).arg(quarter % 4 + 1);
}

QStringList PlanTable::listOf(const QString& path) const {
  if (const auto* whole = field(path); whole != nullptr) {
    QString text = whole->value;
    return text.remove('[').remove(']').split(QRegularExpression("[\\s,]+"), Qt::SkipEmptyParts);
  }
  QStringList values;
  while (const auto* each = field(QString("%1[%2]").arg(path).arg(values.size())))
    values << each->value;
  return values;
}

void PlanTable::refresh() {
  beginResetModel();
  rows_.clear();
  quarters_ = 0;
  const auto from = parse_quarter(value("plan.from"));
  if (from && has_plan(*document_)) {
    from_ = *from;
    quarters_ = std::clamp(value("plan.quarters", "8").toInt(), 1, kMostQuarters);
    if (of_ == Of::demand) {
      for (const auto& group : groups("plan.demand"))
        addDemand(group, value(group + ".name", "demand"));
    } else {
      for (const auto& group : groups("plan.site")) addSite(group, value(group + ".name", "site"));
      addWhole("money for all that is bought", "plan.budget.capital", true, kNoLimit);
      addSteps("money for orders of a quarter", "plan.budget.capital_per_quarter");
      addSteps("money for energy and upkeep of a quarter", "plan.budget.running_per_quarter");
      for (const auto& group : groups("plan.system"))
        addSystem(group, value(group + ".name",
                               value(group + ".system", value(group + ".accelerator", "system"))));
      addWhole("export rules for the buyer", "plan.export_regime", true, "none");
    }
  }
  endResetModel();
}

void PlanTable::add(Row row) {
  row.values.resize(quarters_);
  row.stated.resize(quarters_);
  row.editable = mayEdit(row.field);
  rows_ << std::move(row);
}

void PlanTable::addWhole(const QString& what, const QString& path, bool text,
                         const QString& absent) {
  Row row{what, path};
  row.whole = value(path, absent);
  row.text = text;
  add(row);
  // A field alone may be given here in place of the other scenario's.
  rows_.last().editable = rows_.last().editable || !path.contains('[');
}

void PlanTable::addSteps(const QString& what, const QString& path) {
  Row row{what, path, Form::steps};
  row.values.resize(quarters_);
  row.stated.resize(quarters_);
  for (const auto& step : groups(path)) {
    const int from = std::max(0, quarterIndex(value(step + ".from"), 0));
    if (from >= quarters_) continue;
    for (int q = from; q < quarters_; ++q) row.values[q] = value(step + ".value");
    row.stated[from] = true;
  }
  if (groups(path).isEmpty()) row.whole = kNoLimit;
  add(row);
}

void PlanTable::addList(const QString& what, const QString& path) {
  Row row{what, path, Form::list};
  row.text = false;
  const QStringList values = listOf(path);
  for (int q = 0; q < quarters_ && !values.isEmpty(); ++q) {
    row.values << values[std::min<qsizetype>(q, values.size() - 1)];
    row.stated << (q < values.size());
  }
  add(row);
}

void PlanTable::addDemand(const QString& group, const QString& name) {
  const QString training = group + ".training", serving = group + ".serving";
  if (!groups(serving).isEmpty()) {
    addList(name + ": tokens per second, mean", serving + ".by_quarter");
    Row& row = rows_.last();
    const double first = value(serving + ".tokens_per_s").toDouble();
    const double growth = value(serving + ".growth", "1").toDouble();
    const int start = std::max(0, quarterIndex(value(serving + ".start"), 0));
    if (listOf(row.field).isEmpty() && first > 0) {
      row.form = Form::growth;
      if (growth != 1) row.whole = QString("x %1 a quarter").arg(growth);
      for (int q = start; q < quarters_; ++q)
        row.values[q] = number_text(first * std::pow(growth, q - start));
      if (start < quarters_) row.stated[start] = true;
    } else if (listOf(row.field).isEmpty()) {
      row.whole = "as many as can be";
    }
    row.editable = mayEdit(serving);
    addWhole(name + ": highest load over the mean", serving + ".peak_over_mean", false, "1");
    rows_.last().editable = row.editable;
    return;
  }
  Row row{name + ": may run", training, Form::window};
  const QString last = quarterName(quarters_ - 1);
  const QString start = value(training + ".start", quarterName(0));
  const QString deadline = value(training + ".deadline", last);
  row.whole = start + " to " + deadline;
  row.values.resize(quarters_);
  const int to = std::min(quarters_ - 1, quarterIndex(deadline, quarters_ - 1));
  for (int q = std::max(0, quarterIndex(start, 0)); q <= to; ++q) row.values[q] = "runs";
  add(row);
}

void PlanTable::addSite(const QString& group, const QString& name) {
  addSteps(name + ": power at the feed", group + ".power");
  if (!rows_.last().whole.isEmpty()) rows_.last().whole = "none";
  addWhole(name + ": racks", group + ".racks", false, kNoLimit);
  addWhole(name + ": power of a rack", group + ".rack_power", true, kNoLimit);
  for (qsizetype i = rows_.size() - 2; i < rows_.size(); ++i)
    rows_[i].editable = mayEdit("plan.site");
}

void PlanTable::addSystem(const QString& group, const QString& name) {
  addList(name + ": accelerators that can be ordered", group + ".chips_per_quarter");
  Row& row = rows_.last();
  row.editable = mayEdit("plan.system");
  const QString supply = value(group + ".supply");
  if (!supply.isEmpty())
    row.whole = QString("%1 of %2").arg(value(group + ".supply_share", "all"), supply);
  else if (listOf(row.field).isEmpty())
    row.whole = kNoLimit;
}

int PlanTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int PlanTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kQuarters + quarters_;
}

QVariant PlanTable::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Row& row = rows_[index.row()];
  const int quarter = index.column() - kQuarters;
  const bool stated = quarter >= 0 && row.stated[quarter];
  switch (role) {
    case Qt::DisplayRole:
    case Qt::EditRole:
      if (index.column() == kWhat) return row.what;
      if (index.column() == kWhole) return row.whole;
      return row.values[quarter];
    case Qt::ToolTipRole: {
      QString tip = row.field;
      if (!row.editable)
        tip += "\nstands in the scenario that this one extends: edit it there";
      else if (row.form == Form::steps || row.form == Form::list)
        tip += "\nbold: stated here; it holds until the next. Empty it to take it away";
      return tip;
    }
    case kStated:
      return stated;
    case kField:
      return row.field;
    default:
      return {};
  }
}

QVariant PlanTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  if (section == kWhat) return of_ == Of::demand ? "Demand" : "Limit";
  if (section == kWhole) return "Whole plan";
  return section < columnCount() ? QVariant(quarterName(section - kQuarters)) : QVariant();
}

Qt::ItemFlags PlanTable::flags(const QModelIndex& index) const {
  if (!index.isValid()) return Qt::NoItemFlags;
  const Row& row = rows_[index.row()];
  const bool of_whole = row.form == Form::whole || row.form == Form::window;
  const bool here = of_whole ? index.column() == kWhole : index.column() >= kQuarters;
  const Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
  return here && row.editable ? flags | Qt::ItemIsEditable : flags;
}

bool PlanTable::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !flags(index).testFlag(Qt::ItemIsEditable)) return false;
  const Row row = rows_[index.row()];
  const QString typed = value.toString().trimmed();
  if (typed == data(index, Qt::EditRole).toString()) return false;
  QString text;
  switch (row.form) {
    case Form::whole:
      text = typed.isEmpty()
                 ? without_field(document_->text(), row.field)
                 : with_field(document_->text(), row.field, row.text ? quoted(typed) : typed);
      break;
    case Form::window:
      text = withWindow(row, typed);
      break;
    case Form::steps:
      text = withStep(row, index.column() - kQuarters, typed);
      break;
    default:
      text = withList(row, index.column() - kQuarters, typed);
  }
  if (text.isEmpty() || text == document_->text()) return false;
  document_->setText(text);
  return true;
}

QString PlanTable::withStep(const Row& row, int quarter, const QString& typed) const {
  QVector<std::pair<int, QString>> steps;
  const QStringList there = groups(row.field);
  for (const auto& step : there)
    steps.emplace_back(std::max(0, quarterIndex(value(step + ".from"), 0)), value(step + ".value"));
  const auto at = std::lower_bound(steps.begin(), steps.end(), quarter,
                                   [](const auto& step, int q) { return step.first < q; });
  const bool known = at != steps.end() && at->first == quarter;
  if (typed.isEmpty() && !known) return {};
  if (typed.isEmpty())
    steps.erase(at);
  else if (known)
    at->second = typed;
  else
    steps.insert(at, {quarter, typed});
  // In place as far as there are groups: comments beside them stay.
  QString text = document_->text();
  for (qsizetype i = there.size() - 1; i >= steps.size(); --i) text = without_field(text, there[i]);
  for (qsizetype i = 0; i < steps.size(); ++i) {
    const QString from = quoted(quarterName(steps[i].first)), now = quoted(steps[i].second);
    if (i >= there.size()) {
      text = with_field(text, QString("%1[%2]").arg(row.field).arg(i),
                        QString("{ from: %1 value: %2 }").arg(from, now));
      continue;
    }
    // The paths of what is left: one alone has no index.
    const QString path = steps.size() == 1 && there.size() > 1 ? row.field : there[i];
    const bool stated = field(there[i] + ".from") != nullptr;
    if (stated || steps[i].first > 0) text = with_field(text, path + ".from", from);
    text = with_field(text, path + ".value", now);
  }
  return text;
}

QString PlanTable::withList(const Row& row, int quarter, const QString& typed) const {
  bool is_number = false;
  typed.toDouble(&is_number);
  if (!is_number) return {};
  QStringList values = listOf(row.field);
  if (row.form == Form::growth) {
    values = row.values;
    // Before the load starts any number will do; the first is as good as another.
    const auto first = std::find_if(values.begin(), values.end(),
                                    [](const QString& each) { return !each.isEmpty(); });
    for (auto& each : values)
      if (each.isEmpty()) each = first == values.end() ? typed : *first;
  }
  // What held until the last quarter goes on after the one that is edited.
  const bool has_next = quarter + 1 < quarters_ && !values.isEmpty();
  while (!values.isEmpty() && values.size() < quarter + (has_next ? 2 : 1)) values << values.last();
  if (values.isEmpty()) values.fill(typed, quarter + 1);
  values[quarter] = typed;
  QString text = document_->text();
  for (qsizetype i = listOf(row.field).size() - 1; i >= 0 && field(row.field) == nullptr; --i)
    text = without_field(text, QString("%1[%2]").arg(row.field).arg(i));
  if (row.form == Form::growth) {
    const QString serving = row.field.section('.', 0, -2);
    for (const auto* old : {".tokens_per_s", ".growth"}) text = without_field(text, serving + old);
  }
  return with_field(text, row.field, "[" + values.join(", ") + "]");
}

QString PlanTable::withWindow(const Row& row, const QString& typed) const {
  const QStringList ends = typed.split(" to ");
  if (ends.size() != 2 || !parse_quarter(ends[0]) || !parse_quarter(ends[1])) return {};
  const QString text =
      with_field(document_->text(), row.field + ".start", quoted(ends[0].trimmed()));
  return with_field(text, row.field + ".deadline", quoted(ends[1].trimmed()));
}

}  // namespace aisle::gui
