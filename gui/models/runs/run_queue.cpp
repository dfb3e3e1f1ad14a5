// SPDX-License-Identifier: Apache-2.0
#include "gui/models/runs/run_queue.hpp"

#include "gui/models/timeline_model.hpp"

#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>

#include <algorithm>
#include <array>
#include <utility>

namespace aisle::gui {

namespace {

constexpr std::size_t kLogLines = 5000;
constexpr int kTickMs = 500;

}  // namespace

struct RunQueue::Entry {
  int id = 0;
  JobRequest request;
  State state = State::waiting;
  std::unique_ptr<Job> job;
  QDateTime from, to;
  std::vector<Line> log;
};

RunQueue::RunQueue(QObject* parent) : QAbstractTableModel(parent) {
  clock_.setInterval(kTickMs);
  connect(&clock_, &QTimer::timeout, this, [this] {
    for (const auto& entry : entries_)
      if (entry->state == State::running) tell(*entry);
  });
}

RunQueue::~RunQueue() = default;

void RunQueue::setAtOnce(int count) {
  at_once_ = std::max(1, count);
  startNext();
}

int RunQueue::add(const JobRequest& request) {
  auto entry = std::make_unique<Entry>();
  entry->id = next_id_++;
  entry->request = request;
  const int id = entry->id;
  beginInsertRows({}, 0, 0);
  entries_.insert(entries_.begin(), std::move(entry));
  endInsertRows();
  startNext();
  return id;
}

void RunQueue::addFinished(const QString& folder, int most) {
  static const QRegularExpression stamp("-\\d{8}-\\d{6}-\\d{3}$");
  const auto found = QDir(folder).entryInfoList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Time);
  for (const auto& each : found) {
    if (most == 0) return;
    const QDir run(each.filePath());
    QString file = run.filePath("result.pb");
    for (const auto* other : {"plan.json", "search.json"})
      if (!QFileInfo(file).isFile()) file = run.filePath(other);
    if (!QFileInfo(file).isFile()) continue;
    --most;
    auto entry = std::make_unique<Entry>();
    entry->id = next_id_++;
    entry->request = {each.fileName().remove(stamp), {}, file, {}};
    entry->state = State::done;
    entry->to = QFileInfo(file).lastModified();
    const int row = rowCount();
    beginInsertRows({}, row, row);
    entries_.push_back(std::move(entry));
    endInsertRows();
  }
}

void RunQueue::startNext() {
  auto running = std::count_if(entries_.begin(), entries_.end(),
                               [](const auto& entry) { return entry->state == State::running; });
  // The oldest first: they are at the end.
  for (std::size_t i = entries_.size(); i > 0 && running < at_once_; --i) {
    Entry& entry = *entries_[i - 1];
    if (entry.state != State::waiting) continue;
    ++running;
    start(entry);
    return startNext();  // an end while it starts may have changed everything
  }
}

void RunQueue::start(Entry& entry) {
  const int id = entry.id;
  entry.state = State::running;
  entry.from = QDateTime::currentDateTime();
  entry.job = std::make_unique<Job>();
  connect(entry.job.get(), &Job::line, this, [this, id](const QString& text, Job::Channel channel) {
    Entry* of = find(id);
    if (of->log.size() < kLogLines) of->log.push_back({text, channel});
    emit line(id, text, channel);
  });
  connect(entry.job.get(), &Job::progressChanged, this,
          [this, id](const QString& text, int percent) {
            tell(*find(id));
            emit progressed(id, text, percent);
          });
  connect(entry.job.get(), &Job::stateChanged, this, [this, id](Job::State state) {
    if (state != Job::State::running) settle(*find(id), state);
  });
  clock_.start();
  tell(entry);
  emit started(id);
  entry.job->start(find_aisle(), entry.request);
}

void RunQueue::settle(Entry& entry, Job::State state) {
  entry.state = state == Job::State::done        ? State::done
                : state == Job::State::cancelled ? State::cancelled
                                                 : State::failed;
  entry.to = QDateTime::currentDateTime();
  if (!isBusy()) clock_.stop();
  tell(entry);
  emit ended(entry.id);
  // From the event loop: a job that could not start ends inside start().
  QMetaObject::invokeMethod(this, &RunQueue::startNext, Qt::QueuedConnection);
}

void RunQueue::cancel(int id) {
  Entry* entry = find(id);
  if (entry == nullptr) return;
  if (entry->state == State::running) return entry->job->cancel();
  if (entry->state != State::waiting) return;
  entry->state = State::cancelled;
  tell(*entry);
  emit ended(id);
}

