// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/figures.hpp"

#include "gui/app/export.hpp"
#include "gui/models/catalogue_reader.hpp"
#include "gui/models/figures/serving_front.hpp"
#include "gui/models/topology_scene.hpp"
#include "gui/views/figure_view.hpp"
#include "sim/base/proto_text.hpp"
#include "tests/gui/fixture.hpp"
#include "topology/cluster.hpp"

#include <QFile>
#include <QTemporaryDir>
#include <QXmlStreamReader>

#include <algorithm>

namespace aisle::gui {
namespace {

std::optional<topology::Cluster> cluster_of(const pb::Result& result) {
  CatalogueReader catalogue;
  Diagnostics diagnostics;
  return topology::build_cluster(result.scenario().cluster(), SourceMap(), *catalogue.get(),
                                 diagnostics);
}

TEST(Figures, PowerAddsUpToTheFeed) {
  const pb::Result result = make_result();
  const auto cluster = cluster_of(result);
  ASSERT_TRUE(cluster);
  const ViewContent content = power_content(result, &*cluster);
  ASSERT_EQ(content.figures.size(), 3);
  EXPECT_EQ(content.figures[0].y_label, "IT power [MW]");
  EXPECT_EQ(content.figures[0].series[0].x.size(), 100);
  EXPECT_EQ(content.figures[1].limits.first().value, 700);
  double sum = 0;
  for (const auto& series : content.figures[2].series) sum += series.y.last();
  EXPECT_NEAR(sum, 1.7, 1e-9);
}

TEST(Figures, KernelFamiliesLieUnderTheRoofs) {
  const pb::Result result = make_result();
  const auto cluster = cluster_of(result);
  const ViewContent content = roofline_content(result, &*cluster);
  ASSERT_EQ(content.figures.size(), 1);
  const auto& figure = content.figures[0];
  EXPECT_EQ(figure.series[0].labels.size(), 4);
  EXPECT_DOUBLE_EQ(figure.series[0].x[0], 400);
  EXPECT_DOUBLE_EQ(figure.series[0].y[0], 400);
  // A roof rises with the bandwidth up to its peak.
  const auto& roof = figure.series[1];
  EXPECT_NEAR(roof.y[0] / roof.x[0], roof.y[1] / roof.x[1], 1e-9);
  EXPECT_DOUBLE_EQ(roof.y[1], roof.y[2]);
}

TEST(Figures, CommunicationIsHiddenOrExposed) {
  const ViewContent content = network_content(make_result());
  ASSERT_FALSE(content.figures.isEmpty());
  const auto& bars = content.figures[0];
  ASSERT_EQ(bars.categories.size(), 2);
  EXPECT_NEAR(bars.series[0].y[0] + bars.series[1].y[0], 0.4, 1e-12);
  EXPECT_EQ(content.tables.first().table.rows.size(), 1);
}

TEST(Figures, CollectivesStandBySizeGroupAndAlgorithm) {
  const ViewContent content = network_content(make_result());
  ASSERT_EQ(content.tables.size(), 1);
  const Table& table = content.tables[0].table;
  ASSERT_EQ(table.rows.size(), 1);
  const auto cell = [&](const char* column) { return table.rows[0][table.header.indexOf(column)]; };
  EXPECT_EQ(cell("Group").text, "expert");
  EXPECT_EQ(cell("Size").text, "58.7 MB");
  EXPECT_EQ(cell("Algorithm").text, "two hop");
  EXPECT_NEAR(cell("Exposed").number.toDouble(), 0.15, 1e-12);
  EXPECT_NEAR(cell("As it ran").number.toDouble(), 0.4 / 320, 1e-12);
  // 58.72 MB in 1.25 ms.
  const Figure& rates = content.figures.last();
  EXPECT_NEAR(rates.series[0].y[0], 58.72e6 / 1.25e-3 / 1e9, 1e-9);
}

TEST(Figures, ServingHasDistributionsOfItsRequests) {
  pb::Result result = make_result();
  EXPECT_TRUE(serving_content(result).isEmpty());
  result.mutable_scenario()->mutable_workload()->mutable_serving()->set_model("llama-3.1-70b");
  auto& requests = *result.mutable_requests();
  for (int i = 0; i < 100; ++i) {
    requests.add_arrival_s(i);
    requests.add_start_s(i + 0.1);
    requests.add_first_token_s(i + 0.1 * (1 + i % 10));
    requests.add_end_s(i == 99 ? -1 : i + 5.0);
    requests.add_prompt_tokens(100);
    requests.add_output_tokens(50);
  }
  auto& waiting = *result.add_series();
  waiting.set_name("waiting_requests");
  waiting.add_time_s(0);
  waiting.add_value(3);
  const ViewContent content = serving_content(result);
  ASSERT_GE(content.figures.size(), 2);
  const auto& first = content.figures[0].series[0];
  EXPECT_EQ(first.name, "first token");
  EXPECT_TRUE(std::is_sorted(first.x.begin(), first.x.end()));
  EXPECT_DOUBLE_EQ(first.y.last(), 100);
  EXPECT_EQ(content.figures[0].series[2].x.size(), 99) << "one never ended";
}

TEST(Figures, AServingSearchGivesItsFront) {
  QTemporaryDir folder;
  QFile file(folder.filePath("search.json"));
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write(R"({"objective": "slo_requests_per_s", "enumerated": 4, "pareto": [
    {"mapping": {"tensor": 8, "pipeline": 1}, "metrics": {"requests_per_s": 2,
     "tokens_per_s_per_user": 90, "output_tokens_per_s_per_chip": 200, "ttft_p50_s": 0.2}},
    {"mapping": {"tensor": 2, "pipeline": 1}, "metrics": {"requests_per_s": 9,
     "tokens_per_s_per_user": 30, "output_tokens_per_s_per_chip": 900, "ttft_p50_s": 1}}]})");
  file.close();
  EXPECT_TRUE(is_serving_search(file.fileName()));
  Diagnostics diagnostics;
  const auto content = read_serving_front(file.fileName(), diagnostics);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->figures.size(), 1);
  EXPECT_EQ(content->figures[0].series[0].x, (QVector<double>{30, 90}));
  EXPECT_EQ(content->figures[0].series[0].y, (QVector<double>{900, 200}));
  EXPECT_EQ(content->tables[0].table.rows[0][0].text, "tensor 2");
}

