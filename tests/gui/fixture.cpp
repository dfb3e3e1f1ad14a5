// SPDX-License-Identifier: Apache-2.0
#include "tests/gui/fixture.hpp"

#include <QDir>
#include <QFile>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace aisle::gui {

namespace {

void add_metrics(pb::Result& result) {
  const std::pair<const char*, double> metrics[] = {{"step_time_s", 20.31},
                                                    {"tokens_per_s", 3.097e6},
                                                    {"tokens_per_s_per_chip", 1512.3},
                                                    {"tflops_per_chip", 378.1},
                                                    {"mfu", 0.3823},
                                                    {"gpu_hours_per_trillion_tokens", 183700},
                                                    {"energy_mwh", 0.00713},
                                                    {"cost_usd", 23.1},
                                                    {"energy_cost_usd", 0.6},
                                                    {"accelerator_power_w", 610},
                                                    {"it_power_w", 1.5e6},
                                                    {"facility_power_w", 1.7e6},
                                                    {"hbm_peak_bytes", 61.2e9},
                                                    {"exposed_communication_s", 1.9}};
  for (const auto& [name, value] : metrics) {
    auto& metric = *result.add_metric();
    metric.set_name(name);
    metric.set_value(value);
    metric.set_basis(pb::extrapolated);
  }
  const std::pair<const char*, double> published[] = {{"step_time_s", 19.926}, {"mfu", 0.389}};
  for (const auto& [name, value] : published) {
    auto& row = *result.add_comparison();
    row.set_metric(name);
    row.set_simulated(name == std::string("mfu") ? 0.3823 : 20.31);
    row.set_published(value);
    row.set_bound(0.07);
    row.set_source("ISCA 2025, table 4, \"measured\"");
  }
}

void add_parts(pb::Result& result) {
  const std::pair<const char*, double> parts[] = {
      {"backward", 10.9},          {"forward", 5.4},   {"pipeline bubble and waiting", 1.71},
      {"exposed all_to_all", 1.2}, {"optimizer", 0.7}, {"exposed send_recv", 0.4}};
  for (const auto& [name, seconds] : parts) {
    auto& part = *result.add_breakdown();
    part.set_name(name);
    part.set_seconds(seconds);
  }
  result.set_breakdown_rank("pipeline 3");
  const std::pair<const char*, double> families[] = {
      {"gemm fp8", 8.1}, {"attention", 4.2}, {"cast and quantise", 1.9}, {"norm", 1.1}};
  for (const auto& [name, seconds] : families) {
    auto& family = *result.add_family();
    family.set_family(name);
    family.set_seconds(seconds);
    family.set_count(1200);
    family.set_flops(seconds * 4e14);
    family.set_hbm_bytes(seconds * 1e12);
    family.set_basis(pb::calibrated);
  }
}

void add_resources(pb::Result& result) {
  const std::pair<const char*, double> parts[] = {
      {"tensor cores", 11.2}, {"HBM", 4.4}, {"exposed EP", 2.5}, {"pipeline bubble", 2.21}};
  for (const auto& [name, seconds] : parts) {
    auto& part = *result.add_resource();
    part.set_name(name);
    part.set_seconds(seconds);
  }
}

void add_power(pb::Result& result) {
  for (const char* name : {"it_power_w", "accelerator_power_pipeline_0_w"}) {
    auto& series = *result.add_series();
    series.set_name(name);
    for (int i = 0; i < 100; ++i) {
      series.add_time_s(i * 0.2);
      series.add_value((name[0] == 'i' ? 1.5e6 : 600) + 10.0 * (i % 7));
    }
  }
}

void add_communication(pb::Result& result) {
  for (const char* name : {"expert dispatch", "send"}) {
    auto& phase = *result.add_phase();
    phase.set_name(name);
    phase.set_stream("collective");
    phase.set_count(320);
    phase.set_seconds(0.4);
    phase.set_hidden_seconds(0.3);
  }
  auto& use = *result.add_collective_use();
  use.set_name("expert dispatch");
  use.set_operation("dispatch");
  use.set_group("expert");
  use.set_bytes(58.72e6);
  use.set_ranks(64);
  use.set_domains(8);
  use.set_algorithm("two_hop");
  use.set_bound_by("NIC");
  use.set_alone_s(0.001);
  use.set_count(320);
  use.set_seconds(0.4);
  use.set_waiting_seconds(0.05);
  use.set_hidden_seconds(0.3);
}

void add_memory(pb::Result& result, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) {
    auto& memory = *result.add_memory();
    memory.set_pipeline_rank(rank);
    memory.set_capacity_bytes(80e9);
    const std::pair<const char*, double> uses[] = {{"weights", 11e9},    {"gradients", 9e9},
                                                   {"optimizer", 3.2e9}, {"activations", 30e9},
                                                   {"buffers", 4e9},     {"reserve", 3e9}};
    for (const auto& [use, bytes] : uses) {
      auto& item = *memory.add_item();
      item.set_use(use);
      item.set_bytes(use == std::string("activations") ? bytes - 1e9 * rank : bytes);
    }
  }
}

