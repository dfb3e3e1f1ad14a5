// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/topology_scene.hpp"
#include "gui/views/exportable.hpp"

#include <QWidget>

class QComboBox;
class QLabel;

namespace aisle::gui {

class TopologyCanvas;

/// The machine from the hall down to the dies of one package. The wheel zooms about the pointer,
/// dragging moves, a double click opens what is under the pointer, F shows all. What is too small
/// to be told apart is drawn as one.
class TopologyView : public QWidget, public Exportable {
  Q_OBJECT

 public:
  explicit TopologyView(QWidget* parent = nullptr);

  void set(const TopologyScene& scene);
  /// New values of colourings that follow the time that is looked at; `when` says which it is.
  void setColourings(const QVector<Colouring>& colourings, const QString& when);
  QVector<NamedTable> tables() const override;

 private:
  void fillColours();

  TopologyScene scene_;
  TopologyCanvas* canvas_;
  QComboBox* colour_;
  QLabel* when_;
};

/// Draws a scene.
class TopologyCanvas : public QWidget {
  Q_OBJECT

 public:
  explicit TopologyCanvas(QWidget* parent = nullptr);

  void set(const TopologyScene* scene);
  void setColouring(int index);
  void showAll();
  /// Fits one domain (-1: all).
  void showDomain(int domain);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void layOut();
  QRectF domainBox(int domain) const;
  QRectF chipBox(const QRectF& domain, int chip) const;
  QRectF toScreen(const QRectF& world) const;
  QPointF toWorld(const QPointF& screen) const;
  void zoom(double factor, const QPointF& about);
  int chipAt(const QPointF& screen) const;
  QColor colourOf(int accelerator) const;
  void paintFabric(QPainter& painter) const;
  void paintRack(QPainter& painter, int first) const;
  void paintDomain(QPainter& painter, int domain) const;
  void paintChip(QPainter& painter, const QRectF& box, int accelerator) const;
  void paintPackage(QPainter& painter, const QRectF& box, const QColor& text) const;
  void paintLegend(QPainter& painter) const;

  const TopologyScene* scene_ = nullptr;
  int colouring_ = 0;
  int columns_ = 1, chip_columns_ = 1, chip_rows_ = 1;  ///< of domains, and of chips in one
  QRectF world_;
  double scale_ = 1;  ///< pixels of one unit of the world
  QPointF origin_;    ///< of the world on the screen
  QPointF pressed_at_, pressed_origin_;
};

}  // namespace aisle::gui
