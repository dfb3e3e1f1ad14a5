// SPDX-License-Identifier: Apache-2.0
#include "gui/views/topology_view.hpp"

#include "gui/views/style.hpp"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace aisle::gui {

TopologyView::TopologyView(QWidget* parent) : QWidget(parent) {
  setAccessibleName("Topology");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  auto* row = new QHBoxLayout;
  row->setContentsMargins(10, 6, 10, 4);
  row->setSpacing(8);
  auto* label = new QLabel("Coloured by");
  label->setProperty("tone", "muted");
  colour_ = new QComboBox;
  colour_->setAccessibleName("Coloured by");
  colour_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  when_ = new QLabel;
  when_->setProperty("tone", "muted");
  canvas_ = new TopologyCanvas;
  auto* all = new QPushButton("Whole hall");
  auto* one = new QPushButton("One domain");
  row->addWidget(label);
  row->addWidget(colour_);
  row->addWidget(when_);
  row->addStretch();
  row->addWidget(all);
  row->addWidget(one);
  column->addLayout(row);
  column->addWidget(canvas_, 1);
  connect(colour_, &QComboBox::currentIndexChanged, canvas_, &TopologyCanvas::setColouring);
  connect(all, &QPushButton::clicked, canvas_, &TopologyCanvas::showAll);
  connect(one, &QPushButton::clicked, this, [this] { canvas_->showDomain(0); });
}

void TopologyView::fillColours() {
  colour_->clear();
  for (const auto& colouring : scene_.colourings) colour_->addItem(colouring.name);
}

void TopologyView::set(const TopologyScene& scene) {
  scene_ = scene;
  canvas_->set(&scene_);
  fillColours();
}

void TopologyView::setColourings(const QVector<Colouring>& colourings, const QString& when) {
  for (auto& colouring : scene_.colourings)
    for (const auto& now : colourings)
      if (colouring.name == now.name) colouring = now;
  when_->setText(when);
  canvas_->update();
}

QVector<NamedTable> TopologyView::tables() const {
  if (scene_.isEmpty()) return {};
  return {{"topology", topology_table(scene_)}};
}

}  // namespace aisle::gui
