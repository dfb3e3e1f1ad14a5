// SPDX-License-Identifier: Apache-2.0
// Sweeps as job arrays, on a Slurm of one machine that the test brings up and takes down. Skipped
// where Slurm and MUNGE are not installed, or the user may not run them.
#include "sim/study/sweep_slurm.hpp"
#include "sim/study/sweep_store.hpp"
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace aisle::sim {
namespace {

using testing::HasSubstr;
using tests::run_command;

/// 200 points on the event engine, some of which do not fit.
constexpr const char* kStudy = R"(
title: "array"
engine: event
cluster { accelerator: "h100-sxm" count: 64 }
workload { training { model: "llama-3.1-8b" sequence: 8192 global_batch: 128 micro_batch: 1
                      parallel { tensor: 1 data: 64 zero: 1 } } }
sweep {
  axis { path: "cluster.scale_out.nic" from: "50 Gb/s" to: "800 Gb/s" steps: 25 log: true }
  axis { path: "cluster.speed_spread" value: ["0", "0.02"] }
  axis { path: "workload.training.parallel.tensor" value: ["1", "2", "4", "8"]
         with { path: "workload.training.parallel.data" value: ["64", "32", "16", "8"] } }
}
)";

bool wait_for(double seconds, const std::function<bool()>& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return what();
}

/// A port that nobody listens on now.
int free_port() {
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(file, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(file, reinterpret_cast<sockaddr*>(&address), &size);
  close(file);
  return ntohs(address.sin_port);
}

/// A Slurm of this machine alone, in a folder of its own.
class Slurm {
 public:
  /// Whether it came up.
  bool start() {
    for (const char* program : {"munged", "slurmctld", "slurmd", "sbatch"}) {
      if (run_command(fmt::format("command -v {}", program)).exit_code != 0) {
        why_ = fmt::format("{} is not installed", program);
        return false;
      }
    }
    if (geteuid() != 0) {
      why_ = "only root may start its daemons";
      return false;
    }
    const std::string at = folder_.string();
    chmod(at.c_str(), 0755);
    run_command(
        fmt::format("mkdir -m 700 {0}/state {0}/spool {0}/munge; "
                    "head -c 1024 /dev/urandom > {0}/munge/key; chmod 600 {0}/munge/key",
                    at));
    const std::string socket = at + "/munge/socket";
    run_command(
        fmt::format("munged --force --key-file={0}/munge/key --socket={1} --pid-file={0}/munge/pid "
                    "--log-file={0}/munge/log --seed-file={0}/munge/seed",
                    at, socket));
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    const std::string name = std::string(host).substr(0, std::string(host).find('.'));
    folder_.write(
        "slurm.conf",
        fmt::format("ClusterName=test\nSlurmctldHost={0}(127.0.0.1)\nAuthType=auth/munge\n"
                    "CredType=cred/munge\nAuthInfo=socket={1},cred_expire=2\nSlurmUser=root\n"
                    "SlurmdUser=root\nStateSaveLocation={2}/state\nSlurmdSpoolDir={2}/spool\n"
                    "SlurmctldPidFile={2}/ctld.pid\nSlurmdPidFile={2}/slurmd.pid\n"
                    "SlurmctldLogFile={2}/ctld.log\nSlurmdLogFile={2}/slurmd.log\n"
                    "SlurmctldPort={3}\nSlurmdPort={4}\nProctrackType=proctrack/linuxproc\n"
                    "TaskPlugin=task/none\nSelectType=select/cons_tres\n"
                    "SelectTypeParameters=CR_CPU\nSchedulerType=sched/builtin\n"
                    "SlurmdParameters=config_overrides\nMpiDefault=none\nReturnToService=2\n"
                    "KillWait=1\nNodeName={0} NodeAddr=127.0.0.1 CPUs=3 State=UNKNOWN\n"
                    "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
                    name, socket, at, free_port(), free_port()));
    setenv("SLURM_CONF", (at + "/slurm.conf").c_str(), 1);
    run_command("slurmctld -i");
    run_command("slurmd");
    const bool up = wait_for(15, [] {
      return run_command("sinfo --noheader --format=%t").out.find("idle") != std::string::npos;
    });
    if (!up) why_ = "its daemons do not come up here";
    return up;
  }

  ~Slurm() {
    for (const char* pid : {"slurmd.pid", "ctld.pid", "munge/pid"}) {
      std::ifstream in(folder_ / pid);
      pid_t process = 0;
      if (!(in >> process) || process <= 1) continue;
      kill(process, SIGTERM);
      wait_for(5, [&] { return kill(process, 0) != 0; });
    }
    unsetenv("SLURM_CONF");
  }

  Slurm() = default;
  Slurm(const Slurm&) = delete;
  Slurm& operator=(const Slurm&) = delete;

  const std::string& why() const { return why_; }

 private:
  tests::Folder folder_;
  std::string why_;
};

std::int64_t points_in(const std::string& path) {
  sqlite3* db = nullptr;
  sqlite3_stmt* rows = nullptr;
  std::int64_t count = 0;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
      sqlite3_prepare_v2(db, "SELECT count(*) FROM point", -1, &rows, nullptr) == SQLITE_OK &&
      sqlite3_step(rows) == SQLITE_ROW) {
    count = sqlite3_column_int64(rows, 0);
  }
  sqlite3_finalize(rows);
  sqlite3_close(db);
  return count;
}

/// Points with their fields and figures, a line each.
std::string table_of(const std::string& path) {
  Diagnostics diagnostics;
  const auto store = SweepStore::read(path, diagnostics);
  if (!store) return "no database";
  std::string text;
  for (const SweepTable::Row& row : store->table().rows) {
    text += fmt::format("{} {} {} {}", row.id, row.engine, row.status, row.reason);
    for (const std::string& field : row.fields) text += " " + field;
    for (const double value : row.metrics) text += fmt::format(" {}", value);
    text += '\n';
  }
  return text;
}

TEST(SlurmScript, HoldsWhatATaskNeeds) {
  SlurmArray array;
  array.program = "/opt/aisle";
  array.study = "/home/it's/study.textproto";
  array.arguments = {"--set", "cluster.count=64"};
  array.database = "/data/points.db";
  array.tasks = 12;
  array.processors = 4;
  array.time = "1:00:00";
  const std::string script = slurm_script(array);
  for (const char* line :
       {"#!/bin/bash\n", "#SBATCH --array=1-12\n", "#SBATCH --cpus-per-task=4\n",
        "#SBATCH --time='1:00:00'\n", "#SBATCH --requeue\n", "'/home/it'\\''s/study.textproto'",
        "--shard \"$SLURM_ARRAY_TASK_ID/12\"", "--resume", "'cluster.count=64'"}) {
    EXPECT_THAT(script, HasSubstr(line));
  }
  EXPECT_EQ(script.find("--partition"), std::string::npos);
  EXPECT_EQ(part_of(array, 3), "/data/points.db.slurm/part-3.db");
}

TEST(SlurmSweep, DryRunsPrintAndWriteNothing) {
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string db = (folder / "points.db").string();
  const auto outcome = run_command(
      fmt::format(AISLE_PROGRAM " sweep {} -o {} --slurm --dry-run --mem 2G", study, db));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("#SBATCH --mem='2G'"));
  EXPECT_FALSE(std::filesystem::exists(db + ".slurm"));
}

