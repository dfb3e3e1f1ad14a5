// SPDX-License-Identifier: Apache-2.0
#include "gui/views/svg_device.hpp"

#include <QBuffer>
#include <QPaintEngine>
#include <QPainterPath>
#include <QPixmap>

namespace aisle::gui {

namespace {

constexpr int kDotsPerInch = 96;

QString colour_of(const char* what, const QColor& colour) {
  if (colour.alpha() == 0) return QString("%1=\"none\" ").arg(what);
  QString text = QString("%1=\"%2\" ").arg(what, colour.name());
  if (colour.alpha() < 255)
    text += QString("%1-opacity=\"%2\" ").arg(what).arg(colour.alphaF(), 0, 'f', 3);
  return text;
}

QString number(double value) {
  return QString::number(value, 'f', 2);
}

QString data_of(const QPainterPath& path) {
  QString data;
  for (int i = 0; i < path.elementCount(); ++i) {
    const auto element = path.elementAt(i);
    // The two points after a curve's first carry on from it.
    constexpr const char* kLetters[] = {"M", "L", "C", " "};
    data += kLetters[element.type] + number(element.x) + " " + number(element.y);
  }
  return data;
}

}  // namespace

class SvgDevice::Engine : public QPaintEngine {
 public:
  Engine()
      : QPaintEngine(PrimitiveTransform | PainterPaths | Antialiasing | AlphaBlend |
                     ConstantOpacity | PixmapTransform) {}

  bool begin(QPaintDevice*) override {
    body_.clear();
    clips_ = 0;
    clip_ = {};
    setActive(true);
    return true;
  }

  bool end() override {
    setActive(false);
    return true;
  }

  Type type() const override { return User; }

  void updateState(const QPaintEngineState& now) override {
    const auto dirty = now.state();
    if (dirty & DirtyPen) pen_ = now.pen();
    if (dirty & DirtyBrush) brush_ = now.brush();
    if (dirty & DirtyTransform) transform_ = now.transform();
    if (dirty & DirtyOpacity) opacity_ = now.opacity();
    if (dirty & DirtyClipEnabled && !now.isClipEnabled()) clip_.clear();
    if (dirty & DirtyClipRegion) clipTo(now.clipOperation(), now.clipRegion());
    if (dirty & DirtyClipPath) {
      QPainterPath path = now.clipPath();
      clipTo(now.clipOperation(), QRegion(path.boundingRect().toAlignedRect()));
    }
  }

  void drawPath(const QPainterPath& path) override {
    if (path.isEmpty()) return;
    open();
    body_ += QString("<path %1%2d=\"%3\"/>\n").arg(stroke(), fill(), data_of(path));
    close();
  }

  void drawPolygon(const QPointF* points, int count, PolygonDrawMode mode) override {
    QPainterPath path(points[0]);
    for (int i = 1; i < count; ++i) path.lineTo(points[i]);
    if (mode == PolylineMode) {
      const QBrush filled = brush_;
      brush_ = Qt::NoBrush;
      drawPath(path);
      brush_ = filled;
      return;
    }
    path.closeSubpath();
    drawPath(path);
  }

  void drawTextItem(const QPointF& at, const QTextItem& item) override {
    const QFont font = item.font();
    const double size =
        font.pixelSize() > 0 ? font.pixelSize() : font.pointSizeF() * kDotsPerInch / 72.0;
    open();
    body_ += QString(
                 "<text x=\"%1\" y=\"%2\" font-family=\"%3, sans-serif\" font-size=\"%4\" "
                 "font-weight=\"%5\" %6textLength=\"%7\" lengthAdjust=\"spacingAndGlyphs\" "
                 "xml:space=\"preserve\">%8</text>\n")
                 .arg(number(at.x()), number(at.y()), font.family().toHtmlEscaped(), number(size))
                 .arg(font.bold() ? 600 : static_cast<int>(font.weight()))
                 .arg(colour_of("fill", pen_.color()), number(item.width()),
                      item.text().toHtmlEscaped());
    close();
  }

  void drawPixmap(const QRectF& to, const QPixmap& pixmap, const QRectF& from) override {
    drawImage(to, pixmap.copy(from.toAlignedRect()).toImage(), QRectF(), Qt::AutoColor);
  }

