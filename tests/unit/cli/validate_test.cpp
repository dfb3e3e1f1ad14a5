// SPDX-License-Identifier: Apache-2.0
// `aisle validate` as a script sees it.
#include "tests/command.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

namespace {

using aisle::tests::Folder;
using aisle::tests::Outcome;
using aisle::tests::run_command;
using testing::HasSubstr;

constexpr const char* kLedger =
    "id,collective,chip,nodes,gpus,fabric,message_bytes,time_us\n"
    "lab-1,all_reduce,H100-SXM,1,8,NVLink4 NVSwitch,1073741824,4300\n";

TEST(Validate, PrintsOneJsonDocumentOfTheShippedRows) {
  const Outcome outcome = run_command(AISLE_PROGRAM " validate --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(outcome.out);
  const simdjson::dom::element document = parser.parse(text).value();
  EXPECT_GE(document["summary"]["rows"].get_int64().value(), 150);
  EXPECT_EQ(outcome.err, "");
}

TEST(Validate, EndsWithThreeBeyondTheBound) {
  const Folder folder;
  const std::string command =
      AISLE_PROGRAM " validate --ledger " + folder.write("l.csv", kLedger) + " --bound ";
  EXPECT_EQ(run_command(command + "0.9").exit_code, 0);
  const Outcome beyond = run_command(command + "0.000001");
  EXPECT_EQ(beyond.exit_code, 3);
  EXPECT_THAT(beyond.err, HasSubstr("beyond the bound"));
  EXPECT_THAT(beyond.err, HasSubstr("inside, above"));
  EXPECT_EQ(run_command(command + "-1").exit_code, 2);
}

TEST(Validate, WritesAPlotAndTakesSeveralLedgers) {
  const Folder folder;
  const std::string ledger = folder.write("l.csv", kLedger);
  const std::string plot = (folder / "p.svg").string();
  const Outcome outcome = run_command(AISLE_PROGRAM " validate --engine analytic --ledger " +
                                      ledger + " --ledger " + ledger + " --plot " + plot);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2 rows, 2 expressed"));
  EXPECT_THAT(aisle::tests::read_file(plot), HasSubstr("<svg"));
}

TEST(Validate, RefusesWhatItCannotRead) {
  const Folder folder;
  const auto refused = [&](const std::string& options, const char* message) {
    const Outcome outcome = run_command(AISLE_PROGRAM " validate " + options);
    EXPECT_EQ(outcome.exit_code, 2) << options;
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(outcome.out, "");
  };
  refused("--ledger " + (folder / "none.csv").string(), "no such file");
  refused("--ledger " + folder.write("empty.csv", ""), "empty.csv:1:1: error: the file is empty");
  refused("--ledger " + folder.write("other.csv", "a,b\n1,2\n"), "no ledger that Aisle knows");
  refused("--kind all_scatter", "no row of the ledgers is chosen");
  refused("--half best", "--half");
}

}  // namespace
