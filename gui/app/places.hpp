// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QHash>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QVector>

class QDockWidget;
class QMainWindow;
class QWidget;

namespace aisle::gui {

/// A view of the window: its name on the command line, its title, its widget.
struct ViewEntry {
  QString name, title;
  QWidget* widget = nullptr;
};

/// The docks of the window, and the places among which the user moves: each shows some of the
/// views, in a layout that is remembered.
class Places : public QObject {
  Q_OBJECT

 public:
  Places(QMainWindow* window, const QVector<ViewEntry>& views);

  static QStringList names();
  static QString title(const QString& place);

  /// The place that is shown, or that was before one view was shown alone.
  QString current() const { return current_; }

  void show(const QString& place);
  /// One view fills the window until a place is shown again.
  void showAlone(const QString& view);
  /// Brings a view of the current place to the front.
  void raise(const QString& view);
  /// The place as it was at first.
  void reset();

  QDockWidget* dock(const QString& view) const;
  QHash<QString, QByteArray> layouts();

  void setLayouts(const QHash<QString, QByteArray>& layouts) { layouts_ = layouts; }

 signals:
  void shown(const QString& place);

 private:
  void arrange();
  void arrangeResult();
  void showAll(const QStringList& views);
  /// Whole names on the tabs of docks that share a place.
  void styleTabs();
  void keep();

  QMainWindow* window_;
  QVector<ViewEntry> views_;
  QHash<QString, QByteArray> layouts_;
  QString current_;
  bool alone_ = false;
};

}  // namespace aisle::gui