  void drawImage(const QRectF& to, const QImage& image, const QRectF& from,
                 Qt::ImageConversionFlags) override {
    QBuffer png;
    png.open(QIODevice::WriteOnly);
    (from.isNull() ? image : image.copy(from.toAlignedRect())).save(&png, "PNG");
    open();
    body_ += QString(
                 "<image x=\"%1\" y=\"%2\" width=\"%3\" height=\"%4\" "
                 "preserveAspectRatio=\"none\" href=\"data:image/png;base64,%5\"/>\n")
                 .arg(number(to.x()), number(to.y()), number(to.width()), number(to.height()),
                      QString::fromLatin1(png.data().toBase64()));
    close();
  }

  QString body() const { return body_; }

 private:
  /// A clip that holds until the next one: regions are rectangles here, and their hull is enough.
  void clipTo(Qt::ClipOperation operation, const QRegion& region) {
    if (operation == Qt::NoClip) return clip_.clear();
    QRect box = transform_.mapRect(region.boundingRect());
    if (operation == Qt::IntersectClip && !clip_.isEmpty()) box = box.intersected(clip_box_);
    clip_box_ = box;
    clip_ = QString("c%1").arg(++clips_);
    body_ += QString(
                 "<clipPath id=\"%1\"><rect x=\"%2\" y=\"%3\" width=\"%4\" height=\"%5\"/>"
                 "</clipPath>\n")
                 .arg(clip_)
                 .arg(box.x())
                 .arg(box.y())
                 .arg(box.width())
                 .arg(box.height());
  }

  void open() {
    body_ += clip_.isEmpty() ? QString("<g>") : QString("<g clip-path=\"url(#%1)\">").arg(clip_);
    body_ += QString("<g transform=\"matrix(%1 %2 %3 %4 %5 %6)\" opacity=\"%7\">")
                 .arg(transform_.m11())
                 .arg(transform_.m12())
                 .arg(transform_.m21())
                 .arg(transform_.m22())
                 .arg(transform_.dx())
                 .arg(transform_.dy())
                 .arg(opacity_);
  }

  void close() { body_ += "</g></g>\n"; }

  QString stroke() const {
    if (pen_.style() == Qt::NoPen) return "stroke=\"none\" ";
    QString text = colour_of("stroke", pen_.color());
    text += QString("stroke-width=\"%1\" ").arg(number(pen_.widthF() > 0 ? pen_.widthF() : 1));
    if (pen_.style() != Qt::SolidLine) {
      QStringList dashes;
      for (const double dash : pen_.dashPattern())
        dashes << number(dash * qMax(1.0, pen_.widthF()));
      text += QString("stroke-dasharray=\"%1\" ").arg(dashes.join(' '));
    }
    return text;
  }

  QString fill() const {
    return brush_.style() == Qt::NoBrush ? QString("fill=\"none\" ")
                                         : colour_of("fill", brush_.color());
  }

  QString body_;
  QPen pen_;
  QBrush brush_;
  QTransform transform_;
  QString clip_;
  QRect clip_box_;
  int clips_ = 0;
  double opacity_ = 1;
};

SvgDevice::SvgDevice(const QSize& size) : size_(size), engine_(std::make_unique<Engine>()) {}

SvgDevice::~SvgDevice() = default;

QPaintEngine* SvgDevice::paintEngine() const {
  return engine_.get();
}

QByteArray SvgDevice::text() const {
  return QString(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "
             "xmlns=\"http://www.w3.org/2000/svg\" width=\"%1\" height=\"%2\" "
             "viewBox=\"0 0 %1 %2\">\n%3</svg>\n")
      .arg(size_.width())
      .arg(size_.height())
      .arg(engine_->body())
      .toUtf8();
}

int SvgDevice::metric(PaintDeviceMetric metric) const {
  switch (metric) {
    case PdmWidth:
      return size_.width();
    case PdmHeight:
      return size_.height();
    case PdmWidthMM:
      return size_.width() * 254 / (10 * kDotsPerInch);
    case PdmHeightMM:
      return size_.height() * 254 / (10 * kDotsPerInch);
    case PdmNumColors:
      return 1 << 24;
    case PdmDepth:
      return 32;
    case PdmDevicePixelRatio:
      return 1;
    case PdmDevicePixelRatioScaled:
      return static_cast<int>(devicePixelRatioFScale());
    default:
      return kDotsPerInch;
  }
}

}  // namespace aisle::gui
