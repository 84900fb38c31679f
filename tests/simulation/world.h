// Several servers, a network, a DNS and users; all that befalls them, from one seed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/memory.h"
#include "io/memory_network.h"
#include "simulation/ledger.h"
#include "simulation/server.h"
#include "simulation/users.h"

namespace angarium::simulation {

class World {
 public:
  /// `keys`: a folder for the keys that servers seal their mail by, empty at first; no name: it is not sealed.
  World(std::uint64_t seed, Journal& journal, std::string keys);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  /// To its end; what went wrong stands in the journal.
  void run();
  [[nodiscard]] const Ledger::Counts& counts() const { return ledger_.counts(); }
  /// How often servers died.
  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }
  /// Of keys, of all servers.
  [[nodiscard]] Server::Rotations rotations() const;

 private:
  void build();
  void write_letters();
  Address somebody();
  Address sender();
  void misfortunes();
  io::Task<> misfortune(Duration after);
  io::Task<> death(Server& server);
  io::Task<> cut(Server& one);
  io::Task<> full(Server& server);
  io::Task<> bad_dns(Server& server);
  io::Task<> key_trouble(Duration after);
  void bad_disk(Server& server);
  void set_clocks();
  io::Task<> watch();
  io::Task<> raise(Server& server, Duration after);
  io::Plan plan();
  void make_good();
  bool at_rest();
  void last_look();

  bool odds(std::uint64_t of, std::uint64_t out_of) { return chance_.below(out_of) < of; }
  Duration up_to(Duration most) { return Duration(1 + chance_.below(static_cast<std::uint64_t>(most.count()))); }
  Server& any() { return *servers_[chance_.below(servers_.size())]; }

  Journal& journal_;
  const std::string keys_;
  SeededRandom chance_;
  io::SimulatedLoop loop_;
  io::MemoryNetwork network_;
  Ledger ledger_{journal_};
  Around around_;
  std::string zones_;
  std::string stale_zones_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::unique_ptr<Users> users_;
  bool troubled_ = true;
  std::uint32_t broken_per_thousand_ = 0;
  std::uint64_t deaths_ = 0;
};

}  // namespace angarium::simulation
