// SPDX-License-Identifier: Apache-2.0
// What can go wrong around the window: a sentence to the user, and the window lives.
#include "gui/app/export.hpp"
#include "gui/app/main_window.hpp"
#include "tests/gui/fixture.hpp"

#include <QDir>
#include <QFile>
#include <QPlainTextEdit>
#include <QTemporaryDir>

#include <csignal>
#include <sys/resource.h>

namespace aisle::gui {
namespace {

/// A disk that takes no more: files of this process and its children cannot grow.
class FullDisk {
 public:
  FullDisk() {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit little{kBytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
  }

  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  static constexpr rlim_t kBytes = 16;
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

QString log_of(MainWindow& window) {
  return qobject_cast<QPlainTextEdit*>(window.view("log"))->toPlainText();
}

TEST(FullDisk, ExportsAreASentenceAndLeaveNothing) {
  QTemporaryDir folder;
  MainWindow window;
  window.resize(900, 700);
  window.show();
  const QVector<NamedTable> tables{
      {"numbers", {{"first column", "second column"}, {{{"1", 1, {}}, {"2", 2, {}}}}}}};
  for (const auto* form : {"png", "pdf", "svg"}) {
    const QString path = folder.filePath(QString("x.") + form);
    QString error;
    {
      const FullDisk full;
      EXPECT_FALSE(write_picture(window, path, &error)) << form;
      EXPECT_TRUE(error.startsWith(path + ": error: ")) << error.toStdString();
      EXPECT_FALSE(write_tables(tables, folder.path(), &error)) << form;
    }
    EXPECT_FALSE(QFile::exists(path)) << form;
  }
  EXPECT_TRUE(QDir(folder.path()).entryList(QDir::Files).isEmpty());
  EXPECT_FALSE(window.grab().isNull());
}

TEST(FullDisk, AScenarioThatCannotBeSavedStaysInWork) {
  QTemporaryDir folder;
  ScenarioDocument document;
  QString error;
  ASSERT_TRUE(document.open(write_study(folder.path(), "Kept"), &error));
  document.setField("seed", "4");
  {
    const FullDisk full;
    EXPECT_FALSE(document.save(document.path(), &error));
  }
  EXPECT_TRUE(error.contains("cannot be written")) << error.toStdString();
  EXPECT_TRUE(document.isModified());
  QFile file(document.path());
  ASSERT_TRUE(file.open(QIODevice::ReadOnly));
  EXPECT_TRUE(file.readAll().contains("Kept")) << "the file is as it was";
}

TEST(FullDisk, ARunThatCannotWriteIsASentence) {
  QTemporaryDir folder;
  qputenv("AISLE_BIN", write_script(folder.path(),
                                    "if [ \"$1\" = check ]; then cat >/dev/null; exit 0; fi\n"
                                    "for last; do :; done\nmkdir -p \"$last\"\n"
                                    "head -c 4096 /dev/zero > \"$last/result.pb\" || exit 1\n")
                           .toLocal8Bit());
  MainWindow window;
  window.show();
  window.open(write_study(folder.path(), "Large"));
  int id = -1;
  {
    const FullDisk full;
    id = window.runStudy(folder.filePath("out"));
    EXPECT_TRUE(wait_until([&] { return window.runs().state(id) == RunQueue::State::failed; }));
  }
  EXPECT_FALSE(window.runs().sentence(id).isEmpty());
  EXPECT_TRUE(log_of(window).contains(window.runs().sentence(id)));
  EXPECT_TRUE(window.isVisible());
  qunsetenv("AISLE_BIN");
}

TEST(NewerVersion, IsShownWithAWarning) {
  QTemporaryDir folder;
  pb::Result result = make_result(2, 50);
  result.set_version("99.1.0");
  // A field that this version does not know.
  result.mutable_unknown_fields()->AddVarint(9999, 7);
  write_result_file(result, folder.path());
  MainWindow window;
  window.show();
  window.open(folder.path());
  ASSERT_TRUE(wait_until([&] { return !window.result().isEmpty(); }));
  EXPECT_TRUE(log_of(window).contains("written by Aisle 99.1.0")) << log_of(window).toStdString();
  EXPECT_FALSE(window.view("timeline")->grab().isNull());
}

TEST(CorruptFiles, OfEveryKindAreASentence) {
  QTemporaryDir folder;
  MainWindow window;
  window.show();
  pb::Result result = make_result(2, 50);
  result.mutable_timeline()->set_critical_span(0, 1 << 30);
  write_result_file(result, folder.filePath("path"));
  window.open(folder.filePath("path"));
  EXPECT_TRUE(wait_until([&] { return log_of(window).contains("critical_span"); }));
  // The first half of a result.
  const std::string bytes = make_result(2, 50).SerializeAsString();
  const auto write = [&](const QString& name, const QByteArray& content) {
    QFile file(folder.filePath(name));
    EXPECT_TRUE(file.open(QIODevice::WriteOnly));
    file.write(content);
    return file.fileName();
  };
  for (const QString& path :
       {write("half.pb", QByteArray::fromStdString(bytes.substr(0, bytes.size() / 2))),
        write("none.db", "SQLite format 3, not"), write("cut.json", R"({"objective": "x", "or)"),
        write("search.json", R"({"objective": "x", "enumerated": 7)")}) {
    window.open(path);
    EXPECT_TRUE(wait_until([&] { return log_of(window).contains(QFileInfo(path).fileName()); }))
        << path.toStdString();
  }
  EXPECT_TRUE(window.isVisible());
}

}  // namespace
}  // namespace aisle::gui
