// SPDX-License-Identifier: Apache-2.0
// A sweep on a disk that fills up: it says so, keeps what it has, and goes on when there is room.
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace aisle::sim {
namespace {

using testing::HasSubstr;
using tests::run_command;

constexpr const char* kStudy = R"(
engine: analytic
cluster { accelerator: "h100-sxm" count: 16 }
workload { collective { operation: "all_reduce" bytes: "1 GiB" } }
sweep {
  axis { path: "cluster.count" value: ["8", "16", "64"] }
  axis { path: "workload.collective.bytes" from: "1 MiB" to: "1024 MiB" steps: 100 log: true }
}
)";

std::string ask(const std::string& path, const char* question) {
  sqlite3* db = nullptr;
  sqlite3_stmt* rows = nullptr;
  std::string answer;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
      sqlite3_prepare_v2(db, question, -1, &rows, nullptr) == SQLITE_OK &&
      sqlite3_step(rows) == SQLITE_ROW) {
    answer = reinterpret_cast<const char*>(sqlite3_column_text(rows, 0));
  }
  sqlite3_finalize(rows);
  sqlite3_close(db);
  return answer;
}

constexpr const char* kFigures =
    "SELECT group_concat(id || ' ' || time_s) FROM (SELECT id, time_s FROM point ORDER BY id)";

/// What must hold after a sweep that ran out of room, and when it went on.
void expect_kept(const std::string& db) {
  EXPECT_EQ(ask(db, "PRAGMA integrity_check"), "ok");
  EXPECT_NE(ask(db, "SELECT count(*) FROM point"), "300");
}

void expect_whole(const std::string& study, const std::string& db, const std::string& other) {
  ASSERT_EQ(run_command(fmt::format(AISLE_PROGRAM " sweep {} -o {} --resume", study, db)).exit_code,
            0);
  ASSERT_EQ(run_command(fmt::format(AISLE_PROGRAM " sweep {} -o {}", study, other)).exit_code, 0);
  EXPECT_EQ(ask(db, "SELECT count(*) FROM point"), "300");
  EXPECT_EQ(ask(db, kFigures), ask(other, kFigures));
}

TEST(SweepDiskFull, OnASmallFileSystem) {
  const tests::Folder folder;
  const std::string disk = (folder / "disk").string();
  if (run_command(fmt::format("mkdir {0} && mount -t tmpfs -o size=400k none {0}", disk))
          .exit_code != 0) {
    GTEST_SKIP() << "this user may not mount";
  }
  const std::string study = folder.write("study.textproto", kStudy), db = disk + "/points.db";
  const auto full = run_command(fmt::format(AISLE_PROGRAM " sweep {} -o {}", study, db));
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.err, HasSubstr("disk is full"));
  EXPECT_THAT(full.err, HasSubstr("points.db"));
  EXPECT_THAT(full.err, HasSubstr("--resume"));
  EXPECT_EQ(run_command(fmt::format("mount -o remount,size=16m {}", disk)).exit_code, 0);
  expect_kept(db);
  expect_whole(study, db, (folder / "other.db").string());
  run_command("umount " + disk);
}

TEST(SweepDiskFull, AtALimitOfTheSizeOfFiles) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string db = (folder / "points.db").string();
  const auto full = run_command(fmt::format(
      "sh -c 'trap \"\" XFSZ; ulimit -f 400; " AISLE_PROGRAM " sweep {} -o {}'", study, db));
  EXPECT_EQ(full.exit_code, 1) << full.err;
  EXPECT_THAT(full.err, HasSubstr("points.db"));
  expect_kept(db);
  expect_whole(study, db, (folder / "other.db").string());
}

}  // namespace
}  // namespace aisle::sim
