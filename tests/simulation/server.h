// One whole server of the world: it lives, dies in several ways, and lives again on the same disk.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/budget.h"
#include "agent/courier.h"
#include "agent/rate.h"
#include "agent/services.h"
#include "io/memory.h"
#include "io/memory_network.h"
#include "io/memory_resolver.h"
#include "protocol/smtp/policy.h"
#include "simulation/ledger.h"
#include "store/volume_faulty.h"

namespace angarium::simulation {

class Server;

/// Whose key is made anew.
enum class Rotation : std::uint8_t { of_server, of_account, of_queue };

/// What servers share.
struct Around {
  io::SimulatedLoop& loop;
  Journal& journal;
  Ledger& ledger;
  Random& chance;
  /// Who has this address.
  std::function<Who(const io::IpAddress&)> who;
};

/// From one start of a server to its end. What is under way when it dies goes on into nothing: its disk, its network
/// and its streams are dead.
class Life {
 public:
  Life(Server& server, std::unique_ptr<agent::Services> services);
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;
  ~Life();

  void begin();
  void die();
  [[nodiscard]] bool dead() const { return dead_; }
  /// Nobody uses it any more.
  [[nodiscard]] bool over() const { return dead_ && tasks_ == 0; }
  [[nodiscard]] agent::Services& services() { return *services_; }
  [[nodiscard]] std::uint64_t breaks() const { return breaks_; }
  /// A batch waits for the disk.
  void batch_waits();
  void store_stopped();
  /// As an operator's command: it is cut short when the server dies.
  void rotate(Rotation whose);

 private:
  class Wire;
  io::Task<> rotating(Rotation whose);
  void start(io::Task<> task);
  io::Task<> commit_soon();
  io::Task<> keep();
  void commit();
  io::Task<> serve(std::unique_ptr<io::Stream> stream);

  Server& server_;
  Around& around_;
  bool dead_ = false;
  bool commit_due_ = false;
  std::uint64_t breaks_ = 0;
  std::size_t tasks_ = 0;
  std::unique_ptr<agent::Services> services_;
  agent::Budget budget_{64 << 20};
  agent::Rate rate_{0};
  std::unique_ptr<io::Network> wire_;
  std::unique_ptr<agent::Courier> courier_;
};

class Server {
 public:
  struct Setting {
    Who number;
    std::string host;
    std::string domain;
    std::vector<std::string> accounts;
    std::vector<std::string> relay_domains;
    std::vector<std::string> relay_networks;
    Duration lifetime;
    Duration notice_after;
    std::uint64_t reserve;
    Duration commit_max;  ///< what a commit takes at most
    std::string keys;     ///< a folder of this server alone: mail is sealed by the key in it; empty: it is not
  };
  Server(Around& around, io::MemoryNetwork::Host& place, Setting setting, std::uint64_t seed, std::string zones);

  enum class Death : std::uint8_t {
    kill,   ///< of the process: what was written stays
    power,  ///< what was not synced is lost or torn, the machine is gone, nobody is told
    crash,  ///< as power, but connections are reset
  };
  void die(Death how);
  /// False: it cannot be opened now, because its disk fails.
  bool live();
  /// In order: whoever it is closes its store.
  void close();
  [[nodiscard]] bool alive() const { return life_ != nullptr; }
  /// The power has gone by a fault of the disk.
  [[nodiscard]] bool power_gone() const { return life_ != nullptr && disk_->crashed(); }

  [[nodiscard]] Life& life() { return *life_; }
  [[nodiscard]] store::FaultyDisk& disk() { return *disk_; }
  [[nodiscard]] io::MemoryResolver& resolver() { return *resolver_; }
  [[nodiscard]] io::MemoryNetwork::Host& place() { return place_; }
  [[nodiscard]] const Setting& setting() const { return setting_; }
  [[nodiscard]] std::string name() const { return name_of(setting_.number); }
  /// While the disk is full and for a while after, a batch may be refused and come again.
  void set_full(bool full);
  /// Its file is away, and back: another that was made meanwhile stays.
  void lose_key();
  void bring_key_back();
  /// Rotations of keys, and those that nothing has cut short.
  struct Rotations {
    std::uint64_t begun = 0;
    std::uint64_t ended = 0;
  };
  [[nodiscard]] const Rotations& rotations() const { return rotations_; }
  /// With all well: one more of each ends, and nothing of before is left.
  void rotate_all();
  [[nodiscard]] bool refuses() const;
  [[nodiscard]] bool empty();
  /// All that lies in its mailboxes; looks whether UIDs are what they were, and whether all fits together.
  std::vector<Stored> look();

 private:
  friend class Life;
  template <class T>
  std::optional<T> run(io::Task<T> task);
  template <class T>
  std::optional<T> run_in_time(io::Task<T> task);
  void settle_in();
  void read_box(const std::string& account, std::vector<Stored>& into);
  [[nodiscard]] store::TabletOptions store_options(const std::shared_ptr<Life*>& life);

  Around& around_;
  io::MemoryNetwork::Host& place_;
  Setting setting_;
  configuration::Configuration configuration_;
  std::shared_ptr<const agent::CourierTerms> terms_;
  protocol::smtp::Policy policy_;
  SeededRandom random_;
  std::shared_ptr<store::FaultyDisk> disk_;
  std::unique_ptr<io::MemoryResolver> resolver_;
  bool full_ = false;
  Rotations rotations_;
  Moment room_again_{};
  std::map<std::pair<std::string, std::uint32_t>, std::string> uids_;  ///< account and UID: the Message-ID
  std::vector<std::unique_ptr<Life>> past_;
  std::unique_ptr<Life> life_;
};

}  // namespace angarium::simulation
