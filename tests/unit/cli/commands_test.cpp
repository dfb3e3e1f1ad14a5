// SPDX-License-Identifier: Apache-2.0
#include "tests/command.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <set>

namespace {

using aisle::tests::Folder;
using aisle::tests::Outcome;
using aisle::tests::run_command;
using testing::HasSubstr;

simdjson::dom::element parse(simdjson::dom::parser& parser, const std::string& text) {
  return parser.parse(simdjson::padded_string(text)).value();
}

TEST(Run, WritesEveryFormAndOneJsonDocument) {
  const Folder folder;
  const Outcome outcome = run_command(
      AISLE_PROGRAM " run deepseek-v3-h800 --engine analytic --json -o " + (folder / "r").string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const auto document = parse(parser, outcome.out);
  EXPECT_TRUE(document["feasible"].get_bool().value());
  EXPECT_EQ(document["engine"].get_string().value(), "analytic");
  double sum = 0;
  const simdjson::dom::object breakdown = document["breakdown"];
  for (const auto part : breakdown) sum += part.value.get_double().value();
  EXPECT_NEAR(sum, document["metrics"]["step_time_s"].get_double().value(), 1e-9 * sum + 1e-9);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "r"))
    files.insert(entry.path().filename().string());
  EXPECT_EQ(files, (std::set<std::string>{"report.html", "result.csv", "result.json", "result.pb",
                                          "series.csv", "trace.perfetto.json.gz"}));
}

TEST(Run, CtrlCLeavesWhatServingFinished) {
  const Folder folder;
  const std::string study = folder.write("study.textproto", R"(
    cluster { accelerator: "h100-sxm" count: 8 }
    workload { serving { model: "llama-3.1-8b"
      requests { rate: 20 count: 1500000 prompt { mean: 500 } output { mean: 200 spread: 1 } }
      slo { first_token: "1 s" } } })");
  const Outcome outcome = run_command("timeout --preserve-status -s INT 4 " AISLE_PROGRAM " run " +
                                      study + " --json -q -o " + (folder / "r").string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const auto document = parse(parser, outcome.out);
  EXPECT_TRUE(document["interrupted"].get_bool().value());
  const auto metrics = document["metrics"];
  const double served = metrics["requests_served"], unfinished = metrics["requests_unfinished"];
  EXPECT_GT(served, 0);
  EXPECT_GT(unfinished, 0);
  EXPECT_EQ(served + unfinished, 1500000);
  // Few requests a second on idle chips: all that ended were in time.
  EXPECT_EQ(metrics["goodput"].get_double().value(), 1);
  EXPECT_TRUE(std::filesystem::exists(folder / "r" / "requests.csv"));
}

TEST(Run, SameSeedSameBytes) {
  const Folder folder;
  const auto run = [&](const std::string& name) {
    const Outcome outcome =
        run_command(AISLE_PROGRAM " run deepseek-v3-h800 -q --json -o " + (folder / name).string());
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    std::string text = aisle::tests::read_file(folder / name / "result.csv");
    return text + aisle::tests::read_file(folder / name / "trace.perfetto.json.gz");
  };
  EXPECT_EQ(run("a"), run("b"));
}

TEST(Run, SetChangesTheAnswer) {
  simdjson::dom::parser parser;
  const auto step = [&](const std::string& assignment) {
    const Outcome outcome =
        run_command(AISLE_PROGRAM " run deepseek-v3-h800 --engine analytic --json " + assignment);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse(parser, outcome.out)["metrics"]["step_time_s"].get_double().value();
  };
  const double base = step("");
  EXPECT_GT(step("--set cluster.scale_out.nic='100 Gb/s'"), 1.5 * base);
  EXPECT_LE(step("--set cluster.scale_out.nic='800 Gb/s'"), base);
  EXPECT_LT(step("--set workload.training.global_batch=7680"), 0.6 * base);
}

TEST(Compare, DenseAndSparseSideBySide) {
  const Outcome outcome =
      run_command(AISLE_PROGRAM " compare deepseek-v3-h800 llama3-405b-h100 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  EXPECT_TRUE(parse(parser, outcome.out).is_object());
}

TEST(Check, SaysWhatWouldRun) {
  const Outcome outcome = run_command(AISLE_PROGRAM " check deepseek-v3-h800 llama3-405b-h100");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("PP16"));
  EXPECT_THAT(outcome.out, HasSubstr("16384"));
}

TEST(Check, TakesTheTextOfAnEditorInPlaceOfTheFiles) {
  const Folder folder;
  const std::string study = folder.write("study.textproto", "title: \"old\"\n");
  folder.write("base.textproto", R"(
    cluster { accelerator: "h100-sxm" count: 8 }
    workload { training { model: "llama-3.1-8b" global_batch: 8 parallel { tensor: 8 } } })");
  const std::string good = folder.write("good", "extends: \"base.textproto\"\n");
  const std::string bad = folder.write("bad", "extends: \"base.textproto\"\n\nsed: 3\n");
  // In a shell of its own: run_command gives its command an empty standard input.
  const auto check = [](const std::string& names, const std::string& text) {
    return run_command("sh -c '" AISLE_PROGRAM " check " + names + " --stdin < " + text + "'");
  };
  EXPECT_EQ(check(study, good).exit_code, 0);
  const Outcome wrong = check(study, bad);
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr(study + ":3:1: error: sed: unknown field"));
  // The file itself need not be there yet.
  EXPECT_EQ(check((folder / "new.textproto").string(), good).exit_code, 0);
  EXPECT_EQ(check("a b", good).exit_code, 2);
}

