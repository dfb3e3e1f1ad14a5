// SPDX-License-Identifier: Apache-2.0
#include "sim/base/hash.hpp"
#include "sim/engine/library.hpp"
#include "sim/study/edit.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aisle::sim {
namespace fs = std::filesystem;

namespace {

constexpr const char* kStudyFile = "study.textproto";

/// Folder above the running program's bin/ that an installation shares data in; empty if there is
/// none.
fs::path installed_share() {
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  if (failure) return {};
  const fs::path share = program.parent_path().parent_path() / "share" / "aisle";
  return fs::is_directory(share, failure) ? share : fs::path{};
}

/// The scenario file that `study` means, or nothing.
std::optional<std::string> resolve(const std::string& study, Diagnostics& diagnostics) {
  std::error_code failure;
  const fs::path given(study);
  if (fs::is_directory(given, failure)) {
    const fs::path inside = given / kStudyFile;
    if (fs::exists(inside, failure)) return inside.string();
    diagnostics.error({study, 0, 0}, {}, "is a folder without a study.textproto",
                      "name a scenario file, or a folder that holds study.textproto");
    return std::nullopt;
  }
  if (fs::exists(given, failure)) return study;
  const fs::path shipped = fs::path(scenarios_root()) / "studies" / study / kStudyFile;
  if (!study.empty() && fs::exists(shipped, failure)) return shipped.string();
  const std::string suggestion = did_you_mean(study, shipped_studies());
  diagnostics.error(
      {study, 0, 0}, {}, "no such file, folder or shipped study",
      suggestion.empty() ? "`aisle list studies` names the shipped ones" : suggestion);
  return std::nullopt;
}

}  // namespace

Study::Study() = default;
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;
Study::~Study() = default;

std::string version() {
  return AISLE_VERSION;
}

std::string scenarios_root() {
  if (const char* root = std::getenv("AISLE_SCENARIOS"); root != nullptr && *root != '\0') {
    return root;
  }
  if (const fs::path share = installed_share(); !share.empty())
    return (share / "scenarios").string();
  return AISLE_SOURCE_SCENARIOS;
}

std::string versions() {
  // Of every file that a run reads besides its study, by name and content.
  const fs::path root = scenarios_root();
  std::vector<fs::path> files;
  std::error_code failure;
  for (const char* folder : {"catalogue", "calibration", "validation"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder, failure)) {
      if (entry.path().extension() == ".textproto") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::uint64_t hash = 0;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream content;
    content << file.lexically_relative(root).generic_string() << '\n' << in.rdbuf();
    hash = mixed(hash ^ text_hash(content.str()));
  }
  return fmt::format(
      "aisle {}\nengines    event ({}), analytic\ncatalogue  {:08x} ({} files in {})", version(),
      event_library(), static_cast<std::uint32_t>(hash), files.size(), root.string());
}

std::vector<std::string> shipped_studies() {
  std::vector<std::string> names;
  std::error_code failure;
  for (const auto& entry :
       fs::directory_iterator(fs::path(scenarios_root()) / "studies", failure)) {
    if (fs::exists(entry.path() / kStudyFile, failure))
      names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

/// The study at `path`, from `text` where there is one.
std::optional<Study> read(const std::string& name, const std::string& path, const std::string* text,
                          const std::vector<std::string>& assignments, Diagnostics& diagnostics) {
  Study study;
  study.name = name;
  study.path = path;
  study.scenario = std::make_unique<pb::Scenario>();
  bool good = text == nullptr ? read_text_file(path, *study.scenario, study.places, diagnostics)
                              : read_text(*text, path, *study.scenario, study.places, diagnostics);
  for (const std::string& assignment : assignments) {
    good = set_field(assignment, *study.scenario, study.places, diagnostics) && good;
  }
  if (!good) return std::nullopt;
  // Published figures are those of the job as written.
  const bool changed =
      std::any_of(assignments.begin(), assignments.end(), [](const auto& changed_field) {
        return changed_field.starts_with("cluster.") || changed_field.starts_with("workload.");
      });
  if (changed) study.scenario->clear_reference();
  const bool plans = study.scenario->has_plan();
  if (!plans && study.scenario->workload().kind_case() == pb::Workload::KIND_NOT_SET) {
    diagnostics.error(study.places.find("workload"), "workload", "the scenario names no workload",
                      "add for example: workload { training { model: \"deepseek-v3\" } }");
  }
  if (!plans && !study.scenario->has_cluster() && !study.scenario->workload().has_replay()) {
    diagnostics.error(study.places.find("cluster"), "cluster", "the scenario names no cluster",
                      "add for example: cluster { accelerator: \"h800-sxm\" count: 2048 }");
  }
  if (diagnostics.has_errors()) return std::nullopt;
  return study;
}

}  // namespace

std::optional<Study> load(const std::string& name, const std::vector<std::string>& assignments,
                          Diagnostics& diagnostics) {
  const std::optional<std::string> path = resolve(name, diagnostics);
  return path ? read(name, *path, nullptr, assignments, diagnostics) : std::nullopt;
}

std::optional<Study> load_text(const std::string& name, const std::string& text,
                               const std::vector<std::string>& assignments,
                               Diagnostics& diagnostics) {
  Diagnostics absent;
  return read(name, resolve(name, absent).value_or(name), &text, assignments, diagnostics);
}

std::optional<Study> assemble(const std::string& name, const std::vector<FlagAssignment>& fields,
                              Diagnostics& diagnostics) {
  Study study;
  study.name = name;
  study.scenario = std::make_unique<pb::Scenario>();
  bool good = read_text("", name, *study.scenario, study.places, diagnostics);
  for (const FlagAssignment& field : fields) {
    good =
        set_field(field.assignment, *study.scenario, study.places, diagnostics, field.flag) && good;
  }
  if (!good) return std::nullopt;
  return study;
}

std::string schema_file() {
  const fs::path share = installed_share();
  return share.empty() ? AISLE_BUILD_DESCRIPTOR_SET : (share / "aisle.desc").string();
}

std::optional<std::string> explain(const std::string& path, Diagnostics& diagnostics) {
  return explain_field(path, "aisle.pb.Scenario", schema_file(), diagnostics);
}

std::optional<pb::Result> read_result(const std::string& path, Diagnostics& diagnostics) {
  std::error_code failure;
  const fs::path file =
      fs::is_directory(path, failure) ? fs::path(path) / "result.pb" : fs::path(path);
  if (!fs::exists(file, failure)) {
    diagnostics.error({file.string(), 0, 0}, {}, "no such result",
                      "name a result.pb or the folder that `aisle run -o` wrote");
    return std::nullopt;
  }
  std::ifstream in(file, std::ios::binary);
  pb::Result result;
  if (!in || !result.ParseFromIstream(&in) || !result.has_scenario()) {
    diagnostics.error({file.string(), 0, 0}, {}, "is not a whole result file",
                      "write it again with `aisle run STUDY -o DIR`");
    return std::nullopt;
  }
  return result;
}

}  // namespace aisle::sim
