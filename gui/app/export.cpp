// SPDX-License-Identifier: Apache-2.0
#include "gui/app/export.hpp"

#include "gui/models/whole_file.hpp"
#include "gui/views/plots/vector_painted.hpp"
#include "gui/views/svg_device.hpp"

#include <QBuffer>
#include <QDir>
#include <QFileInfo>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
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

QByteArray pdf_of(QWidget& widget) {
  QBuffer buffer;
  buffer.open(QIODevice::WriteOnly);
  QPdfWriter writer(&buffer);
  const QSizeF inches = QSizeF(widget.size()) / kPixelsPerInch;
  writer.setPageSize(QPageSize(inches, QPageSize::Inch));
  writer.setPageMargins({});
  QPainter painter(&writer);
  painter.scale(writer.logicalDpiX() / kPixelsPerInch, writer.logicalDpiY() / kPixelsPerInch);
  paint(widget, painter);
  painter.end();
  return buffer.data();
}

QByteArray svg_of(QWidget& widget) {
  SvgDevice device(widget.size());
  QPainter painter(&device);
  paint(widget, painter);
  painter.end();
  return device.text();
}

QImage pixels_of(QWidget& widget, double ratio) {
  if (ratio == 1) return widget.grab().toImage();
  QImage image((QSizeF(widget.size()) * ratio).toSize(), QImage::Format_ARGB32_Premultiplied);
  image.setDevicePixelRatio(ratio);
  QPainter painter(&image);
  paint(widget, painter);
  return image;
}

QByteArray png_of(QWidget& widget, double ratio) {
  QBuffer buffer;
  buffer.open(QIODevice::WriteOnly);
  pixels_of(widget, ratio).save(&buffer, "PNG");
  return buffer.data();
}

}  // namespace

bool write_picture(QWidget& widget, const QString& path, QString* error, double ratio) {
  const QString form = QFileInfo(path).suffix().toLower();
  if (form == "svg") return write_whole(path, svg_of(widget), error);
  if (form == "pdf") return write_whole(path, pdf_of(widget), error);
  if (form == "png") return write_whole(path, png_of(widget, ratio), error);
  *error = path + ": error: is no picture that can be written (.png, .svg or .pdf)";
  return false;
}

bool write_tables(const QVector<NamedTable>& tables, const QString& folder, QString* error) {
  for (const auto& [name, table] : tables) {
    if (table.rows.isEmpty()) continue;
    if (!write_whole(QDir(folder).filePath(name + ".csv"), to_csv(table).toUtf8(), error))
      return false;
  }
  return true;
}

}  // namespace aisle::gui
