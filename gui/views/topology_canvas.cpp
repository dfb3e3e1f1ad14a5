// SPDX-License-Identifier: Apache-2.0
#include "gui/views/style.hpp"
#include "gui/views/topology_view.hpp"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

// World units: a chip takes a square of one, a domain its chips and a frame.
constexpr double kFrame = 0.35;
constexpr double kGap = 0.3;
constexpr double kHead = 0.5;           ///< of a domain, for its name
constexpr double kSwitchHeight = 0.07;  ///< of the hall's width, for one row of switches
constexpr double kMargin = 0.04;        ///< of the view, around what is shown
constexpr double kDetail = 34;          ///< pixels of a chip from which its package shows
constexpr double kWords = 110;          ///< and from which it carries words
constexpr double kDomainChips = 26;     ///< pixels of a domain from which its chips show
constexpr int kLegendHeight = 26;

/// Dark blue to yellow, evenly in lightness (after viridis).
QColor colour_at(double share) {
  constexpr QRgb stops[] = {0xff440154, 0xff3b528b, 0xff21918c, 0xff5ec962, 0xfffde725};
  const double at = std::clamp(share, 0.0, 1.0) * 4;
  const int below = std::min(3, static_cast<int>(at));
  const QColor a(stops[below]), b(stops[below + 1]);
  const double part = at - below;
  const auto mix = [&](int x, int y) { return static_cast<int>(std::lround(x + part * (y - x))); };
  return QColor(mix(a.red(), b.red()), mix(a.green(), b.green()), mix(a.blue(), b.blue()));
}

}  // namespace

TopologyCanvas::TopologyCanvas(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(200, 160);
  setAccessibleName("Drawing of the machine");
}

void TopologyCanvas::set(const TopologyScene* scene) {
  scene_ = scene;
  layOut();
  showAll();
}

void TopologyCanvas::setColouring(int index) {
  colouring_ = std::max(0, index);
  update();
}

void TopologyCanvas::layOut() {
  if (scene_ == nullptr || scene_->isEmpty()) return;
  chip_columns_ = static_cast<int>(std::ceil(std::sqrt(scene_->domain_size * 1.0)));
  if (scene_->domain_size == 8) chip_columns_ = 4;
  chip_rows_ = (scene_->domain_size + chip_columns_ - 1) / chip_columns_;
  const double wide = chip_columns_ + 2 * kFrame + kGap, high = chip_rows_ + kFrame + kHead + kGap;
  const double aspect = 1.7 * high / wide;
  columns_ = std::max(1, static_cast<int>(std::ceil(std::sqrt(scene_->domains * aspect))));
  // Whole racks stand in a row.
  if (const int rack = scene_->rack_domains; rack > 1)
    columns_ = (columns_ + rack - 1) / rack * rack;
  const int rows = (scene_->domains + columns_ - 1) / columns_;
  const double width = columns_ * wide;
  const double top = static_cast<double>(scene_->switches.size()) * kSwitchHeight * width;
  world_ = QRectF(0, -top, width, top + rows * high);
}

QRectF TopologyCanvas::domainBox(int domain) const {
  const double wide = chip_columns_ + 2 * kFrame + kGap, high = chip_rows_ + kFrame + kHead + kGap;
  return {domain % columns_ * wide, domain / columns_ * high, wide - kGap, high - kGap};
}

QRectF TopologyCanvas::chipBox(const QRectF& domain, int chip) const {
  const double inset = 0.06;
  return QRectF(domain.left() + kFrame + chip % chip_columns_,
                domain.top() + kHead + chip / chip_columns_, 1, 1)
      .adjusted(inset, inset, -inset, -inset);
}

QRectF TopologyCanvas::toScreen(const QRectF& world) const {
  return {origin_ + world.topLeft() * scale_, world.size() * scale_};
}

QPointF TopologyCanvas::toWorld(const QPointF& screen) const {
  return (screen - origin_) / scale_;
}

void TopologyCanvas::showAll() {
  if (scene_ == nullptr || scene_->isEmpty()) return update();
  const QSizeF room(width() * (1 - 2 * kMargin), (height() - kLegendHeight) * (1 - 2 * kMargin));
  scale_ = std::min(room.width() / world_.width(), room.height() / world_.height());
  origin_ = QPointF(width(), height() - kLegendHeight) / 2 - world_.center() * scale_;
  update();
}

void TopologyCanvas::showDomain(int domain) {
  if (scene_ == nullptr || scene_->isEmpty()) return;
  const QRectF box = domainBox(domain);
  scale_ = std::min(width() * 0.9 / box.width(), (height() - kLegendHeight) * 0.9 / box.height());
  origin_ = QPointF(width(), height() - kLegendHeight) / 2 - box.center() * scale_;
  update();
}

