// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>

class QVBoxLayout;

namespace aisle::gui {

/// The first page: three questions that are answered in seconds, and what else one can begin with.
class StartView : public QWidget {
  Q_OBJECT

 public:
  enum class Question { how_long, dense_or_sparse, half_network };

  explicit StartView(QWidget* parent = nullptr);

  void setRecent(const QStringList& paths);

 signals:
  void asked(aisle::gui::StartView::Question question);
  void openAsked(const QString& path);
  void openStudyAsked();
  void openFileAsked();

 private:
  QVBoxLayout* recent_;
};

}  // namespace aisle::gui
