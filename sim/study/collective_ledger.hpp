// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: rows of a ledger of collectives in the simulator's words.
#pragma once

#include "sim/base/csv.hpp"
#include "sim/base/units.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/plan.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aisle::sim {

/// One measurement as nccl-tests and its kin print it. Columns: docs/guide/validating.md.
struct LedgerRow {
  std::string id, collective, algorithm, protocol, chip, fabric, library, note;
  int nodes = 1;  ///< hosts
  int ranks = 1;
  std::optional<BytesPerSecond> nic;  ///< per rank, one direction
  std::optional<Bytes> bytes;         ///< as nccl-tests counts them
  std::optional<Seconds> time;
  std::optional<BytesPerSecond> algorithm_bandwidth, bus_bandwidth;
  Place place;  ///< of the row
};

/// Columns without which a table is no ledger of collectives.
const std::vector<std::string>& required_collective_columns();

/// The rows of a table that has the required columns; every number that is none, or out of range,
/// is reported at its cell.
std::optional<std::vector<LedgerRow>> read_collective_rows(const CsvTable& table,
                                                           Diagnostics& diagnostics);

/// What the free text of the column `fabric` says.
struct FabricReading {
  enum class Domain {
    host,    ///< the links end at the host: one scale-up domain per host
    joined,  ///< hosts share a domain (a rack of NVL72, a torus slice, a supernode)
    rank,    ///< the links are off: every rank is alone and all traffic crosses the network
  };
  Domain domain = Domain::host;
  int domains = 0;        ///< stated number of joined domains ("2x NVL72"); 0: not stated
  int domain_size = 0;    ///< accelerators of one joined domain as sold (72); 0: not stated
  std::string scale_out;  ///< catalogue name of the network; empty: none is named
  std::string outside;    ///< a network that is not modelled (TCP sockets); empty: none
  bool apart = false;     ///< hosts are said to share no scale-up domain
  bool adds = false;      ///< the network\'s switches add (SHARP)
  BytesPerSecond nic;     ///< per rank, where the text names a rate (NDR, HDR, ...); else 0
  std::vector<std::string> words;  ///< what was recognised, in order of the text
};

FabricReading read_fabric(std::string_view text);

/// Tokens of an expert exchange, from the note of a row ("128 tok/rank, hidden 7168, top-8 of
/// 256").
struct TokenExchange {
  int tokens = 0;                               ///< per rank; 0: not stated
  int hidden = 7168, top_k = 8, experts = 256;  ///< DeepSeek-V3's where not stated
  int groups = 1, group_limit = 0;
  int cores = 0;  ///< SMs that the kernels hold; 0: not stated
  Bytes per_token;
};

TokenExchange read_tokens(const std::string& note, bool combine);

/// The machine that a row was measured on, as far as the simulator tells machines apart.
struct LedgerMachine {
  std::string accelerator, fabric;  ///< catalogue names; fabric empty: the default one
  int domains = 1, domain_size = 1;
  BytesPerSecond nic;       ///< per rank; 0: the catalogue's
  std::string key() const;  ///< equal for equal machines
};

/// A row as a question to the simulator.
struct CollectiveQuestion {
  LedgerMachine machine;
  int chips_per_domain = 1;                ///< that take part
  int ranks_per_chip = 1;                  ///< cores or dies that the library counts as ranks
  workloads::Communication communication;  ///< but for its group
  /// What the library may choose from: the fastest that the domain can run.
  std::vector<workloads::Algorithm> algorithms;
  std::string metric;  ///< "time_us" or "algbw_GBps"
  double measured = 0;
  Bytes counted;           ///< bytes / time is the bandwidth that the row counts
  std::string assumption;  ///< what the row leaves open and was filled in; empty: nothing
};

/// The row in the simulator's words, or why it cannot be put so.
std::variant<CollectiveQuestion, std::string> express(const LedgerRow& row,
                                                      const topology::Catalogue& catalogue);

/// Whether two names mean one collective ("alltoall", "all_to_all").
bool same_collective(const std::string& a, const std::string& b);

/// Catalogue name of the accelerator that a free spelling means ("NVIDIA H100 80GB HBM3",
/// "A100-SXM4 (40GB)"); empty if there is none.
std::string find_accelerator(std::string_view spelling, const topology::Catalogue& catalogue);

/// Answers questions; clusters are kept, one per distinct machine.
class CollectivePredictor {
 public:
  /// `event`: by the event engine, else in closed form.
  CollectivePredictor(const topology::Catalogue& catalogue, bool event);
  ~CollectivePredictor();
  CollectivePredictor(const CollectivePredictor&) = delete;
  CollectivePredictor& operator=(const CollectivePredictor&) = delete;
  /// The figure in the unit of the question's metric, or why there is none.
  std::variant<double, std::string> predict(const CollectiveQuestion& question);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aisle::sim
