// SPDX-License-Identifier: Apache-2.0
#include "gui/app/export.hpp"

#include "gui/views/plots/vector_painted.hpp"
#include "gui/views/svg_device.hpp"

#include <QDir>
#include <QFile>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QWidget>

namespace aisle::gui {

namespace {

constexpr double kPixelsPerInch = 96;

/// What the widgets around `child` leave of it, in the coordinates of `widget`. (Its own
/// visibleRegion() lacks what its children paint.)
QRect seen_of(const QWidget& child, const QWidget& widget) {
  QRect seen = widget.rect();
  for (const QWidget* at = &child; at != &widget; at = at->parentWidget())
    seen &= QRect(at->mapTo(&widget, QPoint()), at->size());
  return seen;
}

/// The widget, with its plots in lines and text in place of their pixels.
void paint(QWidget& widget, QPainter& painter) {
  widget.render(&painter, {}, {}, QWidget::DrawWindowBackground | QWidget::DrawChildren);
  for (auto* child : widget.findChildren<QWidget*>()) {
    auto* plot = dynamic_cast<VectorPainted*>(child);
    if (plot == nullptr || !child->isVisible()) continue;
    const QPoint at = child->mapTo(&widget, QPoint());
    painter.save();
    painter.setClipRect(seen_of(*child, widget));
    painter.fillRect(QRect(at, child->size()), child->palette().base());
    plot->paintVector(painter, QRect(at, child->size()));
    painter.restore();
  }
}

bool write_pdf(QWidget& widget, const QString& path) {
  QPdfWriter writer(path);
  const QSizeF inches = QSizeF(widget.size()) / kPixelsPerInch;
  writer.setPageSize(QPageSize(inches, QPageSize::Inch));
  writer.setPageMargins({});
  QPainter painter;
  if (!painter.begin(&writer)) return false;
  painter.scale(writer.logicalDpiX() / kPixelsPerInch, writer.logicalDpiY() / kPixelsPerInch);
  paint(widget, painter);
  return painter.end();
}

QImage pixels_of(QWidget& widget, double ratio) {
  if (ratio == 1) return widget.grab().toImage();
  QImage image((QSizeF(widget.size()) * ratio).toSize(), QImage::Format_ARGB32_Premultiplied);
  image.setDevicePixelRatio(ratio);
  QPainter painter(&image);
  paint(widget, painter);
  return image;
}

bool write_bytes(const QString& path, const QByteArray& bytes, QString* error) {
  QSaveFile file(path);
  if (file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.commit())
    return true;
  *error = path + ": error: " + file.errorString();
  return false;
}

}  // namespace

bool write_picture(QWidget& widget, const QString& path, QString* error, double ratio) {
  bool written = false;
  if (path.endsWith(".svg", Qt::CaseInsensitive)) {
    SvgDevice device(widget.size());
    QPainter painter(&device);
    paint(widget, painter);
    painter.end();
    return write_bytes(path, device.text(), error);
  }
  if (path.endsWith(".pdf", Qt::CaseInsensitive))
    written = write_pdf(widget, path);
  else
    written = pixels_of(widget, ratio).save(path);
  if (!written) *error = path + ": error: the picture could not be written";
  return written;
}

bool write_tables(const QVector<NamedTable>& tables, const QString& folder, QString* error) {
  for (const auto& [name, table] : tables) {
    if (table.rows.isEmpty()) continue;
    if (!write_bytes(QDir(folder).filePath(name + ".csv"), to_csv(table).toUtf8(), error))
      return false;
  }
  return true;
}

}  // namespace aisle::gui
