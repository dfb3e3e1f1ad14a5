// SPDX-License-Identifier: Apache-2.0
// Does what is installed work away from the source tree?
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using aisle::tests::Folder;
using aisle::tests::run_command;
using testing::HasSubstr;

/// Runs an installed program from elsewhere: its own catalogue, studies and field descriptions.
void expect_works(const fs::path& prefix) {
  const std::string aisle = "cd / && env -u AISLE_SCENARIOS " + (prefix / "bin/aisle").string();
  const auto versions = run_command(aisle + " --version");
  EXPECT_EQ(versions.exit_code, 0) << versions.err;
  EXPECT_THAT(versions.out, HasSubstr("SimGrid"));
  EXPECT_THAT(versions.out, HasSubstr((prefix / "share/aisle/scenarios").string()));
  EXPECT_THAT(run_command(aisle + " list studies").out, HasSubstr("deepseek-v3-h800"));
  EXPECT_THAT(run_command(aisle + " explain cluster.count").out, HasSubstr("Accelerators in all"));
  const auto ran = run_command(aisle + " run deepseek-v3-h800 --engine analytic --json -q");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("\"intervals\""));
}

TEST(Install, ToAPrefixWorksFromThere) {
  const Folder folder;
  const auto installed = run_command(fmt::format(AISLE_CMAKE " --install {} --prefix {}",
                                                 AISLE_BINARY_DIR, (folder / "opt").string()));
  ASSERT_EQ(installed.exit_code, 0) << installed.err;
  expect_works(folder / "opt");
  for (const char* file : {"share/man/man1/aisle.1", "share/bash-completion/completions/aisle"}) {
    EXPECT_TRUE(fs::exists(folder / "opt" / file)) << file;
  }
}

// The package unpacked into a root of its own, as dpkg does before it runs any script.
TEST(DebianPackage, WorksWhereItIsUnpacked) {
  if (!std::string_view(AISLE_SANITIZE).empty()) GTEST_SKIP() << "packages are of plain builds";
  if (run_command("dpkg-deb --version").exit_code != 0) GTEST_SKIP() << "no dpkg-deb here";
  const Folder folder;
  const auto packed = run_command(fmt::format("cd {0} && " AISLE_CPACK
                                              " -G DEB -B {0} --config {1}/CPackConfig.cmake",
                                              (folder / "").string(), AISLE_BINARY_DIR));
  ASSERT_EQ(packed.exit_code, 0) << packed.out << packed.err;
  std::string package;
  for (const auto& entry : fs::directory_iterator(folder / "")) {
    if (entry.path().extension() == ".deb") package = entry.path().string();
  }
  ASSERT_FALSE(package.empty()) << packed.out;
  const auto unpacked =
      run_command(fmt::format("dpkg-deb -x {} {}", package, (folder / "root").string()));
  ASSERT_EQ(unpacked.exit_code, 0) << unpacked.err;
  expect_works(folder / "root" / "usr");
  EXPECT_THAT(run_command("dpkg-deb -I " + package).out, HasSubstr("libsimgrid"));
}

}  // namespace