void TopologyCanvas::resizeEvent(QResizeEvent*) {
  showAll();
}

QColor TopologyCanvas::colourOf(int accelerator) const {
  const QColor unknown(theme().line);
  if (colouring_ >= scene_->colourings.size()) return unknown;
  const auto& colouring = scene_->colourings[colouring_];
  const double value = colouring.values.value(scene_->pipelineOf(accelerator), std::nan(""));
  if (std::isnan(value)) return unknown;
  const double range = colouring.high - colouring.low;
  return colour_at(range > 0 ? (value - colouring.low) / range : 0.5);
}

void TopologyCanvas::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), palette().base());
  if (scene_ == nullptr || scene_->isEmpty()) {
    painter.setPen(QColor(theme().muted));
    painter.drawText(rect().adjusted(24, 24, -24, -24), Qt::AlignCenter | Qt::TextWordWrap,
                     "The machine, from the hall to the dies\n\nOpen a result, or run a study; a "
                     "result whose chips this catalogue does not know has no drawing.");
    return;
  }
  painter.setRenderHint(QPainter::Antialiasing);
  paintFabric(painter);
  const QRectF seen(toWorld(QPointF(0, 0)), toWorld(QPointF(width(), height())));
  const double high = domainBox(columns_).top();
  const int first = std::max(0, static_cast<int>(seen.top() / std::max(1e-9, high)) - 1);
  for (int domain = first * columns_; domain < scene_->domains; ++domain) {
    const QRectF box = domainBox(domain);
    if (box.top() > seen.bottom()) break;
    if (box.intersects(seen)) paintDomain(painter, domain);
    const bool begins_rack = scene_->rack_domains > 0 && domain % scene_->rack_domains == 0;
    if (begins_rack) paintRack(painter, domain);
  }
  paintLegend(painter);
}

void TopologyCanvas::paintFabric(QPainter& painter) const {
  const auto count = static_cast<int>(scene_->switches.size());
  const double high = world_.width() * kSwitchHeight;
  for (int i = 0; i < count; ++i) {
    const auto& row = scene_->switches[i];
    const QRectF box = toScreen(QRectF(0, -(i + 1) * high, world_.width() - kGap, high * 0.62));
    QColor fill(theme().card);
    if (row.load >= 0) fill = colour_at(row.load);
    painter.setPen(QColor(theme().axis));
    // Cables, folded: a fan from each row to the one below.
    for (int line = 0; line <= 16; ++line) {
      const double x = box.left() + box.width() * line / 16;
      painter.drawLine(QPointF(x, box.bottom()), QPointF(x, box.bottom() + 0.38 * high * scale_));
    }
    painter.setBrush(fill);
    painter.drawRoundedRect(box, 4, 4);
    painter.setPen(row.load >= 0 ? text_colour_on(fill) : QColor(theme().text));
    QString text = QString("%L1 %2 switches").arg(row.count).arg(row.name);
    if (i == 0) text += QString("  ·  %1, %2").arg(scene_->fabric, scene_->scale_out_text);
    if (row.load >= 0) text += QString("  ·  busiest link %1 %").arg(row.load * 100, 0, 'f', 0);
    if (box.height() > 12)
      painter.drawText(box.adjusted(8, 0, -8, 0), Qt::AlignCenter,
                       painter.fontMetrics().elidedText(text, Qt::ElideRight,
                                                        static_cast<int>(box.width()) - 16));
  }
}

/// A frame around the domains of one rack; too small a frame would be all that is seen.
void TopologyCanvas::paintRack(QPainter& painter, int first) const {
  const int last = std::min(scene_->domains, first + scene_->rack_domains) - 1;
  const double around = kGap / 3;
  const QRectF box =
      toScreen((domainBox(first) | domainBox(last)).adjusted(-around, -around, around, around));
  if (toScreen(domainBox(first)).width() < kDomainChips) return;
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(QColor(theme().muted), 1.5));
  painter.drawRoundedRect(box, 4, 4);
  const double room = kGap / 3 * scale_;
  if (room < 11) return;
  painter.drawText(QRectF(box.left() + 6, box.bottom(), box.width(), room), Qt::AlignTop,
                   QString("rack %L1").arg(first / scene_->rack_domains));
}