TEST(Sweep, SaysHowFarItIsWhereItIsAsked) {
  const Folder folder;
  const std::string study = folder.write("study.textproto", R"(
    cluster { accelerator: "h100-sxm" count: 8 }
    workload { training { model: "llama-3.1-8b" global_batch: 8 parallel { tensor: 8 } } }
    sweep { axis { path: "workload.training.global_batch" value: ["8", "16"] } })");
  const std::string sweep = AISLE_PROGRAM " sweep " + study + " --engine analytic -o ";
  const Outcome told = run_command(sweep + (folder / "a.db").string() + " --progress");
  EXPECT_EQ(told.exit_code, 0) << told.err;
  EXPECT_THAT(told.err, HasSubstr("points 2/2"));
  EXPECT_EQ(run_command(sweep + (folder / "b.db").string()).err, "");
}

TEST(Catalogue, ListsShowsAndExplains) {
  simdjson::dom::parser parser;
  for (const std::string kind :
       {"accelerators", "systems", "fabrics", "models", "calibrations", "studies"}) {
    const Outcome outcome = run_command(AISLE_PROGRAM " list " + kind + " --json");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_GT(parse(parser, outcome.out)[kind].get_array().value().size(), 1u) << kind;
    EXPECT_EQ(run_command(AISLE_PROGRAM " list " + kind).exit_code, 0) << kind;
  }
  const Outcome show = run_command(AISLE_PROGRAM " show h800-sxm");
  EXPECT_EQ(show.exit_code, 0);
  EXPECT_THAT(show.out, HasSubstr("3.35 TB/s"));
  const Outcome bill = run_command(AISLE_PROGRAM " show rail-optimised-2-tier --chips 2048 --json");
  EXPECT_EQ(bill.exit_code, 0) << bill.err;
  EXPECT_THAT(bill.out, HasSubstr("bill.leaf switch.count"));
  EXPECT_EQ(run_command(AISLE_PROGRAM " show rail-optimised-2-tier --chips 13").exit_code, 2);
  const Outcome unknown = run_command(AISLE_PROGRAM " show h8000");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("h800"));
  const Outcome field = run_command(AISLE_PROGRAM " explain cluster.scale_out.oversubscription");
  EXPECT_EQ(field.exit_code, 0);
  EXPECT_THAT(field.out, HasSubstr("non-blocking"));
  EXPECT_EQ(run_command(AISLE_PROGRAM " explain cluster.nothing").exit_code, 2);
}

TEST(Help, EveryCommandHasAnExample) {
  EXPECT_EQ(run_command(AISLE_PROGRAM " --version").exit_code, 0);
  for (const std::string command : {"run", "collective", "replay", "check", "list", "show",
                                    "explain", "compare", "report", "validate"}) {
    const Outcome outcome = run_command(AISLE_PROGRAM " " + command + " --help");
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("Example:\n  aisle " + command)) << command;
  }
}

TEST(Documentation, EveryFlagIsInManPageAndCompletion) {
  std::string manual = aisle::tests::read_file(AISLE_SOURCE_DIR "/docs/man/aisle.1");
  std::erase(manual, '\\');
  const std::string completion = aisle::tests::read_file(AISLE_SOURCE_DIR "/docs/man/aisle.bash");
  for (const std::string command : {"run", "collective", "replay", "check", "list", "show",
                                    "explain", "compare", "report", "validate"}) {
    const std::string help = run_command(AISLE_PROGRAM " " + command + " --help").out;
    for (std::size_t at = help.find("--"); at != std::string::npos; at = help.find("--", at + 2)) {
      const std::size_t end = help.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at + 2);
      const std::string flag = help.substr(at, end - at);
      if (flag.size() <= 3) continue;
      EXPECT_THAT(manual, HasSubstr(flag)) << command;
      EXPECT_THAT(completion, HasSubstr(flag)) << command;
    }
    EXPECT_THAT(manual, HasSubstr("aisle " + command));
  }
}

}  // namespace