void RunQueue::cancelAll() {
  std::vector<int> ids;
  for (const auto& entry : entries_) ids.push_back(entry->id);
  for (const int id : ids) cancel(id);
}

void RunQueue::clearEnded() {
  for (int row = rowCount() - 1; row >= 0; --row) {
    const State state = entries_[static_cast<std::size_t>(row)]->state;
    if (state == State::waiting || state == State::running) continue;
    beginRemoveRows({}, row, row);
    entries_.erase(entries_.begin() + row);
    endRemoveRows();
  }
}

RunQueue::Entry* RunQueue::find(int id) const {
  const int row = rowOf(id);
  return row < 0 ? nullptr : entries_[static_cast<std::size_t>(row)].get();
}

int RunQueue::rowOf(int id) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->id == id; });
  return found == entries_.end() ? -1 : static_cast<int>(found - entries_.begin());
}

int RunQueue::idAt(int row) const {
  return row < 0 || row >= rowCount() ? -1 : entries_[static_cast<std::size_t>(row)]->id;
}

void RunQueue::tell(const Entry& entry) {
  const int row = rowOf(entry.id);
  emit dataChanged(index(row, 0), index(row, kOutput));
}

RunQueue::State RunQueue::state(int id) const {
  const Entry* entry = find(id);
  return entry == nullptr ? State::cancelled : entry->state;
}

bool RunQueue::isBusy() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry->state == State::running || entry->state == State::waiting;
  });
}

QString RunQueue::output(int id) const {
  const Entry* entry = find(id);
  return entry != nullptr && entry->state == State::done ? entry->request.output : QString();
}

QString RunQueue::sentence(int id) const {
  const Entry* entry = find(id);
  return entry == nullptr || entry->job == nullptr ? QString() : entry->job->sentence();
}

QStringList RunQueue::errors(int id) const {
  const Entry* entry = find(id);
  return entry == nullptr || entry->job == nullptr ? QStringList() : entry->job->errors();
}

int RunQueue::exitCode(int id) const {
  const Entry* entry = find(id);
  return entry == nullptr || entry->job == nullptr ? 0 : entry->job->exitCode();
}

std::vector<RunQueue::Line> RunQueue::log(int id) const {
  const Entry* entry = find(id);
  return entry == nullptr ? std::vector<Line>() : entry->log;
}

int RunQueue::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(entries_.size());
}

int RunQueue::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kOutput + 1;
}

QVariant RunQueue::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  constexpr std::array names{"waiting", "running", "done", "failed", "cancelled"};
  const Entry& entry = *entries_[static_cast<std::size_t>(index.row())];
  const QString state = names[static_cast<std::size_t>(entry.state)];
  if (role == kId) return entry.id;
  if (role == kPath) return output(entry.id);
  if (role == kStateRole) return static_cast<int>(entry.state);
  if (role == kPercent) return entry.job == nullptr ? -1 : entry.job->percent();
  if (role == Qt::ToolTipRole) {
    const QString why = sentence(entry.id);
    return why.isEmpty() ? "aisle " + entry.request.arguments.join(' ') : why;
  }
  if (role != Qt::DisplayRole) return {};
  switch (index.column()) {
    case kTitle:
      return entry.request.title;
    case kState:
      return state;
    case kProgress:
      if (entry.state == State::failed) return entry.job->sentence();
      if (entry.state != State::running) return QString();
      if (entry.job->secondsLeft() >= 0)
        return QString("%1 %, %2 to go")
            .arg(entry.job->percent())
            .arg(duration_text(entry.job->secondsLeft() * 1e9));
      return entry.job->progress();
    case kTime: {
      if (entry.state == State::waiting) return QString();
      if (!entry.from.isValid()) return entry.to.toString("yyyy-MM-dd hh:mm");
      const auto end = entry.state == State::running ? QDateTime::currentDateTime() : entry.to;
      return QString("%1 s").arg(static_cast<double>(entry.from.msecsTo(end)) / 1000, 0, 'f', 1);
    }
    case kOutput:
      return output(entry.id);
    default:
      return {};
  }
}

QVariant RunQueue::headerData(int section, Qt::Orientation orientation, int role) const {
  constexpr std::array names{"Run", "State", "Progress", "Time", "Written to"};
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section > kOutput) return {};
  return names[static_cast<std::size_t>(section)];
}

}  // namespace aisle::gui