void add_stream(pb::TimelineRank& rank, int stream, int spans, std::mt19937_64& random) {
  constexpr std::array names{"compute", "expert all-to-all", "pipeline send", "pipeline receive",
                             "data parallel"};
  auto& to = *rank.add_stream();
  to.set_name(names[static_cast<std::size_t>(stream)]);
  std::int64_t now = 1'000'000 * (rank.multiplicity() % 7);
  for (int i = 0; i < spans; ++i) {
    const bool compute = stream == 0;
    now += static_cast<std::int64_t>(random() % (compute ? 200'000 : 4'000'000));
    // Every hundredth span lasts no time at all.
    const std::int64_t duration =
        i % 100 == 99 ? 0
                      : static_cast<std::int64_t>(1 + random() % (compute ? 9'000'000 : 4'000'000));
    to.add_start_ns(now);
    to.add_duration_ns(duration);
    to.add_name_index(compute ? i % 6 : 5 + stream);
    to.add_kind(compute ? (i > spans * 19 / 20 ? 2 : 0) : 1);
    to.add_micro_batch(i % 20);
    now += duration;
  }
}

/// Everything that the first rank computes, one after the other, as if all waited for it.
void add_critical_path(pb::Timeline& timeline) {
  if (timeline.rank().empty()) return;
  for (int span = 0; span < timeline.rank(0).stream(0).start_ns_size(); ++span) {
    timeline.add_critical_rank(0);
    timeline.add_critical_stream(0);
    timeline.add_critical_span(span);
  }
}

/// The tester's words begin so; the platform has warnings of its own.
void fail_on_warning(QtMsgType, const QMessageLogContext&, const QString& text) {
  if (text.startsWith("FAIL!")) ADD_FAILURE() << text.toStdString();
}

}  // namespace

void ModelRules::SetUp() {
  previous_ = qInstallMessageHandler(fail_on_warning);
}

void ModelRules::TearDown() {
  qInstallMessageHandler(previous_);
}

pb::Result make_result(int ranks, int spans, std::uint64_t seed) {
  pb::Result result;
  result.mutable_scenario()->set_title("DeepSeek-V3 pre-training step, 2,048 H800");
  result.mutable_scenario()->set_question("How much of a step is exposed all-to-all?");
  auto& cluster = *result.mutable_scenario()->mutable_cluster();
  cluster.set_accelerator("h800-sxm");
  cluster.set_count(2048);
  auto& training = *result.mutable_scenario()->mutable_workload()->mutable_training();
  training.set_model("deepseek-v3");
  training.set_global_batch(15360);
  result.set_study("deepseek-v3-h800");
  result.set_engine(pb::event);
  result.set_folded(true);
  result.set_feasible(true);
  result.set_wall_time_s(1.31);
  result.set_rank_classes(ranks);
  result.set_operations(std::int64_t{5} * ranks * spans);
  result.add_caveat("H800 borrows the efficiencies of a trace of the same chip at other shapes.");
  add_metrics(result);
  add_parts(result);
  add_resources(result);
  add_power(result);
  add_communication(result);
  add_memory(result, ranks);
  auto& timeline = *result.mutable_timeline();
  for (const auto* name :
       {"attention fwd", "experts fwd", "norm", "attention bwd", "experts bwd", "cast to fp8",
        "all-to-all", "send activations", "receive activations", "reduce-scatter"})
    timeline.add_name(name);
  std::mt19937_64 random(seed);
  for (int r = 0; r < ranks; ++r) {
    auto& rank = *timeline.add_rank();
    rank.set_name("pipeline " + std::to_string(r));
    rank.set_multiplicity(2048 / std::max(1, ranks));
    for (int stream = 0; stream < 5; ++stream) add_stream(rank, stream, spans, random);
  }
  add_critical_path(timeline);
  return result;
}

QString write_result_file(const pb::Result& result, const QString& folder) {
  QDir().mkpath(folder);
  const QString path = QDir(folder).filePath("result.pb");
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return {};
  const std::string bytes = result.SerializeAsString();
  file.write(bytes.data(), static_cast<qint64>(bytes.size()));
  return path;
}

QString write_study(const QString& folder, const QString& title) {
  QDir().mkpath(folder);
  const QString path = QDir(folder).filePath("study.textproto");
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return {};
  file.write(QString("title: \"%1\"\nquestion: \"Why?\"\n"
                     "cluster { accelerator: \"h800-sxm\" count: 8 }\n"
                     "workload { training { model: \"deepseek-v3\" global_batch: 8 } }\n")
                 .arg(title)
                 .toUtf8());
  return path;
}

QString write_sweep(const QString& path, int points) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path.toUtf8().constData(), &db), SQLITE_OK);
  const auto run = [&](const QString& sql) {
    EXPECT_EQ(sqlite3_exec(db, sql.toUtf8().constData(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
  };
  run("CREATE TABLE meta (key TEXT, value TEXT); INSERT INTO meta VALUES ('sweep', 'study');"
      "CREATE TABLE point (id INTEGER, engine TEXT, status TEXT, reason TEXT, seed INTEGER, "
      "\"cluster.scale_out.nic\" TEXT, \"workload.training.parallel.tensor\" REAL, step_time_s "
      "REAL, cost_usd REAL, PRIMARY KEY (id, engine)); BEGIN;");
  for (int i = 0; i < points; ++i) {
    const int nic = 1 + i % 4, tensor = 1 << (i / 4 % 4);
    const double step = 10.0 / nic + tensor / 8.0;
    run(i % 7 == 6
            ? QString("INSERT INTO point (id, engine, status, reason, \"cluster.scale_out.nic\", "
                      "\"workload.training.parallel.tensor\") VALUES (%1, 'analytic', "
                      "'infeasible', 'too large', '%2 Gb/s', %3)")
                  .arg(i)
                  .arg(nic * 200)
                  .arg(tensor)
            : QString("INSERT INTO point VALUES (%1, 'analytic', 'done', NULL, 1, '%2 Gb/s', %3, "
                      "%4, %5)")
                  .arg(i)
                  .arg(nic * 200)
                  .arg(tensor)
                  .arg(step)
                  .arg(nic * 3 + 0.001 * i));
  }
  run("COMMIT");
  sqlite3_close(db);
  return path;
}

QString write_script(const QString& folder, const QString& body) {
  const QString path = QDir(folder).filePath("aisle");
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return {};
  file.write(("#!/bin/sh\n" + body).toUtf8());
  file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  return path;
}

}  // namespace aisle::gui