TEST(Figures, RacksStandAroundTheirDomains) {
  pb::Result result = make_result();
  auto& racks = *result.add_metric();
  racks.set_name("accelerators_per_rack");
  racks.set_value(32);
  const auto cluster = cluster_of(result);
  ASSERT_TRUE(cluster);
  const TimelineModel timeline(std::make_shared<const pb::Result>(result));
  const TopologyScene scene = topology_scene(result, *cluster, timeline, timeline.whole());
  EXPECT_EQ(scene.domain_size, 8);
  EXPECT_EQ(scene.rack_domains, 4);
  // What changes over time is of the time that is looked at.
  const auto power = [&](TimeRange range) {
    for (const auto& each : colourings_over_time(result, timeline, range))
      if (each.name == "power") return each.values[0];
    return 0.0;
  };
  EXPECT_NEAR(power({0, 200'000'000}), 600, 1e-9);
  EXPECT_NEAR(power({600'000'000, 800'000'000}), 630, 1e-9);
}

TEST(Figures, AResultWithoutDataGivesNothing) {
  const pb::Result result;
  EXPECT_TRUE(power_content(result, nullptr).isEmpty());
  EXPECT_TRUE(serving_content(result).isEmpty());
  EXPECT_TRUE(cost_content(result).isEmpty());
  EXPECT_TRUE(network_content(result).isEmpty());
  EXPECT_TRUE(roofline_content(result, nullptr).isEmpty());
}

TEST(Export, PicturesAreWrittenInEachForm) {
  QTemporaryDir folder;
  FigureView view("Network", "nothing", "do something");
  view.resize(900, 600);
  view.set(network_content(make_result()));
  view.show();
  QString error;
  for (const auto* form : {"png", "pdf", "svg"}) {
    const QString path = folder.filePath(QString("x.") + form);
    EXPECT_TRUE(write_picture(view, path, &error)) << error.toStdString();
    EXPECT_GT(QFile(path).size(), 3000) << form;
  }
  QFile svg(folder.filePath("x.svg"));
  ASSERT_TRUE(svg.open(QIODevice::ReadOnly));
  const QByteArray text = svg.readAll();
  EXPECT_TRUE(text.contains("Communication of one step"));
  EXPECT_TRUE(text.contains("time [s]")) << "plots are in lines and text, not in pixels";
  QXmlStreamReader xml(text);
  while (!xml.atEnd()) xml.readNext();
  EXPECT_FALSE(xml.hasError()) << xml.errorString().toStdString();
  EXPECT_FALSE(write_picture(view, "/nowhere/x.png", &error));
  EXPECT_TRUE(error.startsWith("/nowhere/x.png: error: "));
}

TEST(Export, TablesAreWrittenWholeAndFailuresAreASentence) {
  QTemporaryDir folder;
  QString error;
  const auto content = network_content(make_result());
  EXPECT_TRUE(write_tables(content.tables, folder.path(), &error));
  QFile csv(folder.filePath("communication.csv"));
  ASSERT_TRUE(csv.open(QIODevice::ReadOnly));
  EXPECT_EQ(csv.readAll().count('\n'), 2);
  EXPECT_FALSE(write_tables(content.tables, "/nowhere", &error));
  EXPECT_FALSE(error.isEmpty());
  EXPECT_TRUE(to_markdown(content.tables[0].table).startsWith("| Operation | Group |"));
}

}  // namespace
}  // namespace aisle::gui
