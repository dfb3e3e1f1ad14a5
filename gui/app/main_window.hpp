// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/app/places.hpp"
#include "gui/models/catalogue_reader.hpp"
#include "gui/models/figure.hpp"
#include "gui/models/plan/plan_outcome.hpp"
#include "gui/models/result_model.hpp"
#include "gui/models/result_table.hpp"
#include "gui/models/runs/pins.hpp"
#include "gui/models/runs/run_queue.hpp"
#include "gui/models/scenario/document.hpp"
#include "gui/models/selection.hpp"
#include "gui/models/study_list_model.hpp"
#include "gui/models/sweep/sweep_model.hpp"
#include "gui/views/start_view.hpp"

#include <QMainWindow>
#include <QVector>

#include <optional>

class QComboBox;
class QLabel;
class QLineEdit;
class QListView;
class QMenu;
class QProgressBar;

namespace aisle::gui {

class BreakdownView;
class CompareView;
class ElidedLabel;
class FigureView;
class LogView;
class MemoryView;
class PlanView;
class RunsView;
class ScenarioView;
class SummaryView;
class SweepView;
class TimelinePanel;
class TopologyView;

/// The window: every view a dock around one scenario in work, one result, one selection and one
/// queue of runs.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  explicit MainWindow(QWidget* parent = nullptr);

  /// A study or a result, whatever `path` is. Problems are shown, not thrown.
  void open(const QString& path);
  void showResult(const OpenedResult& opened);
  void showStudy(const StudyFile& study);
  void showSweep(std::shared_ptr<const SweepData> read);
  void showPlan(const PlanOutcome& plan);
  /// Runs the scenario in work, or plans it where it is one to plan; into `output`, or a new folder
  /// among the user's data. Its id in the queue; -1: no scenario is open.
  int runStudy(const QString& output = {});
  /// Runs the sweep of the scenario in work into a database, or goes on with it; its id, or -1.
  int runSweep(const QString& database);
  /// Searches layouts of the serving study in work for its front of throughput and latency.
  int searchServing();
  /// Starts one of the questions of the first page.
  void ask(StartView::Question question);
  void pin(const QStringList& paths);
  /// A recorded trace or another result below the timeline, under the same range and cursor.
  void putBeside(const QString& path);

  /// Whether layout and what is opened are remembered; true at first.
  void setRemembers(bool remembers);

  /// Shows one view of view_names() alone, or the current place for "window".
  void showView(const QString& name);
  /// The widget of a view, or the window itself; null for an unknown name.
  QWidget* view(const QString& name);
  void setDark(bool dark);

  RunQueue& runs() { return runs_; }

  ResultModel& result() { return result_; }

  ScenarioDocument& document() { return document_; }

  Pins& pins() { return pins_; }

  SweepModel& sweep() { return sweep_; }

  Places& places() { return *places_; }

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;

 private:
  void makeViews();
  void makeActions();
  void makeFileMenu();
  void makeRunMenu();
  void makeViewMenu();
  void makeHelpMenu();
  void makePlacesBar();
  void makeToolBar();
  void makeStatusBar();
  void connectRuns();
  void openStudyDialog();
  void openResultDialog();
  void exportPicture();
  void exportTables();
  void copyMarkdown();
  void openSweep(const QString& path);
  void openPlan(const QString& path);
  void openServingSearch(const QString& path);
  void replayTrace(const QString& path);
  void putBesideDialog();
  /// Reads a result, or a trace that was imported, and puts it beside the timeline.
  void readBeside(const QString& path, const QString& title);
  /// Views show the range, the time and the rank that are looked at.
  void followSelection();
  void followRange();
  StudyRequest request() const;
  void writeReport();
  /// What a run wrote: shown here, or by the desktop's own program.
  void openOutput(const QString& path);
  bool saveScenario(bool as_new);
  /// Asks what becomes of changes that are not saved.
  bool mayLeaveScenario();
  void showKeys();
  void updateRecent();
  void remember(const QString& path);
  void resultChanged();
  void fillViews();
  void showFigures();
  void clearResult();
  void runEnded(int id);
  void pinWhenAllEnded();
  void updateRunning();
  QString activeView() const;
  /// Of one view, or of all for "window".
  QVector<NamedTable> tablesOf(const QString& name);
  int start(const StudyRequest& study, bool pin_it);
  void complain(const QStringList& lines);

  ResultModel result_;
  Selection selection_;
  RunQueue runs_;
  Pins pins_;
  CatalogueReader catalogue_;
  ScenarioDocument document_;
  StudyListModel studies_;
  SweepModel sweep_;
  ResultTable metrics_, comparison_, parts_, families_, memory_;
  std::optional<StudyFile> study_;
  ViewContent serving_front_;
  int beside_ = -1;  ///< the import of a trace that is put beside the timeline
  QString beside_title_;
  int awaited_ = -1;     ///< the run whose result is shown when it is done
  QVector<int> to_pin_;  ///< runs whose results are pinned in this order when all are done
  bool remembers_ = false;

  Places* places_ = nullptr;
  StartView* start_view_ = nullptr;
  ScenarioView* scenario_view_ = nullptr;
  RunsView* runs_view_ = nullptr;
  CompareView* compare_view_ = nullptr;
  SweepView* sweep_view_ = nullptr;
  PlanView* plan_view_ = nullptr;
  SummaryView* summary_view_ = nullptr;
  BreakdownView* breakdown_view_ = nullptr;
  MemoryView* memory_view_ = nullptr;
  TimelinePanel* timeline_panel_ = nullptr;
  TopologyView* topology_view_ = nullptr;
  LogView* log_view_ = nullptr;
  FigureView *power_view_ = nullptr, *serving_view_ = nullptr, *cost_view_ = nullptr,
             *network_view_ = nullptr, *roofline_view_ = nullptr;
  QListView* study_list_ = nullptr;

  QMenu* recent_menu_ = nullptr;
  QAction* run_action_ = nullptr;
  QAction* cancel_action_ = nullptr;
  QAction* search_action_ = nullptr;
  QAction* pin_action_ = nullptr;
  QAction* dark_action_ = nullptr;
  QLabel* study_label_ = nullptr;
  QComboBox* engine_box_ = nullptr;
  QLineEdit* changes_edit_ = nullptr;
  QProgressBar* progress_bar_ = nullptr;
  ElidedLabel* message_ = nullptr;
  QLabel* facts_label_ = nullptr;
};

}  // namespace aisle::gui
