// SPDX-License-Identifier: Apache-2.0
// What the window starts: runs of the scenario in work, questions of the first page, reports.
#include "gui/app/main_window.hpp"
#include "gui/models/plan/plan_table.hpp"
#include "gui/views/compare_view.hpp"
#include "gui/views/log_view.hpp"
#include "gui/views/runs_view.hpp"
#include "gui/views/style.hpp"
#include "gui/views/summary_view.hpp"
#include "sim/study/study.hpp"

#include <QComboBox>
#include <QDateTime>
#include <QDesktopServices>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QMessageBox>
#include <QProgressBar>
#include <QStandardPaths>
#include <QUrl>

#include <algorithm>

namespace aisle::gui {

namespace {

constexpr int kEarlierRuns = 40;

QString runs_folder() {
  const QString root = QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation);
  return QDir(root).filePath("runs");
}

bool serves(const ScenarioDocument& document) {
  return std::any_of(
      document.fields().begin(), document.fields().end(),
      [](const ScenarioField& field) { return field.path.startsWith("workload.serving."); });
}

QString new_output_folder(const QString& study) {
  const QString stamp = QDateTime::currentDateTime().toString("yyyyMMdd-HHmmss-zzz");
  QString folder = QDir(runs_folder()).filePath(study + "-" + stamp);
  // Runs that start in one millisecond are different runs.
  for (int i = 2; QFileInfo::exists(folder); ++i)
    folder = QDir(runs_folder()).filePath(QString("%1-%2-%3").arg(study, stamp).arg(i));
  QDir().mkpath(folder);
  return folder;
}

}  // namespace

void MainWindow::connectRuns() {
  runs_.addFinished(runs_folder(), kEarlierRuns);
  connect(&runs_, &RunQueue::started, this, [this](int) { updateRunning(); });
  connect(&runs_, &RunQueue::ended, this, &MainWindow::runEnded);
  connect(&runs_, &RunQueue::progressed, this, [this](int, const QString& text, int percent) {
    message_->setText(text);
    progress_bar_->setRange(0, percent < 0 ? 0 : 100);
    progress_bar_->setValue(percent);
  });
  connect(&runs_, &RunQueue::line, this, [this](int, const QString& text, Job::Channel channel) {
    log_view_->add(text, channel);
  });
}

void MainWindow::updateRunning() {
  const bool busy = runs_.isBusy();
  run_action_->setEnabled(study_.has_value());
  search_action_->setEnabled(study_.has_value() && serves(document_));
  cancel_action_->setEnabled(busy);
  progress_bar_->setVisible(busy);
  if (busy) progress_bar_->setRange(0, 0);
}

int MainWindow::start(const StudyRequest& study, bool pin_it) {
  const int id = runs_.add(run_request(study, new_output_folder(study.name)));
  if (pin_it) to_pin_ << id;
  awaited_ = pin_it ? -1 : id;
  updateRunning();
  return id;
}

StudyRequest MainWindow::request() const {
  QStringList changes;
  for (const auto& part : changes_edit_->text().split(';', Qt::SkipEmptyParts))
    changes << part.trimmed();
  return {study_->name, study_->path, document_.isModified() ? document_.text() : QString(),
          changes, engine_box_->currentData().toString()};
}

int MainWindow::runSweep(const QString& database) {
  if (!study_) {
    complain({"No sweep to run: open a scenario with a sweep { } block."});
    return -1;
  }
  const QString file =
      database.isEmpty() ? QDir(runs_folder()).filePath(study_->name + ".db") : database;
  QDir().mkpath(QFileInfo(file).path());
  awaited_ = runs_.add(sweep_request(request(), file));
  updateRunning();
  return awaited_;
}

int MainWindow::searchServing() {
  if (!study_) return -1;
  const QString folder = new_output_folder(study_->name);
  awaited_ = runs_.add(search_request(request(), QDir(folder).filePath("search.json")));
  updateRunning();
  return awaited_;
}

void MainWindow::replayTrace(const QString& path) {
  const QString name = QFileInfo(path).fileName();
  const QString folder = new_output_folder(name);
  awaited_ = runs_.add({"replay of " + name,
                        {"replay", path, "-o", folder},
                        QDir(folder).filePath("result.pb"),
                        {}});
  updateRunning();
  places_->show("result");
}

void MainWindow::putBeside(const QString& path) {
  if (result_.isEmpty()) return open(path);
  places_->raise("timeline");
  const QString name = QFileInfo(path).fileName();
  if (is_result(path)) return readBeside(path, QFileInfo(path).dir().dirName() + "/" + name);
  beside_title_ = "Recorded: " + name;
  beside_ = runs_.add(import_request(path, new_output_folder(name)));
  updateRunning();
}

int MainWindow::runStudy(const QString& output) {
  if (!study_) return -1;
  const StudyRequest study = request();
  message_->setText("Starting " + study.name);
  const QString folder = output.isEmpty() ? new_output_folder(study.name) : output;
  // What was simulated for one plan serves the next.
  const QString points = QDir(output.isEmpty() ? runs_folder() : output).filePath("points.db");
  awaited_ = runs_.add(has_plan(document_)
                           ? plan_request(study, QDir(folder).filePath("plan.json"), points)
                           : run_request(study, folder));
  updateRunning();
  return awaited_;
}

