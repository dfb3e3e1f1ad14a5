// SPDX-License-Identifier: Apache-2.0
#include "sim/study/calibrate.hpp"

#include "sim/base/hash.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/collective_ledger.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <thread>
#include <tuple>

namespace aisle::sim {

namespace {

using workloads::Family;

/// Traffic that a cache may have served in part, run after run: it bounds no rate.
constexpr double kCached = 200e6;
/// A launch that takes so much longer than one with more work was not warm.
constexpr double kWarm = 1.5;
constexpr std::size_t kExamples = 3;
/// Fewer launches than this are no curve.
constexpr std::size_t kFewest = 8;

using CurveKey = std::tuple<int, int, int, std::string>;  // family, direction, precision, variant

/// Families that only move bytes have one curve for all formats.
CurveKey key_of(const KernelRow& row) {
  const bool products = row.kernel.family <= Family::mla_decode;
  return {static_cast<int>(row.kernel.family), static_cast<int>(row.kernel.direction),
          products ? static_cast<int>(row.kernel.precision) : 0, row.variant};
}

/// Kernels of one curve, with where they stand.
struct Measured {
  std::vector<KernelRow> rows;
  std::set<std::string> sources;
};

class Cleaner {
 public:
  explicit Cleaner(CalibrationRun& run) : run_(run) {}

  void reject(const std::string& reason, const std::string& file, const KernelRow& row) {
    auto found = std::find_if(run_.rejected.begin(), run_.rejected.end(),
                              [&](const RejectedRows& of) { return of.reason == reason; });
    if (found == run_.rejected.end()) {
      run_.rejected.push_back({reason, 0, {}});
      found = run_.rejected.end() - 1;
    }
    ++found->count;
    if (found->examples.size() < kExamples) {
      found->examples.push_back(fmt::format("{}:{}: {} {} {}x{}x{} in {:.4g} us", file, row.line,
                                            row.variant, to_string(row.kernel.family), row.kernel.m,
                                            row.kernel.n, row.kernel.k, row.time.in(units::us)));
    }
  }

 private:
  CalibrationRun& run_;
};

auto size_of_kernel(const KernelRow& row) {
  const workloads::Kernel& k = row.kernel;
  return std::tuple(k.m, k.n, k.k, k.groups, k.flops.si(), k.hbm_bytes.si());
}

/// Equal kernels become one, of their median time.
void merge_duplicates(std::vector<KernelRow>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const KernelRow& a, const KernelRow& b) {
    return std::pair(size_of_kernel(a), a.time) < std::pair(size_of_kernel(b), b.time);
  });
  std::vector<KernelRow> kept;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    while (end < rows.size() && size_of_kernel(rows[end]) == size_of_kernel(rows[begin])) ++end;
    kept.push_back(rows[begin + (end - begin - 1) / 2]);
    begin = end;
  }
  rows = std::move(kept);
}

/// Of one shape along its sizes, launches much slower than the next larger one.
void drop_cold(std::vector<KernelRow>& rows, Cleaner& cleaner) {
  std::map<std::tuple<std::uint32_t, std::int64_t, std::int64_t, std::string>,
           std::vector<std::size_t>>
      series;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    series[{rows[i].shape, rows[i].kernel.n, rows[i].kernel.k, rows[i].name}].push_back(i);
  }
  std::vector<char> cold(rows.size(), 0);
  for (auto& [shape, of] : series) {
    const auto work = [&](std::size_t i) {
      return std::max(rows[i].kernel.flops.si(), rows[i].kernel.hbm_bytes.si());
    };
    std::stable_sort(of.begin(), of.end(),
                     [&](std::size_t a, std::size_t b) { return work(a) < work(b); });
    for (std::size_t i = 0; i + 1 < of.size(); ++i) {
      const KernelRow &here = rows[of[i]], &next = rows[of[i + 1]];
      if (here.kernel.m < next.kernel.m && work(of[i]) < work(of[i + 1]) &&
          here.time > kWarm * next.time) {
        cold[of[i]] = 1;
      }
    }
  }
  std::vector<KernelRow> kept;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (cold[i] != 0) {
      cleaner.reject("slower by half than a launch with more work: not warm", rows[i].device,
                     rows[i]);
    } else {
      kept.push_back(std::move(rows[i]));
    }
  }
  rows = std::move(kept);
}

std::uint32_t number_of(const KernelRow& row) {
  return static_cast<std::uint32_t>(mixed(row.shape) >> 8U);
}

