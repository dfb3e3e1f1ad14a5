// SPDX-License-Identifier: Apache-2.0
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep.hpp"
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace aisle::sim {
namespace {

using testing::HasSubstr;

constexpr const char* kStudy = R"(
title: "sizes"
engine: analytic
cluster { accelerator: "h100-sxm" count: 16 }
workload { collective { operation: "all_reduce" bytes: "1 GiB" } }
sweep {
  axis { path: "cluster.count" value: ["8", "16", "64", "15"] }
  axis { path: "workload.collective.bytes" from: "1 MiB" to: "1024 MiB" steps: 12 log: true }
}
)";

std::string aisle(const std::string& arguments) {
  return std::string(AISLE_PROGRAM) + " " + arguments;
}

/// Every cell of the table of points but their wall time, a line each row, by id.
std::string table_of(const std::string& path) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  std::string text;
  sqlite3_stmt* rows = nullptr;
  sqlite3_prepare_v2(db,
                     "SELECT p.*, b.text, c.text, length(r.bytes) FROM point p JOIN text b ON b.id "
                     "= p.bases JOIN text c ON c.id = p.caveats LEFT JOIN result r ON r.id = p.id "
                     "AND r.engine = p.engine ORDER BY p.id, p.engine",
                     -1, &rows, nullptr);
  while (rows != nullptr && sqlite3_step(rows) == SQLITE_ROW) {
    for (int i = 0; i < sqlite3_column_count(rows); ++i) {
      const std::string name = sqlite3_column_name(rows, i);
      const auto* cell = sqlite3_column_text(rows, i);
      if (name == "wall_time_s") continue;
      text +=
          fmt::format("{}={};", name, cell == nullptr ? "" : reinterpret_cast<const char*>(cell));
    }
    text += '\n';
  }
  sqlite3_finalize(rows);
  sqlite3_close(db);
  return text;
}

TEST(SweepDatabases, HoldEveryPointWithItsReason) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string db = (folder / "points.db").string();
  const auto ran = tests::run_command(aisle(fmt::format("sweep {} -o {} --json", study, db)));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("\"points\": 48"));
  EXPECT_THAT(ran.out, HasSubstr("\"done\": 36"));
  EXPECT_THAT(ran.out, HasSubstr("\"failed\": 12"));  // 15 do not fill nodes of 8
  const std::string table = table_of(db);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 48);
  EXPECT_THAT(table, HasSubstr("cluster.count=15;"));
  EXPECT_THAT(table, HasSubstr("status=failed;reason=cluster"));
  EXPECT_THAT(table, HasSubstr("busbw_GBps="));
}

TEST(SweepDatabases, ShardsMergeIntoTheWhole) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const auto db = [&](const std::string& name) { return (folder / name).string(); };
  ASSERT_EQ(
      tests::run_command(aisle(fmt::format("sweep {} -o {}", study, db("whole.db")))).exit_code, 0);
  std::string parts;
  for (int i = 1; i <= 3; ++i) {
    const std::string part = db(fmt::format("part{}.db", i));
    const auto ran =
        tests::run_command(aisle(fmt::format("sweep {} -o {} --shard {}/3", study, part, i)));
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    parts += " " + part;
  }
  const auto merged =
      tests::run_command(aisle(fmt::format("sweep --merge{} -o {}", parts, db("merged.db"))));
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(table_of(db("merged.db")), table_of(db("whole.db")));
}

TEST(SweepDatabases, AreRefusedWhereTheyAreNotTheirs) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string db = (folder / "points.db").string();
  ASSERT_EQ(tests::run_command(aisle(fmt::format("sweep {} -o {}", study, db))).exit_code, 0);
  const auto refused = [&](const std::string& arguments) {
    const auto ran = tests::run_command(aisle(arguments));
    EXPECT_EQ(ran.exit_code, 2) << arguments << ran.out;
    return ran.err;
  };
  EXPECT_THAT(refused(fmt::format("sweep {} -o {}", study, db)), HasSubstr("--resume"));
  EXPECT_THAT(refused(fmt::format("sweep {} -o {} --resume --set cluster.count=32", study, db)),
              HasSubstr("another sweep"));
  const std::string other = folder.write("other.db", "no database at all, but text");
  EXPECT_THAT(refused(fmt::format("sweep {} -o {} --resume", study, other)),
              HasSubstr("no database of a sweep"));
  EXPECT_EQ(tests::read_file(other), "no database at all, but text");
  EXPECT_THAT(refused(fmt::format("sweep --merge {} -o {}", other, (folder / "m.db").string())),
              HasSubstr("no database of a sweep"));
  EXPECT_THAT(refused("sweep -o " + db), HasSubstr("names no study"));
  EXPECT_THAT(refused(fmt::format("sweep {} -o {} --shard 3/2", study, db)), HasSubstr("3/8"));
}

/// Runs the sweep and kills it after some time; whether it ended by itself.
bool run_for(const std::string& study, const std::string& db, int milliseconds) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stdout) == nullptr ||
        freopen("/dev/null", "w", stderr) == nullptr)
      _exit(3);
    execl(AISLE_PROGRAM, AISLE_PROGRAM, "sweep", study.c_str(), "-o", db.c_str(), "--resume",
          static_cast<char*>(nullptr));
    _exit(3);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  int status = 0;
  while (std::chrono::steady_clock::now() < end) {
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return false;
}

TEST(SweepDatabases, KilledSweepsResumeToTheSameTable) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string whole = (folder / "whole.db").string(), db = (folder / "killed.db").string();
  ASSERT_EQ(tests::run_command(aisle(fmt::format("sweep {} -o {}", study, whole))).exit_code, 0);
  std::mt19937 random(7);
  std::uniform_int_distribution<int> moment(40, 140);
  bool ended = false;
  for (int kills = 0; kills < 50 && !ended; ++kills) ended = run_for(study, db, moment(random));
  ASSERT_TRUE(ended || run_for(study, db, 60'000));
  EXPECT_EQ(table_of(db), table_of(whole));
}

TEST(SweepDatabases, TwoWritersAreRefused) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string db = (folder / "points.db").string();
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stdout) == nullptr) _exit(3);
    // Long enough to be in the other's way.
    execl(AISLE_PROGRAM, AISLE_PROGRAM, "sweep", study.c_str(), "-o", db.c_str(), "--set",
          "sweep.axis[1].steps=100000", "--jobs", "1", static_cast<char*>(nullptr));
    _exit(3);
  }
  for (int i = 0; i < 500 && !std::filesystem::exists(db); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto second = tests::run_command(aisle(fmt::format("sweep {} -o {} --resume", study, db)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(second.exit_code, 2) << second.out;
  EXPECT_THAT(second.err, HasSubstr("another process"));
}

}  // namespace
}  // namespace aisle::sim