void TopologyCanvas::paintDomain(QPainter& painter, int domain) const {
  const QRectF world = domainBox(domain);
  const QRectF box = toScreen(world);
  const int first = domain * scene_->domain_size;
  if (box.width() < kDomainChips) {
    // Folded: one colour stands for all of them.
    painter.fillRect(box, colourOf(first));
    return;
  }
  painter.setPen(QColor(theme().axis));
  painter.setBrush(QColor(theme().card));
  painter.drawRoundedRect(box, 3, 3);
  const double head = kHead * scale_;
  if (head > 13) {
    painter.setPen(QColor(theme().muted));
    const QString name = QString("domain %L1  ·  %2 x %3  ·  %4")
                             .arg(domain)
                             .arg(scene_->domain_size)
                             .arg(scene_->chip, scene_->scale_up_text);
    painter.drawText(
        QRectF(box.left() + 8, box.top(), box.width() - 16, head), Qt::AlignVCenter,
        painter.fontMetrics().elidedText(name, Qt::ElideRight, static_cast<int>(box.width()) - 16));
  }
  const int last = std::min(scene_->accelerators, first + scene_->domain_size);
  for (int chip = first; chip < last; ++chip)
    paintChip(painter, toScreen(chipBox(world, chip - first)), chip);
}

void TopologyCanvas::paintChip(QPainter& painter, const QRectF& box, int accelerator) const {
  if (!box.intersects(QRectF(rect()))) return;
  const QColor fill = colourOf(accelerator);
  if (box.width() < kDetail) return painter.fillRect(box, fill);
  painter.setPen(QColor(theme().axis));
  painter.setBrush(fill);
  painter.drawRoundedRect(box, 4, 4);
  paintPackage(painter, box, text_colour_on(fill));
  if (box.width() < kWords) return;
  painter.setPen(text_colour_on(fill));
  const QRectF foot(box.left() + 6, box.bottom() - 20, box.width() - 12, 18);
  painter.drawText(foot, Qt::AlignVCenter | Qt::AlignHCenter,
                   painter.fontMetrics().elidedText(scene_->nameOf(accelerator), Qt::ElideRight,
                                                    static_cast<int>(foot.width())));
}

void TopologyCanvas::paintPackage(QPainter& painter, const QRectF& box, const QColor& text) const {
  const bool words = box.width() >= kWords;
  const QRectF area = box.adjusted(box.width() * 0.08, box.height() * 0.1, -box.width() * 0.08,
                                   words ? -24 : -box.height() * 0.1);
  // Stacks stand left and right of the compute dies.
  const double side = area.width() * 0.2;
  const int left = (scene_->hbm_stacks + 1) / 2, right = scene_->hbm_stacks / 2;
  painter.setPen(text);
  const auto stacks = [&](double x, int count) {
    for (int i = 0; i < count; ++i) {
      const double high = area.height() / count;
      const QRectF stack = QRectF(x, area.top() + i * high, side, high).adjusted(0, 1.5, 0, -1.5);
      painter.setBrush(QColor(255, 255, 255, 60));
      painter.drawRect(stack);
      if (words && high > 14 && side > 26) painter.drawText(stack, Qt::AlignCenter, "HBM");
    }
  };
  stacks(area.left(), left);
  stacks(area.right() - side, right);
  const QRectF middle = area.adjusted(side * 1.25, 0, -side * 1.25, 0);
  const int dies = scene_->compute_dies;
  for (int i = 0; i < dies; ++i) {
    const double high = middle.height() / dies;
    const QRectF die =
        QRectF(middle.left(), middle.top() + i * high, middle.width(), high)
            .adjusted(0, i == 0 ? 0 : high * 0.06, 0, i == dies - 1 ? 0 : -high * 0.06);
    painter.setBrush(QColor(0, 0, 0, 50));
    painter.drawRect(die);
    if (i > 0)
      painter.drawLine(QPointF(die.center().x(), die.top()),
                       QPointF(die.center().x(), die.top() - high * 0.12));
    if (!words) continue;
    QString name = dies == 1 ? scene_->chip : QString("die %1").arg(i);
    if (i == 0 && box.width() > 2 * kWords) name += "\n" + scene_->memory_text;
    if (i == dies - 1 && dies > 1 && box.width() > 2 * kWords) name += "\n" + scene_->die_link_text;
    painter.drawText(die.adjusted(2, 2, -2, -2), Qt::AlignCenter | Qt::TextWordWrap, name);
  }
}

