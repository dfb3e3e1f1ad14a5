// SPDX-License-Identifier: Apache-2.0
#include "gui/app/main_window.hpp"

#include "gui/app/command_line.hpp"
#include "gui/models/figures/figures.hpp"
#include "gui/models/figures/serving_front.hpp"
#include "gui/models/result_text.hpp"
#include "gui/views/breakdown_view.hpp"
#include "gui/views/compare_view.hpp"
#include "gui/views/figure_view.hpp"
#include "gui/views/log_view.hpp"
#include "gui/views/memory_view.hpp"
#include "gui/views/plan_view.hpp"
#include "gui/views/runs_view.hpp"
#include "gui/views/scenario/scenario_view.hpp"
#include "gui/views/style.hpp"
#include "gui/views/summary_view.hpp"
#include "gui/views/sweep_view.hpp"
#include "gui/views/timeline_panel.hpp"
#include "gui/views/topology_view.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"
#include "topology/cluster.hpp"

#include <QApplication>
#include <QCloseEvent>
#include <QDir>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMimeData>
#include <QPointer>
#include <QProgressBar>
#include <QSettings>
#include <QStatusBar>
#include <QThreadPool>

#include <utility>

namespace aisle::gui {

namespace {

constexpr qsizetype kRecent = 10;
constexpr qsizetype kHeadlineCards = 4;

}  // namespace

MainWindow::MainWindow(QWidget* parent) : QMainWindow(parent), studies_(sim::shipped_studies()) {
  setWindowTitle("Aisle Explorer");
  setAcceptDrops(true);
  setDockNestingEnabled(true);
  // No central widget: the docks share the window, and one alone fills it.
  setCentralWidget(nullptr);
  makeViews();
  makeActions();
  makePlacesBar();
  makeToolBar();
  makeStatusBar();
  connectRuns();
  connect(&result_, &ResultModel::changed, this, &MainWindow::resultChanged);
  followSelection();
  connect(&result_, &ResultModel::failed, this, &MainWindow::complain);
  connect(&result_, &ResultModel::opening, this,
          [this](const QString& path) { message_->setText("Reading " + path); });
  const auto open_row = [this](const QModelIndex& row) {
    open(row.data(StudyListModel::kPath).toString());
  };
  connect(study_list_, &QListView::clicked, this, open_row);
  connect(study_list_, &QListView::activated, this, open_row);
  updateRecent();
  places_->show("start");
}

void MainWindow::makeViews() {
  start_view_ = new StartView;
  scenario_view_ = new ScenarioView(&document_, &catalogue_);
  runs_view_ = new RunsView(&runs_);
  compare_view_ = new CompareView(&pins_);
  sweep_view_ = new SweepView(&sweep_);
  plan_view_ = new PlanView(&document_);
  summary_view_ = new SummaryView(&metrics_, &comparison_);
  breakdown_view_ = new BreakdownView;
  memory_view_ = new MemoryView(&selection_);
  timeline_panel_ = new TimelinePanel(&selection_);
  topology_view_ = new TopologyView;
  log_view_ = new LogView;
  const QString advice = "Open a result, or a study and run it.";
  power_view_ = new FigureView("Power", "Power over time",
                               "Results of training carry the power of accelerators and site over "
                               "the step. " +
                                   advice);
  serving_view_ = new FigureView("Serving", "Latency, queue, cache and throughput",
                                 "Only serving studies have requests: a scenario with "
                                 "workload.serving shows them here.");
  cost_view_ =
      new FigureView("Cost and carbon", "Money, energy, carbon and water",
                     "Where the site gives prices (cluster.site), results carry what a step "
                     "and a run cost. " +
                         advice);
  network_view_ = new FigureView("Network", "Communication",
                                 "Results of training carry their collectives, those of "
                                 "workload.collective the load of links. " +
                                     advice);
  roofline_view_ = new FigureView("Roofline", "Kernel families under the roofs of the chip",
                                  "Results of training carry operations and memory traffic of "
                                  "their kernels; older ones do not: run the study again. " +
                                      advice);
  study_list_ = new QListView;
  study_list_->setModel(&studies_);
  study_list_->setFrameShape(QFrame::NoFrame);
  study_list_->setWordWrap(true);
  study_list_->setSpacing(3);
  study_list_->setAccessibleName("Studies");
  places_ = new Places(this, {{"start", "Start", start_view_},
                              {"studies", "Studies", study_list_},
                              {"scenario", "Scenario", scenario_view_},
                              {"runs", "Runs", runs_view_},
                              {"compare", "Compare", compare_view_},
                              {"sweep", "Sweep", sweep_view_},
                              {"plan", "Plan", plan_view_},
                              {"summary", "Summary", summary_view_},
                              {"breakdown", "Where time goes", breakdown_view_},
                              {"memory", "Memory", memory_view_},
                              {"network", "Network", network_view_},
                              {"roofline", "Roofline", roofline_view_},
                              {"topology", "Topology", topology_view_},
                              {"cost", "Cost", cost_view_},
                              {"timeline", "Timeline", timeline_panel_},
                              {"power", "Power", power_view_},
                              {"serving", "Serving", serving_view_},
                              {"log", "Log", log_view_}});
  connect(start_view_, &StartView::asked, this, &MainWindow::ask);
  connect(start_view_, &StartView::openAsked, this, &MainWindow::open);
  connect(start_view_, &StartView::openStudyAsked, this, &MainWindow::openStudyDialog);
  connect(start_view_, &StartView::openFileAsked, this, &MainWindow::openResultDialog);
  connect(scenario_view_, &ScenarioView::saveAsked, this, &MainWindow::saveScenario);
  connect(runs_view_, &RunsView::openAsked, this, &MainWindow::openOutput);
  connect(runs_view_, &RunsView::pinAsked, this, &MainWindow::pin);
  connect(compare_view_, &CompareView::denseAgainstSparseAsked, this,
          [this] { ask(StartView::Question::dense_or_sparse); });
  connect(compare_view_, &CompareView::reportAsked, this, &MainWindow::writeReport);
  connect(timeline_panel_, &TimelinePanel::besideAsked, this, &MainWindow::putBesideDialog);
  connect(plan_view_, &PlanView::runAsked, this, [this] { runStudy(); });
  connect(plan_view_, &PlanView::openAsked, this, &MainWindow::open);
  connect(sweep_view_, &SweepView::openAsked, this, &MainWindow::openResultDialog);
  connect(sweep_view_, &SweepView::runAsked, this, [this] { runSweep({}); });
  connect(sweep_view_, &SweepView::readAgainAsked, this, [this] {
    if (sweep_.sweep() != nullptr) openSweep(sweep_.sweep()->path);
  });
}

QWidget* MainWindow::view(const QString& name) {
  if (name == "window") return this;
  auto* dock = places_->dock(name);
  return dock == nullptr ? nullptr : dock->widget();
}

void MainWindow::showView(const QString& name) {
  if (name != "window") return places_->showAlone(name);
  places_->show(places_->current());
}

void MainWindow::setDark(bool dark) {
  set_theme(*qobject_cast<QApplication*>(QApplication::instance()), dark);
  dark_action_->setChecked(dark);
  // What holds colours of its own is made anew.
  if (!result_.isEmpty()) fillViews();
}

void MainWindow::makeStatusBar() {
  message_ = new ElidedLabel;
  facts_label_ = new QLabel;
  progress_bar_ = new QProgressBar;
  progress_bar_->setMaximumWidth(180);
  progress_bar_->setTextVisible(false);
  progress_bar_->hide();
  statusBar()->addWidget(message_, 1);
  statusBar()->addPermanentWidget(progress_bar_);
  statusBar()->addPermanentWidget(facts_label_);
}

void MainWindow::open(const QString& path) {
  Diagnostics diagnostics;
  if (is_result(path)) return result_.open(path);
  if (is_sweep(path)) return openSweep(path);
  if (is_plan(path)) return openPlan(path);
  if (is_serving_search(path)) return openServingSearch(path);
  if (is_trace(path)) return replayTrace(path);
  if (!mayLeaveScenario()) return;
  if (const auto study = read_study(path, diagnostics)) return showStudy(*study);
  // One that is not right yet can be put right here.
  QString error;
  const QFileInfo file(QFileInfo(path).isDir() ? QDir(path).filePath("study.textproto") : path);
  if (file.suffix() == "textproto" && document_.open(file.filePath(), &error)) {
    study_ = StudyFile{file.completeBaseName(), file.absoluteFilePath(), file.fileName(), {}, {}};
    study_label_->setText(study_->name);
    updateRunning();
    places_->show("scenario");
  }
  complain(to_lines(diagnostics));
}

void MainWindow::openSweep(const QString& path) {
  message_->setText("Reading " + path);
  QThreadPool::globalInstance()->start([self = QPointer(this), path] {
    Diagnostics diagnostics;
    auto read = read_sweep(path, diagnostics);
    const QStringList lines = to_lines(diagnostics);
    // The answer travels through the application's thread: `self` may only be looked at there.
    QMetaObject::invokeMethod(QCoreApplication::instance(), [=, read = std::move(read)] {
      if (self == nullptr) return;
      if (read == nullptr) return self->complain(lines);
      self->showSweep(read);
    });
  });
}

void MainWindow::showSweep(std::shared_ptr<const SweepData> read) {
  message_->setText(QString("%1: %L2 points").arg(read->path).arg(read->rows));
  remember(read->path);
  sweep_.set(std::move(read));
  places_->show("sweep");
}

void MainWindow::openPlan(const QString& path) {
  Diagnostics diagnostics;
  if (const auto plan = read_plan(path, diagnostics)) return showPlan(*plan);
  complain(to_lines(diagnostics));
}

void MainWindow::openServingSearch(const QString& path) {
  Diagnostics diagnostics;
  const auto front = read_serving_front(path, diagnostics);
  if (!front) return complain(to_lines(diagnostics));
  serving_front_ = *front;
  places_->show("result");
  places_->raise("serving");
  message_->setText(path);
  remember(path);
  if (result_.isEmpty()) return serving_view_->set(serving_front_);
  showFigures();
}

void MainWindow::showPlan(const PlanOutcome& plan) {
  plan_view_->set(plan);
  message_->setText(plan.path);
  remember(plan.path);
  places_->show("plan");
}

void MainWindow::showStudy(const StudyFile& study) {
  study_ = study;
  serving_front_ = {};
  clearResult();
  QString error;
  if (!document_.open(study.path, &error)) complain({error});
  study_label_->setText(study.name);
  study_label_->setToolTip(study.path);
  summary_view_->showStudy(study.title, study.question, study.description,
                           "Not run yet. Press Run (Ctrl+R).");
  message_->setText(study.question);
  setWindowTitle(study.title + " - Aisle Explorer");
  updateRunning();
  remember(study.path);
  places_->show(has_plan(document_) ? "plan" : "scenario");
}

void MainWindow::clearResult() {
  result_.clear();
  const Table none;
  for (auto* table : {&metrics_, &comparison_, &parts_, &families_, &memory_}) table->set(none);
  breakdown_view_->set(none, none, {});
  memory_view_->set(none, {});
  timeline_panel_->set(nullptr);
  for (auto* figures : {power_view_, serving_view_, cost_view_, network_view_, roofline_view_})
    figures->set({});
  topology_view_->set({});
  facts_label_->clear();
  pin_action_->setEnabled(false);
}

void MainWindow::showResult(const OpenedResult& opened) {
  result_.set(opened);
}

void MainWindow::fillViews() {
  const pb::Result& result = *result_.opened().result;
  metrics_.set(metrics_table(result));
  comparison_.set(comparison_table(result));
  parts_.set(breakdown_table(result));
  families_.set(family_table(result));
  memory_.set(memory_table(result));
  const RunFacts facts = run_facts(result);
  summary_view_->showResult(facts, headlines(result, kHeadlineCards));
  breakdown_view_->set(parts_.table(), families_.table(), facts.breakdown_rank);
  QVector<int> ranks;
  for (const auto& row : memory_.table().rows)
    ranks << result_.opened().timeline->rankOfPipeline(row.first().number.toInt());
  memory_view_->set(memory_.table(), ranks);
  timeline_panel_->set(result_.opened().timeline);
  showFigures();
  facts_label_->setText(QString("%1 engine  ·  %2  ·  simulated in %3  ·  weakest basis: %4")
                            .arg(facts.engine, facts.work, facts.wall_time, facts.basis));
}

void MainWindow::resultChanged() {
  const pb::Result& result = *result_.opened().result;
  const RunFacts facts = run_facts(result);
  selection_.reset(result_.opened().timeline->whole());
  fillViews();
  const QFileInfo file(result_.opened().path);
  message_->setText(file.dir().dirName() + "/" + file.fileName());
  message_->setToolTip(file.filePath());
  setWindowTitle(facts.title + " - Aisle Explorer");
  pin_action_->setEnabled(true);
  remember(result_.opened().path);
  const bool serves = result.scenario().workload().has_serving();
  const bool collective = result.scenario().workload().has_collective();
  places_->show("result");
  if (serves) places_->raise("serving");
  if (collective) places_->raise("network");
  if (!result_.opened().warnings.isEmpty()) complain(result_.opened().warnings);
  if (result_.opened().path == runs_.output(awaited_) || document_.isModified()) return;
  // Run again means the study of this result, where it can be found.
  Diagnostics ignored;
  study_ = read_study(facts.study, ignored);
  QString error;
  if (study_) document_.open(study_->path, &error);
  study_label_->setText(study_ ? study_->name : "No study open");
  updateRunning();
}

void MainWindow::showFigures() {
  const pb::Result& result = *result_.opened().result;
  std::optional<topology::Cluster> cluster;
  if (const auto* catalogue = catalogue_.get(); catalogue != nullptr) {
    Diagnostics ignored;  // a result of another version may name what this one does not know
    cluster =
        topology::build_cluster(result.scenario().cluster(), SourceMap(), *catalogue, ignored);
  }
  const topology::Cluster* machine = cluster ? &*cluster : nullptr;
  power_view_->set(power_content(result, machine));
  ViewContent serving = serving_content(result);
  serving.figures = serving_front_.figures + serving.figures;
  serving.tables = serving_front_.tables + serving.tables;
  if (serving.note.isEmpty()) serving.note = serving_front_.note;
  serving_view_->set(serving);
  cost_view_->set(cost_content(result));
  network_view_->set(network_content(result));
  roofline_view_->set(roofline_content(result, machine));
  topology_view_->set(
      machine == nullptr
          ? TopologyScene()
          : topology_scene(result, *machine, *result_.opened().timeline, selection_.range()));
}

void MainWindow::complain(const QStringList& lines) {
  for (const auto& line : lines) log_view_->error(line);
  if (!lines.isEmpty()) message_->setText(lines.first());
  summary_view_->setNotice(lines.join('\n'));
}

void MainWindow::setRemembers(bool remembers) {
  remembers_ = remembers;
  if (!remembers) return;
  const QSettings settings;
  restoreGeometry(settings.value("geometry").toByteArray());
  QHash<QString, QByteArray> layouts;
  for (const auto& place : Places::names())
    if (const auto state = settings.value("layout/" + place).toByteArray(); !state.isEmpty())
      layouts[place] = state;
  places_->setLayouts(layouts);
  if (settings.value("dark").toBool()) setDark(true);
}

void MainWindow::remember(const QString& path) {
  if (!remembers_) return;
  QSettings settings;
  QStringList recent = settings.value("recent").toStringList();
  recent.removeAll(path);
  recent.prepend(path);
  settings.setValue("recent", recent.mid(0, kRecent));
  updateRecent();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  for (const auto& url : event->mimeData()->urls())
    if (url.isLocalFile()) {
      const QString path = url.toLocalFile();
      // Beside a result a recorded trace is for comparison.
      const bool trace = is_trace(path) && !is_plan(path) && !is_serving_search(path);
      const bool beside = trace && places_->current() == "result" && !result_.isEmpty();
      return beside ? putBeside(path) : open(path);
    }
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!mayLeaveScenario()) return event->ignore();
  runs_.cancelAll();
  if (remembers_) {
    QSettings settings;
    settings.setValue("geometry", saveGeometry());
    const auto layouts = places_->layouts();
    for (auto at = layouts.begin(); at != layouts.end(); ++at)
      settings.setValue("layout/" + at.key(), at.value());
    settings.setValue("dark", theme().dark);
  }
  QMainWindow::closeEvent(event);
}

}  // namespace aisle::gui