void MainWindow::ask(StartView::Question question) {
  const QDir studies(QString::fromStdString(sim::scenarios_root()) + "/studies");
  const auto path = [&](const QString& study) { return studies.filePath(study); };
  if (question == StartView::Question::how_long) {
    open(path("deepseek-v3-h800"));
    runStudy();
    return;
  }
  pins_.clear();
  to_pin_.clear();
  places_->show("compare");
  if (question == StartView::Question::half_network) {
    const QString study = path("deepseek-v3-h800/study.textproto");
    start({"400 Gb/s", study, {}, {}, {}}, true);
    start({"200 Gb/s", study, {}, {"cluster.scale_out.nic=200 Gb/s"}, {}}, true);
    return;
  }
  for (const auto* chip : {"h100-sxm", "h800-sxm"})
    for (const auto* model : {"llama-3.1-405b", "deepseek-v3"})
      start({QString("%1 on %2").arg(model, chip),
             path(QString("dense-vs-sparse/%1/%2.textproto").arg(chip, model)),
             {},
             {},
             {}},
            true);
}

void MainWindow::runEnded(int id) {
  updateRunning();
  const auto state = runs_.state(id);
  const QString output = runs_.output(id);
  if (state == RunQueue::State::done) {
    if (to_pin_.contains(id)) return pinWhenAllEnded();
    if (id == beside_) return readBeside(output, beside_title_);
    if (id == awaited_) return open(output);
    message_->setText("Done: " + output);
    return;
  }
  const QString sentence = runs_.sentence(id);
  pinWhenAllEnded();
  if (state == RunQueue::State::failed && !runs_.errors(id).contains(sentence))
    log_view_->error(sentence);
  message_->setText(sentence);
  if (result_.isEmpty()) summary_view_->setNotice(sentence);
  runs_view_->select(id);
}

void MainWindow::pinWhenAllEnded() {
  QStringList outputs;
  for (const int id : to_pin_) {
    const auto state = runs_.state(id);
    if (state == RunQueue::State::waiting || state == RunQueue::State::running) return;
    if (state == RunQueue::State::done) outputs << runs_.output(id);
  }
  to_pin_.clear();
  if (!outputs.isEmpty()) pin(outputs);
}

void MainWindow::openOutput(const QString& path) {
  const QString form = QFileInfo(path).suffix();
  if (form != "pb" && form != "db" && form != "json")
    QDesktopServices::openUrl(QUrl::fromLocalFile(path));
  else
    open(path);
}

void MainWindow::pin(const QStringList& paths) {
  for (const auto& path : paths) {
    Diagnostics diagnostics;
    if (!path.endsWith(".pb")) continue;
    if (const auto opened = read_result(path, diagnostics))
      pins_.pin(*opened);
    else
      complain(to_lines(diagnostics));
  }
  if (pins_.rowCount() > 1) places_->show("compare");
  message_->setText(QString("%1 results pinned").arg(pins_.rowCount()));
}

void MainWindow::writeReport() {
  // Of what the place shows.
  QStringList inputs;
  if (places_->current() == "compare" && pins_.rowCount() > 0)
    inputs = pins_.paths();
  else if (places_->current() == "sweep" && sweep_.sweep() != nullptr)
    inputs << sweep_.sweep()->path;
  else if (!result_.isEmpty())
    inputs << result_.opened().path;
  if (inputs.isEmpty()) return complain({"No report: open a result, pin some, or open a sweep."});
  const QString path = QFileDialog::getSaveFileName(this, "Write report", "report.pdf",
                                                    "Reports (*.pdf *.html *.md *.csv)");
  if (path.isEmpty()) return;
  message_->setText("Writing " + path);
  runs_.add(report_request(inputs, path));
}

bool MainWindow::mayLeaveScenario() {
  if (!document_.isModified() || !isVisible()) return true;
  const auto answer = QMessageBox::question(
      this, "Unsaved changes", document_.path() + "\n\nhas changes that are not saved.",
      QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
  if (answer == QMessageBox::Save) return saveScenario(false);
  return answer == QMessageBox::Discard;
}

bool MainWindow::saveScenario(bool as_new) {
  const QString shipped = QDir(QString::fromStdString(sim::scenarios_root())).absolutePath();
  QString path = document_.path();
  const bool is_shipped = QFileInfo(path).absoluteFilePath().startsWith(shipped + "/");
  if (as_new || is_shipped || path.isEmpty()) {
    const QString name = study_ ? study_->name : "study";
    path = QFileDialog::getSaveFileName(this, "Save the scenario as a new file",
                                        QDir::home().filePath(name + ".textproto"),
                                        "Scenarios (*.textproto)");
  } else if (QMessageBox::question(this, "Save", path + "\n\nWrite over this file?") !=
             QMessageBox::Yes) {
    return false;
  }
  QString error;
  if (path.isEmpty()) return false;
  if (!document_.save(path, &error)) {
    complain({error});
    return false;
  }
  const QFileInfo file(document_.path());
  study_ = StudyFile{file.completeBaseName(), file.filePath(), file.fileName(), {}, {}};
  message_->setText("Saved " + path);
  remember(path);
  return true;
}

}  // namespace aisle::gui