void TopologyCanvas::paintLegend(QPainter& painter) const {
  const QRect bar(0, height() - kLegendHeight, width(), kLegendHeight);
  painter.fillRect(bar, palette().window());
  painter.setPen(palette().color(QPalette::Text));
  int x = 10;
  if (colouring_ < scene_->colourings.size()) {
    const auto& colouring = scene_->colourings[colouring_];
    const auto number = [&](double value) {
      return QString("%1 %2").arg(value, 0, 'g', 4).arg(colouring.unit);
    };
    const QString low = number(colouring.low), high = number(colouring.high);
    const auto write = [&](const QString& text) {
      const int wide = painter.fontMetrics().horizontalAdvance(text);
      painter.drawText(QRect(x, bar.top(), wide, bar.height()), Qt::AlignVCenter, text);
      x += wide + 6;
    };
    write(colouring.name + "  " + low);
    for (int i = 0; i < 60; ++i)
      painter.fillRect(QRectF(x + i * 2, bar.top() + 8, 2, 10), colour_at(i / 59.0));
    x += 126;
    write(high);
  }
  const QString help = "wheel zooms · drag moves · double click opens · F shows all";
  const int room = width() - x - 24;
  if (painter.fontMetrics().horizontalAdvance(help) > room) return;
  painter.setPen(QColor(theme().muted));
  painter.drawText(QRect(x, bar.top(), width() - x - 10, bar.height()),
                   Qt::AlignVCenter | Qt::AlignRight, help);
}

int TopologyCanvas::chipAt(const QPointF& screen) const {
  if (scene_ == nullptr || scene_->isEmpty()) return -1;
  const QPointF at = toWorld(screen);
  const QRectF one = domainBox(0);
  const int column = static_cast<int>(std::floor(at.x() / (one.width() + kGap)));
  const int row = static_cast<int>(std::floor(at.y() / (one.height() + kGap)));
  const int domain = row * columns_ + column;
  if (column < 0 || column >= columns_ || row < 0 || domain >= scene_->domains) return -1;
  const QRectF box = domainBox(domain);
  if (!box.contains(at)) return -1;
  const int x = std::clamp(static_cast<int>(at.x() - box.left() - kFrame), 0, chip_columns_ - 1);
  const int y = std::clamp(static_cast<int>(at.y() - box.top() - kHead), 0, chip_rows_ - 1);
  const int chip =
      domain * scene_->domain_size + std::min(scene_->domain_size - 1, y * chip_columns_ + x);
  return std::min(chip, scene_->accelerators - 1);
}

void TopologyCanvas::zoom(double factor, const QPointF& about) {
  const QPointF fixed = toWorld(about);
  scale_ = std::clamp(scale_ * factor, 1e-4, 1500.0);
  origin_ = about - fixed * scale_;
  update();
}

void TopologyCanvas::wheelEvent(QWheelEvent* event) {
  zoom(std::pow(1.25, event->angleDelta().y() / 120.0), event->position());
  event->accept();
}

void TopologyCanvas::mousePressEvent(QMouseEvent* event) {
  pressed_at_ = event->position();
  pressed_origin_ = origin_;
}

void TopologyCanvas::mouseMoveEvent(QMouseEvent* event) {
  if (event->buttons() != Qt::NoButton) {
    origin_ = pressed_origin_ + event->position() - pressed_at_;
    return update();
  }
  const int chip = chipAt(event->position());
  if (chip < 0) return QToolTip::hideText();
  QString text =
      QString("domain %L1\n%2").arg(chip / scene_->domain_size).arg(scene_->nameOf(chip));
  for (const auto& colouring : scene_->colourings) {
    const double value = colouring.values.value(scene_->pipelineOf(chip), std::nan(""));
    if (!std::isnan(value))
      text += QString("\n%1: %2 %3").arg(colouring.name).arg(value, 0, 'g', 4).arg(colouring.unit);
  }
  QToolTip::showText(event->globalPosition().toPoint(), text, this);
}

void TopologyCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
  const int chip = chipAt(event->position());
  if (chip < 0) return showAll();
  const int domain = chip / scene_->domain_size;
  const QRectF box = toScreen(domainBox(domain));
  if (box.width() < width() * 0.5) return showDomain(domain);
  const QRectF target = chipBox(domainBox(domain), chip % scene_->domain_size);
  scale_ = (height() - kLegendHeight) * 0.9 / target.height();
  origin_ = QPointF(width(), height() - kLegendHeight) / 2 - target.center() * scale_;
  update();
}

void TopologyCanvas::keyPressEvent(QKeyEvent* event) {
  const QPointF centre(width() / 2.0, height() / 2.0);
  const double step = width() / 8.0;
  switch (event->key()) {
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom(1.4, centre);
    case Qt::Key_Minus:
      return zoom(1 / 1.4, centre);
    case Qt::Key_F:
    case Qt::Key_Home:
      return showAll();
    case Qt::Key_Left:
      origin_.rx() += step;
      return update();
    case Qt::Key_Right:
      origin_.rx() -= step;
      return update();
    case Qt::Key_Up:
      origin_.ry() += step;
      return update();
    case Qt::Key_Down:
      origin_.ry() -= step;
      return update();
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace aisle::gui