TEST(SlurmSweep, EqualsTheLocalOneThoughATaskIsRequeued) {
  Slurm slurm;
  if (!slurm.start()) GTEST_SKIP() << slurm.why();
  const tests::Folder folder;
  const std::string study = folder.write("study.textproto", kStudy);
  const std::string local = (folder / "local.db").string(), db = (folder / "array.db").string();
  tests::Outcome array;
  std::atomic<bool> sweeping{true};
  std::thread sweep([&] {
    array = run_command(
        fmt::format(AISLE_PROGRAM " sweep {} -o {} --slurm --tasks 8 --jobs 1", study, db));
    sweeping = false;
  });
  // A task is killed and queued again while it has done some points, and not yet all 25.
  std::int64_t done = 0;
  const bool caught = wait_for(30, [&] {
    done = points_in(db + ".slurm/part-2.db");
    return done >= 2;
  });
  const auto requeued = run_command("scontrol requeue 1_2");
  // Slurm holds a requeued task back for a while; the test does not wait for that.
  wait_for(20, [&] {
    run_command("scontrol update JobId=1_2 StartTime=now");
    return !sweeping;
  });
  sweep.join();
  EXPECT_TRUE(caught);
  EXPECT_LT(done, 25) << "the task had ended: nothing was tested";
  EXPECT_EQ(requeued.exit_code, 0) << requeued.err;
  ASSERT_EQ(array.exit_code, 0) << array.err;
  EXPECT_THAT(array.err, HasSubstr("tasks left"));
  ASSERT_EQ(run_command(fmt::format(AISLE_PROGRAM " sweep {} -o {}", study, local)).exit_code, 0);
  EXPECT_EQ(points_in(db), 200);
  EXPECT_EQ(table_of(db), table_of(local));
}

}  // namespace
}  // namespace aisle::sim
