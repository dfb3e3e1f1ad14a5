// SPDX-License-Identifier: Apache-2.0
#include "gui/models/scenario/form_model.hpp"

#include <QRegularExpression>

#include <algorithm>
#include <array>
#include <utility>

namespace aisle::gui {

struct FormModel::Node {
  QString path, name;
  ScenarioField field;
  bool group = true;
  const FieldInfo* info = nullptr;
  Node* above = nullptr;
  std::vector<std::unique_ptr<Node>> below;

  Node* child(const QString& wanted) const {
    for (const auto& each : below)
      if (each->path == wanted) return each.get();
    return nullptr;
  }
};

namespace {

QString first_sentence(const QString& text) {
  // Not behind "e.g.": a sentence begins with a capital.
  static const QRegularExpression end("\\.\\s+(?=[A-Z])");
  const auto found = end.match(text);
  return found.hasMatch() ? text.left(found.capturedStart() + 1) : text;
}

}  // namespace

FormModel::FormModel(ScenarioDocument* document, QObject* parent)
    : QAbstractItemModel(parent), document_(document), root_(std::make_unique<Node>()) {
  connect(document_, &ScenarioDocument::changed, this, &FormModel::refresh);
  build();
}

FormModel::~FormModel() = default;

FormModel::Node* FormModel::insert(const QString& path) {
  const Schema* schema = document_->schema();
  Node* at = root_.get();
  QString so_far;
  for (const auto& step : path.split('.')) {
    so_far += (so_far.isEmpty() ? "" : ".") + step;
    Node* next = at->child(so_far);
    if (next == nullptr) {
      auto made = std::make_unique<Node>();
      made->path = so_far;
      made->name = step;
      made->above = at;
      made->info = schema == nullptr ? nullptr : schema->field(so_far);
      const auto before = [&](const QString& a, const QString& b) {
        const qsizetype left = schema == nullptr ? 0 : schema->order(a);
        const qsizetype right = schema == nullptr ? 0 : schema->order(b);
        return left < right;
      };
      const auto place =
          std::upper_bound(at->below.begin(), at->below.end(), made,
                           [&](const auto& a, const auto& b) { return before(a->path, b->path); });
      next = at->below.insert(place, std::move(made))->get();
    }
    at = next;
  }
  at->group = false;
  at->field.path = path;
  return at;
}

void FormModel::build() {
  root_ = std::make_unique<Node>();
  shown_.clear();
  for (const auto& field : document_->fields()) {
    insert(field.path)->field = field;
    shown_ << field.path;
    pending_.removeAll(field.path);
  }
  for (const auto& path : pending_) {
    insert(path);
    shown_ << path;
  }
}

void FormModel::refresh() {
  QStringList paths;
  for (const auto& field : document_->fields()) paths << field.path;
  for (const auto& path : pending_)
    if (!paths.contains(path)) paths << path;
  if (paths == shown_) {
    for (const auto& field : document_->fields()) insert(field.path)->field = field;
    return tellValues(*root_);
  }
  beginResetModel();
  build();
  endResetModel();
}

void FormModel::tellValues(Node& node) {
  if (node.below.empty()) return;
  emit dataChanged(indexOf(node.below.front().get()), indexOf(node.below.back().get(), kMeaning));
  for (const auto& child : node.below) tellValues(*child);
}

QModelIndex FormModel::addField(const QString& path) {
  if (!shown_.contains(path)) {
    pending_ << path;
    beginResetModel();
    build();
    endResetModel();
  }
  return rowOf(path).siblingAtColumn(kValue);
}

QModelIndex FormModel::rowOf(const QString& path) const {
  const Node* at = root_.get();
  QString so_far;
  for (const auto& step : path.split('.')) {
    so_far += (so_far.isEmpty() ? "" : ".") + step;
    const Node* next = at->child(so_far);
    if (next == nullptr) break;
    at = next;
  }
  return indexOf(at);
}

void FormModel::setProblems(const QVector<Problem>& problems) {
  problems_ = problems;
  tellValues(*root_);
}

FormModel::Node* FormModel::nodeOf(const QModelIndex& index) const {
  return index.isValid() ? static_cast<Node*>(index.internalPointer()) : root_.get();
}

QModelIndex FormModel::indexOf(const Node* node, int column) const {
  if (node == root_.get()) return {};
  const auto& siblings = node->above->below;
  const auto found = std::find_if(siblings.begin(), siblings.end(),
                                  [&](const auto& each) { return each.get() == node; });
  return createIndex(static_cast<int>(found - siblings.begin()), column, node);
}

QModelIndex FormModel::index(int row, int column, const QModelIndex& parent) const {
  if (!hasIndex(row, column, parent)) return {};
  return createIndex(row, column, nodeOf(parent)->below[static_cast<std::size_t>(row)].get());
}

QModelIndex FormModel::parent(const QModelIndex& child) const {
  return child.isValid() ? indexOf(nodeOf(child)->above) : QModelIndex();
}

int FormModel::rowCount(const QModelIndex& parent) const {
  return parent.column() > 0 ? 0 : static_cast<int>(nodeOf(parent)->below.size());
}

int FormModel::columnCount(const QModelIndex& parent) const {
  return parent.column() > 0 ? 0 : kMeaning + 1;
}

QString FormModel::problemOf(const Node& node) const {
  QStringList sentences;
  for (const auto& problem : problems_) {
    if (problem.field.isEmpty()) continue;
    // At the field, or at the innermost group that is shown of it.
    if (rowOf(problem.field) == indexOf(&node)) sentences << problem.sentence;
  }
  return sentences.join('\n');
}

QVariant FormModel::text(const Node& node, int column) const {
  if (column == kField) return QString(node.name).replace('_', ' ');
  if (column == kValue) return node.group ? QString() : node.field.value;
  return node.info == nullptr ? QString() : first_sentence(node.info->comment);
}

QVariant FormModel::tip(const Node& node) const {
  QString tip = node.path;
  if (node.info != nullptr) tip += "\n" + node.info->comment;
  if (node.info != nullptr && !node.info->fallback.isEmpty())
    tip += "\nwhere absent: " + node.info->fallback;
  if (node.info != nullptr) {
    for (qsizetype i = 0; i < node.info->values.size(); ++i)
      if (!node.info->meanings[i].isEmpty())
        tip += QString("\n%1: %2").arg(node.info->values[i], node.info->meanings[i]);
  }
  if (node.field.own && !node.field.base_value.isEmpty() &&
      node.field.base_value != node.field.value)
    tip += "\nbefore: " + node.field.base_value;
  if (const QString problem = problemOf(node); !problem.isEmpty()) tip = problem + "\n\n" + tip;
  return "<p style='white-space:pre-wrap'>" + tip.toHtmlEscaped() + "</p>";
}

QVariant FormModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Node& node = *nodeOf(index);
  switch (role) {
    case Qt::DisplayRole:
      return text(node, index.column());
    case Qt::EditRole:
      return index.column() == kValue ? node.field.value : QVariant();
    case Qt::ToolTipRole:
      return tip(node);
    case Qt::AccessibleTextRole:
      return QString("%1 %2").arg(node.name, node.field.value);
    case kPath:
      return node.path;
    case kProblem:
      return problemOf(node);
    case kOwn:
      return node.field.own;
    case kChoices:
      return node.info == nullptr ? QStringList() : node.info->values;
    case kCatalogue:
      return node.info == nullptr ? QString() : node.info->catalogue;
    case kExample:
      return node.info == nullptr ? QString() : node.info->example();
    case kIsGroup:
      return node.group;
    default:
      return {};
  }
}

bool FormModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !flags(index).testFlag(Qt::ItemIsEditable)) return false;
  const Node& node = *nodeOf(index);
  const QString path = node.path, typed = value.toString();
  if (typed == node.field.value) return false;
  if (typed.isEmpty())
    document_->unsetField(path);
  else
    document_->setField(path, typed);
  return true;
}

QVariant FormModel::headerData(int section, Qt::Orientation orientation, int role) const {
  constexpr std::array names{"Field", "Value", "Meaning"};
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section > kMeaning) return {};
  return names[static_cast<std::size_t>(section)];
}

Qt::ItemFlags FormModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) return Qt::NoItemFlags;
  Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
  if (index.column() == kValue && !nodeOf(index)->group) flags |= Qt::ItemIsEditable;
  return flags;
}

}  // namespace aisle::gui
