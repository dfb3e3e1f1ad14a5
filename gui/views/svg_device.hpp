// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QPaintDevice>
#include <QSize>

#include <memory>

namespace aisle::gui {

/// What is painted on it, as SVG. Debian 12 has Qt's own in a package that nothing else here needs;
/// shapes, text and pictures are all that a view paints.
class SvgDevice : public QPaintDevice {
 public:
  explicit SvgDevice(const QSize& size);
  ~SvgDevice() override;

  /// The document; after painting ended.
  QByteArray text() const;

  QPaintEngine* paintEngine() const override;

 protected:
  int metric(PaintDeviceMetric metric) const override;

 private:
  class Engine;
  QSize size_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace aisle::gui
