// SPDX-License-Identifier: Apache-2.0
#include "sim/report/series.hpp"

#include "sim/report/line_plot.hpp"
#include "sim/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>
#include <string>

namespace aisle::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

void add_request(pb::Result& result, double arrival, double first, double end, int output) {
  pb::RequestTable& table = *result.mutable_requests();
  table.add_arrival_s(arrival);
  table.add_start_s(arrival);
  table.add_first_token_s(first);
  table.add_end_s(end);
  table.add_prompt_tokens(10);
  table.add_output_tokens(output);
  table.add_cached_tokens(2);
  table.add_preemptions(0);
}

pb::Result sample() {
  pb::Result result;
  add_request(result, 0, 0.5, 2.5, 5);
  add_request(result, 1, -1, -1, 7);
  pb::Series& series = *result.add_series();
  series.set_name("running_requests");
  for (const double time : {0.0, 1.0, 2.0}) {
    series.add_time_s(time);
    series.add_value(10 - time);
  }
  return result;
}

TEST(SeriesFiles, HaveARowForEachPointAndRequest) {
  EXPECT_EQ(series_csv(sample()),
            "series,time_s,value\nrunning_requests,0,10\nrunning_requests,1,9\n"
            "running_requests,2,8\n");
  EXPECT_EQ(requests_csv(sample()),
            "arrival_s,start_s,first_token_s,end_s,prompt_tokens,output_tokens,cached_tokens,"
            "preemptions\n0,0,0.5,2.5,10,5,2,0\n1,1,,,10,7,2,0\n");
}

TEST(SeriesFiles, ColumnsOfUnequalLengthGiveTheRowsThatAreWhole) {
  pb::Result result = sample();
  result.mutable_requests()->mutable_end_s()->RemoveLast();
  result.mutable_series(0)->mutable_value()->RemoveLast();
  const std::string requests = requests_csv(result), series = series_csv(result);
  EXPECT_EQ(std::count(requests.begin(), requests.end(), '\n'), 2);
  EXPECT_EQ(std::count(series.begin(), series.end(), '\n'), 3);
}

TEST(SeriesFigures, ShowLatenciesAndSeries) {
  const std::string page = html_page(sample());
  EXPECT_THAT(page, HasSubstr("How long requests wait"));
  EXPECT_THAT(page, HasSubstr("from arrival to the first token, ms"));
  EXPECT_THAT(page, HasSubstr("Over time"));
  EXPECT_THAT(html_page(pb::Result()), Not(HasSubstr("Over time")));
}

TEST(SeriesFigures, StepsHoldAndBadNumbersAreLeftOut) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::string figure =
      report::line_svg({{"a", {{0, 1}, {none, 2}, {2, 2}}, true}}, {"time, s", 1}, {"number", 1});
  EXPECT_THAT(figure, HasSubstr("M64.0 144.0H748.0V34.0V34.0H748"));
  EXPECT_EQ(report::line_svg({}, {"x", 1}, {"y", 1}), "");
}

TEST(SeriesTrace, CountersAreEvents) {
  const std::string trace = perfetto_json(sample());
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  ASSERT_EQ(parser.parse(trace).get(document), simdjson::SUCCESS);
  int counters = 0;
  for (const simdjson::dom::element event : document["traceEvents"].get_array()) {
    if (event["ph"].get_string().value() != "C") continue;
    ++counters;
    EXPECT_EQ(event["name"].get_string().value(), "running_requests");
  }
  EXPECT_EQ(counters, 3);
}

}  // namespace
}  // namespace aisle::sim