std::vector<Sample> samples_of(const std::vector<KernelRow>& rows) {
  std::vector<Sample> samples;
  samples.reserve(rows.size());
  for (const KernelRow& row : rows) {
    Sample sample;
    sample.kernel = row.kernel;
    sample.time = row.time;
    sample.held_out = held_out(row);
    sample.fold = number_of(row) / 3;
    samples.push_back(sample);
  }
  return samples;
}

/// The curve of all samples, with the held-out errors of a fit without them.
pb::Curve fitted(const Measured& measured, const topology::Accelerator& chip) {
  std::vector<Sample> samples = samples_of(measured.rows);
  const auto held = std::count_if(samples.begin(), samples.end(),
                                  [](const Sample& sample) { return sample.held_out; });
  const bool split = held > 0 && 2 * held < static_cast<std::ptrdiff_t>(samples.size());
  if (!split) {
    for (Sample& sample : samples) sample.held_out = false;
  }
  const pb::Curve judged = fit(samples, chip, 0, true);
  for (Sample& sample : samples) sample.held_out = false;
  pb::Curve curve = split ? refit(judged, samples, chip) : judged;
  if (split) {
    curve.set_held_out_samples(judged.held_out_samples());
    curve.set_held_out_median_error(judged.held_out_median_error());
    curve.set_held_out_p90_error(judged.held_out_p90_error());
    curve.set_note("Held-out errors are of a fit without them.");
  } else {
    curve.clear_held_out_samples();
    curve.clear_held_out_median_error();
    curve.clear_held_out_p90_error();
    curve.set_note("Too few shapes to hold any out.");
  }
  curve.set_variant(measured.rows.front().variant);
  if (curve.variant().empty()) curve.clear_variant();
  curve.set_source(fmt::format("{}", fmt::join(measured.sources, "; ")));
  return curve;
}

/// Each curve on its own, on all cores.
std::vector<pb::Curve> all_fitted(const std::vector<const Measured*>& groups,
                                  const topology::Accelerator& chip) {
  std::vector<pb::Curve> curves(groups.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < groups.size(); i = next++)
      curves[i] = fitted(*groups[i], chip);
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return curves;
}

std::map<CurveKey, Measured> read_inputs(const CalibrateOptions& options,
                                         const topology::Accelerator& chip,
                                         const topology::Catalogue& catalogue, CalibrationRun& run,
                                         Cleaner& cleaner, Diagnostics& diagnostics) {
  std::map<CurveKey, Measured> groups;
  for (const std::string& input : options.inputs) {
    KernelTable read;
    if (is_table_file(input)) {
      const auto table = read_table_file(input, diagnostics);
      if (!table) continue;
      read = read_kernel_table(*table, catalogue, diagnostics);
    } else {
      auto trace = read_kernel_trace(input, diagnostics);
      if (!trace) continue;
      read = std::move(*trace);
      for (KernelRow& row : read.rows) row.accelerator = find_accelerator(row.device, catalogue);
    }
    std::string stem = std::filesystem::path(input).filename().string();
    stem = stem.substr(0, stem.find('.'));
    for (KernelRow& row : read.rows) {
      if (row.accelerator != chip.name && !(row.device.empty() && row.accelerator.empty())) {
        continue;
      }
      ++run.rows;
      const std::string reason = impossible(row, chip);
      if (!reason.empty()) {
        cleaner.reject(reason, input, row);
        continue;
      }
      Measured& of = groups[key_of(row)];
      of.sources.insert(stem);
      of.rows.push_back(std::move(row));
    }
  }
  return groups;
}

bool same_question(const pb::Curve& a, const pb::Curve& b) {
  return a.family() == b.family() && a.direction() == b.direction() &&
         a.precision() == b.precision() && a.variant() == b.variant();
}

void put(pb::Calibration& calibration, const pb::Curve& curve) {
  for (pb::Curve& known : *calibration.mutable_curve()) {
    if (same_question(known, curve)) {
      known = curve;
      return;
    }
  }
  *calibration.add_curve() = curve;
}

}  // namespace

