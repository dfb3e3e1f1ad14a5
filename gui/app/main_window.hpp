// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/job.hpp"
#include "gui/models/result_model.hpp"
#include "gui/models/result_table.hpp"
#include "gui/models/selection.hpp"
#include "gui/models/study_list_model.hpp"

#include <QMainWindow>

#include <optional>

class QComboBox;
class QLabel;
class QLineEdit;
class QListView;
class QMenu;
class QProgressBar;

namespace aisle::gui {

class BreakdownView;
class ElidedLabel;
class LogView;
class MemoryView;
class SummaryView;
class TimelineView;

/// The window: every view a dock around one result, one selection and one job.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  explicit MainWindow(QWidget* parent = nullptr);

  /// A study or a result, whatever `path` is. Problems are shown, not thrown.
  void open(const QString& path);
  void showResult(const OpenedResult& opened);
  void showStudy(const StudyFile& study);
  /// Runs the study shown; into `output`, or a new folder among the user's data.
  void runStudy(const QString& output = {});

  /// Whether what is opened joins the recent files; true at first.
  void setRemembers(bool remembers) { remembers_ = remembers; }

  /// Shows one view of view_names() alone, or all for "window".
  void showView(const QString& name);
  /// The widget of a view, or the window itself; null for an unknown name.
  QWidget* view(const QString& name);

  Job& job() { return job_; }

  ResultModel& result() { return result_; }

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;

 private:
  QDockWidget* addDock(const QString& name, const QString& title, QWidget* content);
  void makeDocks();
  void makeActions();
  void makeViewMenu();
  void makeToolBar();
  void makeStatusBar();
  void connectJob();
  void arrangeDocks();
  void openStudyDialog();
  void openResultDialog();
  void exportPicture();
  void exportTables();
  void updateRecent();
  void remember(const QString& path);
  void resultChanged();
  void jobChanged(Job::State state);
  void complain(const QStringList& lines);
  void showLog();

  ResultModel result_;
  Selection selection_;
  Job job_;
  StudyListModel studies_;
  ResultTable metrics_, comparison_, parts_, families_, memory_;
  std::optional<StudyFile> study_;
  bool remembers_ = true;

  SummaryView* summary_view_;
  BreakdownView* breakdown_view_;
  MemoryView* memory_view_;
  TimelineView* timeline_view_;
  LogView* log_view_;
  QListView* study_list_;

  QMenu* recent_menu_ = nullptr;
  QAction* run_action_ = nullptr;
  QAction* cancel_action_ = nullptr;
  QLabel* study_label_ = nullptr;
  QComboBox* engine_box_ = nullptr;
  QLineEdit* changes_edit_ = nullptr;
  QProgressBar* progress_bar_ = nullptr;
  ElidedLabel* message_ = nullptr;
  QLabel* facts_label_ = nullptr;
};

}  // namespace aisle::gui
