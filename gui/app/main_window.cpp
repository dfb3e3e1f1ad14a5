// SPDX-License-Identifier: Apache-2.0
#include "gui/app/main_window.hpp"

#include "gui/app/command_line.hpp"
#include "gui/models/result_text.hpp"
#include "gui/views/breakdown_view.hpp"
#include "gui/views/log_view.hpp"
#include "gui/views/memory_view.hpp"
#include "gui/views/style.hpp"
#include "gui/views/summary_view.hpp"
#include "gui/views/timeline_view.hpp"
#include "sim/study/study.hpp"

#include <QCloseEvent>
#include <QComboBox>
#include <QDateTime>
#include <QDir>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMimeData>
#include <QProgressBar>
#include <QSettings>
#include <QStandardPaths>
#include <QStatusBar>

namespace aisle::gui {

namespace {

constexpr qsizetype kRecent = 10;
constexpr qsizetype kHeadlineCards = 4;

QString new_output_folder(const QString& study) {
  const QString root = QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation);
  const QString stamp = QDateTime::currentDateTime().toString("yyyyMMdd-HHmmss-zzz");
  return QDir(root).filePath("runs/" + study + "-" + stamp);
}

}  // namespace

MainWindow::MainWindow(QWidget* parent) : QMainWindow(parent), studies_(sim::shipped_studies()) {
  setWindowTitle("Aisle Explorer");
  setAcceptDrops(true);
  setDockNestingEnabled(true);
  makeDocks();
  makeActions();
  makeToolBar();
  makeStatusBar();
  connectJob();
  connect(&result_, &ResultModel::changed, this, &MainWindow::resultChanged);
  connect(&result_, &ResultModel::failed, this, &MainWindow::complain);
  connect(&result_, &ResultModel::opening, this,
          [this](const QString& path) { message_->setText("Reading " + path); });
  const auto open_row = [this](const QModelIndex& row) {
    open(row.data(StudyListModel::kPath).toString());
  };
  connect(study_list_, &QListView::clicked, this, open_row);
  connect(study_list_, &QListView::activated, this, open_row);
  updateRecent();
  timeline_view_->setFocus();
}

QDockWidget* MainWindow::addDock(const QString& name, const QString& title, QWidget* content) {
  auto* dock = new QDockWidget(title, this);
  dock->setObjectName(name);
  dock->setWidget(content);
  addDockWidget(Qt::LeftDockWidgetArea, dock);
  return dock;
}

void MainWindow::makeDocks() {
  summary_view_ = new SummaryView(&metrics_, &comparison_);
  breakdown_view_ = new BreakdownView;
  memory_view_ = new MemoryView(&selection_);
  timeline_view_ = new TimelineView(&selection_);
  log_view_ = new LogView;
  study_list_ = new QListView;
  study_list_->setModel(&studies_);
  study_list_->setFrameShape(QFrame::NoFrame);
  study_list_->setWordWrap(true);
  study_list_->setSpacing(3);
  study_list_->setAccessibleName("Studies");
  addDock("studies", "Studies", study_list_);
  addDock("summary", "Summary", summary_view_);
  addDock("breakdown", "Where time goes", breakdown_view_);
  addDock("memory", "Memory", memory_view_);
  addDock("timeline", "Timeline", timeline_view_);
  addDock("log", "Log", log_view_);
  // No central widget: the docks share the window, and one alone fills it.
  setCentralWidget(nullptr);
  arrangeDocks();
}

void MainWindow::arrangeDocks() {
  const auto dock = [this](const char* name) { return findChild<QDockWidget*>(name); };
  for (auto* each : findChildren<QDockWidget*>()) {
    each->setFloating(false);
    each->show();
  }
  addDockWidget(Qt::LeftDockWidgetArea, dock("studies"));
  splitDockWidget(dock("studies"), dock("breakdown"), Qt::Horizontal);
  splitDockWidget(dock("studies"), dock("summary"), Qt::Vertical);
  splitDockWidget(dock("breakdown"), dock("timeline"), Qt::Vertical);
  splitDockWidget(dock("breakdown"), dock("memory"), Qt::Horizontal);
  tabifyDockWidget(dock("timeline"), dock("log"));
  dock("timeline")->raise();
  resizeDocks({dock("studies"), dock("breakdown"), dock("memory")}, {490, 470, 430},
              Qt::Horizontal);
  resizeDocks({dock("studies"), dock("summary")}, {110, 700}, Qt::Vertical);
  resizeDocks({dock("breakdown"), dock("timeline")}, {360, 450}, Qt::Vertical);
}

QWidget* MainWindow::view(const QString& name) {
  if (name == "window") return this;
  auto* dock = findChild<QDockWidget*>(name);
  return dock == nullptr ? nullptr : dock->widget();
}