topology::Accelerator accelerator_of(const std::string& name,
                                     const topology::Catalogue& catalogue) {
  topology::Accelerator chip;
  const pb::Accelerator* entry = catalogue.accelerator(name);
  if (entry == nullptr) return chip;
  Diagnostics unread;
  chip.name = entry->name();
  for (const pb::Peak& peak : entry->peak()) {
    const auto precision = topology::parse_precision(peak.precision());
    const auto rate =
        topology::read_figure<FlopsPerSecond>(peak.rate(), entry->basis(), {}, "peak", unread);
    if (precision && rate) chip.peak[static_cast<std::size_t>(*precision)] = *rate;
  }
  chip.cores = std::max(1, static_cast<int>(topology::number_or(entry->cores(), 1)));
  const auto bandwidth = topology::read_figure<BytesPerSecond>(
      entry->hbm_bandwidth(), entry->basis(), {}, "hbm_bandwidth", unread);
  if (bandwidth) chip.hbm_bandwidth = *bandwidth;
  return chip;
}

bool held_out(const KernelRow& row) {
  return number_of(row) % 3 == 0;
}

std::string impossible(const KernelRow& row, const topology::Accelerator& chip) {
  const double seconds = row.time.si(), bytes = row.kernel.hbm_bytes.si();
  const double peak = chip.peak_of(row.kernel.precision).value.si();
  if (peak > 0 && row.kernel.flops.si() > peak * seconds) return "above the peak of operations";
  const double bandwidth = chip.hbm_bandwidth.value.si();
  // How many experts are active, and what gathering moves, are estimates.
  const double sure = row.kernel.family == Family::grouped_gemm ? 1.5 : 1;
  if (bandwidth > 0 && bytes > kCached && bytes > sure * bandwidth * seconds) {
    return "above the HBM bandwidth";
  }
  if (peak <= 0 && row.kernel.flops.si() > 0) return "in a number format that the chip lacks";
  return {};
}

std::optional<CalibrationRun> calibrate(const CalibrateOptions& options,
                                        const topology::Catalogue& catalogue,
                                        Diagnostics& diagnostics) {
  const std::string name = find_accelerator(options.accelerator, catalogue);
  if (name.empty()) {
    diagnostics.error({"--accelerator", 0, 0}, {},
                      fmt::format("the catalogue has no accelerator '{}'", options.accelerator),
                      did_you_mean(options.accelerator, catalogue.names("accelerator")));
    return std::nullopt;
  }
  const topology::Accelerator chip = accelerator_of(name, catalogue);
  CalibrationRun run;
  if (const pb::Calibration* known = catalogue.calibration(name)) run.calibration = *known;
  run.calibration.set_accelerator(name);
  Cleaner cleaner(run);
  auto groups = read_inputs(options, chip, catalogue, run, cleaner, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  std::vector<const Measured*> fit_to;
  for (auto& [key, measured] : groups) {
    const std::size_t launches = measured.rows.size();
    merge_duplicates(measured.rows);
    drop_cold(measured.rows, cleaner);
    if (launches < kFewest || measured.rows.empty()) {
      for (const KernelRow& row : measured.rows) {
        cleaner.reject("one of too few of its kind for a curve", row.device, row);
      }
      continue;
    }
    run.used += static_cast<int>(measured.rows.size());
    fit_to.push_back(&measured);
  }
  run.fitted = all_fitted(fit_to, chip);
  for (pb::Curve curve : run.fitted) {
    const bool usual = std::find(options.usual.begin(), options.usual.end(), curve.variant()) !=
                       options.usual.end();
    if (usual && curve.family() == to_string(Family::gemm)) {
      curve.set_note(curve.variant() + ". " + curve.note());
      curve.clear_variant();
    }
    put(run.calibration, curve);
  }
  if (run.fitted.empty()) {
    diagnostics.error({options.inputs.front(), 0, 0}, {},
                      fmt::format("the inputs hold no usable measurement of {}", name),
                      fmt::format("{} rows of it were read", run.rows));
    return std::nullopt;
  }
  return run;
}

std::string calibration_text(const pb::Calibration& calibration) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  std::string text, out =
                        "# SPDX-License-Identifier: Apache-2.0\n"
                        "# proto-file: sim/kernels/calibration.proto\n"
                        "# proto-message: aisle.pb.Calibration\n";
  printer.PrintToString(calibration, &text);
  constexpr std::size_t kWidth = 160;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.size() > kWidth && line.find(": [") < kWidth) {  // a long list: dense, wrapped
      line.erase(std::remove(line.begin() + 8, line.end(), ' '), line.end());
      for (std::size_t cut = line.rfind(',', kWidth); line.size() > kWidth && cut > 0;
           cut = line.rfind(',', kWidth)) {
        out += line.substr(0, cut + 1) + "\n";
        line.erase(0, cut + 1);
      }
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace aisle::sim
