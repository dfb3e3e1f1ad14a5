// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/scenario/document.hpp"

#include <QAbstractTableModel>
#include <QVector>

#include <optional>

namespace aisle::gui {

/// Whether a scenario is one to plan.
bool has_plan(const ScenarioDocument& document);

/// What a plan demands, or what limits it: a row for each quantity, a column for the whole plan and
/// one for each quarter. A value holds until the next one that is stated. Editing a cell edits the
/// scenario's text; what stands in the scenario that this one extends is shown and not edited.
class PlanTable : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum class Of { demand, limits };

  enum Column { kWhat, kWhole, kQuarters };

  enum Role {
    kStated = Qt::UserRole,  ///< the value stands there, and is not the one of a quarter before
    kField                   ///< path of the field behind the row
  };

  PlanTable(ScenarioDocument* document, Of of, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;

 private:
  /// How the text holds a row's values.
  enum class Form {
    whole,   ///< one field for the whole plan
    steps,   ///< groups with a quarter and a value
    list,    ///< one number for each quarter, the last for those after it
    growth,  ///< a first number and a factor; a list once a quarter is edited
    window   ///< first and last quarter
  };

  struct Row {
    QString what, field;
    Form form = Form::whole;
    QString whole = {};
    QStringList values = {};    ///< [quarters], empty: none
    QVector<bool> stated = {};  ///< [quarters]
    bool editable = true;
    bool text = true;  ///< the value stands in quotes
  };

  void refresh();
  void addDemand(const QString& group, const QString& name);
  void addSite(const QString& group, const QString& name);
  void addSystem(const QString& group, const QString& name);
  void add(Row row);
  void addWhole(const QString& what, const QString& field, bool text, const QString& absent = {});
  void addSteps(const QString& what, const QString& field);
  void addList(const QString& what, const QString& field);

  const ScenarioField* field(const QString& path) const;
  QString value(const QString& path, const QString& absent = {}) const;
  /// Groups of a list by path: "plan.site", or "plan.site[0]" and further.
  QStringList groups(const QString& list) const;
  bool mayEdit(const QString& path) const;
  int quarterIndex(const QString& name, int absent) const;
  QString quarterName(int index) const;
  QStringList listOf(const QString& path) const;

  QString withStep(const Row& row, int quarter, const QString& typed) const;
  QString withList(const Row& row, int quarter, const QString& typed) const;
  QString withWindow(const Row& row, const QString& typed) const;

  ScenarioDocument* document_;
  Of of_;
  QVector<Row> rows_;
  int from_ = 0;  ///< quarters since year 0
  int quarters_ = 0;
};

}  // namespace aisle::gui