void MainWindow::showView(const QString& name) {
  if (name == "window") return arrangeDocks();
  for (auto* dock : findChildren<QDockWidget*>()) dock->setVisible(dock->objectName() == name);
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

void MainWindow::connectJob() {
  connect(&job_, &Job::stateChanged, this, &MainWindow::jobChanged);
  connect(&job_, &Job::progressChanged, this, [this](const QString& text, int percent) {
    message_->setText(text);
    progress_bar_->setRange(0, percent < 0 ? 0 : 100);
    progress_bar_->setValue(percent);
  });
  connect(&job_, &Job::line, this, [this](const QString& text, Job::Channel channel) {
    if (channel == Job::Channel::error) return log_view_->error(text);
    if (channel == Job::Channel::summary) return log_view_->summary(text);
    log_view_->talk(text);
  });
}

void MainWindow::open(const QString& path) {
  Diagnostics diagnostics;
  if (is_result(path)) return result_.open(path);
  if (const auto study = read_study(path, diagnostics)) return showStudy(*study);
  complain(to_lines(diagnostics));
}

void MainWindow::showStudy(const StudyFile& study) {
  study_ = study;
  result_.clear();
  study_label_->setText(study.name);
  study_label_->setToolTip(study.path);
  run_action_->setEnabled(!job_.isRunning());
  summary_view_->showStudy(study.title, study.question, study.description,
                           "Not run yet. Press Run (Ctrl+R); changes such as cluster.count=4096 go "
                           "into the field beside it.");
  const Table none;
  for (auto* table : {&metrics_, &comparison_, &parts_, &families_, &memory_}) table->set(none);
  breakdown_view_->set(none, none, {});
  memory_view_->set(none, {});
  timeline_view_->set(nullptr);
  facts_label_->clear();
  message_->setText(study.path);
  setWindowTitle(study.title + " - Aisle Explorer");
  remember(study.path);
}

void MainWindow::showResult(const OpenedResult& opened) {
  result_.set(opened);
}

void MainWindow::resultChanged() {
  const pb::Result& result = *result_.opened().result;
  metrics_.set(metrics_table(result));
  comparison_.set(comparison_table(result));
  parts_.set(breakdown_table(result));
  families_.set(family_table(result));
  memory_.set(memory_table(result));
  const RunFacts facts = run_facts(result);
  selection_.reset(result_.opened().timeline->whole());
  summary_view_->showResult(facts, headlines(result, kHeadlineCards));
  breakdown_view_->set(parts_.table(), families_.table(), facts.breakdown_rank);
  QVector<int> ranks;
  for (const auto& row : memory_.table().rows)
    ranks << result_.opened().timeline->rankOfPipeline(row.first().number.toInt());
  memory_view_->set(memory_.table(), ranks);
  timeline_view_->set(result_.opened().timeline);
  facts_label_->setText(QString("%1 engine  ·  %2  ·  simulated in %3  ·  weakest basis: %4")
                            .arg(facts.engine, facts.work, facts.wall_time, facts.basis));
  const QFileInfo file(result_.opened().path);
  message_->setText(file.dir().dirName() + "/" + file.fileName());
  message_->setToolTip(file.filePath());
  setWindowTitle(facts.title + " - Aisle Explorer");
  remember(result_.opened().path);
  if (result_.opened().path == job_.resultPath()) return;
  // Run again means the study of this result, where it can be found.
  Diagnostics ignored;
  study_ = read_study(facts.study, ignored);
  study_label_->setText(study_ ? study_->name : "No study open");
  run_action_->setEnabled(study_.has_value() && !job_.isRunning());
}

void MainWindow::jobChanged(Job::State state) {
  const bool running = state == Job::State::running;
  run_action_->setEnabled(!running && study_.has_value());
  cancel_action_->setEnabled(running);
  progress_bar_->setVisible(running);
  progress_bar_->setRange(0, 0);
  if (running) return message_->setText("Starting " + study_->name);
  if (state == Job::State::done) return result_.open(job_.resultPath());
  if (state == Job::State::failed && !job_.errors().contains(job_.sentence()))
    log_view_->error(job_.sentence());
  message_->setText(job_.sentence());
  if (result_.isEmpty()) summary_view_->setNotice(job_.sentence());
  if (state == Job::State::failed) showLog();
}

void MainWindow::showLog() {
  auto* log = findChild<QDockWidget*>("log");
  log->show();
  log->raise();
}

void MainWindow::complain(const QStringList& lines) {
  for (const auto& line : lines) log_view_->error(line);
  if (!lines.isEmpty()) message_->setText(lines.first());
  showLog();
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
    if (url.isLocalFile()) return open(url.toLocalFile());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  job_.cancel();
  QMainWindow::closeEvent(event);
}

void MainWindow::runStudy(const QString& output) {
  if (!study_ || job_.isRunning()) return;
  QStringList changes;
  for (const auto& part : changes_edit_->text().split(';', Qt::SkipEmptyParts))
    changes << part.trimmed();
  job_.start(find_aisle(), {study_->path, changes, engine_box_->currentData().toString(),
                            output.isEmpty() ? new_output_folder(study_->name) : output});
}

}  // namespace aisle::gui
