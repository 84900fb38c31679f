// What all agents of one server share: the store and the domain rooms on top of it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "account/directory.h"
#include "account/verifier.h"
#include "agent/checkpoints.h"
#include "agent/indexing.h"
#include "agent/logins.h"
#include "agent/searching.h"
#include "agent/sites.h"
#include "agent/srs_keys.h"
#include "agent/targets.h"
#include "configuration/configuration.h"
#include "io/pool.h"
#include "keyring/keys.h"
#include "mailbox/mailbox.h"
#include "mailbox/records.h"
#include "queue/body.h"
#include "queue/in_hand.h"
#include "queue/queue.h"
#include "queue/record.h"
#include "store/tablet.h"
#include "trace/ledger.h"

namespace angarium::agent {

class Caretaker;

/// What the store has to know of the records of all rooms. Lives as long as the tablet.
class StoredRecords final : public store::BodyRefs {
 public:
  void visit(std::string_view key, std::string_view value,
             const std::function<void(const store::BodyRef&)>& found) const override {
    mail_.visit(key, value, found);
    queue_.visit(key, value, found);
    visit_checkpoint(key, value, found);
  }
  void tell(store::TabletOptions& options) const {
    options.mergers[mailbox::kKeyOctet] = &mail_;
    options.body_refs = this;
  }

 private:
  mailbox::Records mail_;
  queue::Records queue_;
};

/// Addresses that are looked for at one time: each may ask the host.
inline constexpr std::size_t kNameThreads = 8;

/// Owns the open store. Made before the loops run, ended after they have stopped; every member may be used from any
/// loop.
class Services {
 public:
  /// Opens the store of this configuration (it waits for recovery).
  static Result<std::unique_ptr<Services>> open(const configuration::Configuration& configuration);
  /// What a server stands on in a simulation.
  struct Ground {
    std::unique_ptr<store::Volume> volume;
    /// The configuration's are `reserve` and `cache_size`, the rooms' `mergers` and `body_refs`.
    store::TabletOptions store;
    const Clock* clock = &system_clock();
    Random* random = &system_random();
    /// On the loop: nothing runs on threads of our own but what `store` has.
    enum class Work : std::uint8_t { on_threads, on_the_loop } work = Work::on_threads;
  };
  static Result<std::unique_ptr<Services>> open_on(Ground ground, const configuration::Configuration& configuration);
  /// The same on another volume, with this kind of state: for tests. `clock` is the mailboxes' and the queue's; the
  /// store, whose threads may ask at any time, has the host's.
  static Result<std::unique_ptr<Services>> open_on(std::unique_ptr<store::Volume> volume, store::StateKind state,
                                                   const configuration::Configuration& configuration,
                                                   const Clock& clock = system_clock());
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;
  ~Services();

  /// Drops the work that waits for the disk and waits for what is under way: afterwards the store alone is left.
  void end_work() {
    targets_->end();
    names_->end();
    indexing_->end();
    searching_->end();
    pool_->end();
  }

  [[nodiscard]] store::Tablet& tablet() { return *tablet_; }
  /// By which sealed mail is opened.
  [[nodiscard]] keyring::Keys& keys() { return *keys_; }
  /// Whether mail is sealed before the store has it.
  [[nodiscard]] mailbox::Sealing sealing() const { return sealing_; }
  [[nodiscard]] queue::BodyKeys& body_keys() { return body_keys_; }
  [[nodiscard]] account::Directory& directory() { return directory_; }
  [[nodiscard]] account::Verifier& verifier() { return *verifier_; }
  /// Who is logged in.
  [[nodiscard]] Logins& logins() { return logins_; }
  [[nodiscard]] mailbox::MailboxStore& mail() { return *mail_; }
  [[nodiscard]] Indexing& indexing() { return *indexing_; }
  [[nodiscard]] queue::Queue& queue() { return *queue_; }
  /// What is known of other hosts.
  [[nodiscard]] Sites& sites() { return sites_; }
  [[nodiscard]] Checkpoints& checkpoints() { return checkpoints_; }
  [[nodiscard]] SrsKeys& srs_keys() { return srs_keys_; }
  /// The mailboxes' and the queue's.
  [[nodiscard]] const Clock& clock() const { return clock_; }
  /// What of the queue is in hand, for the next process to know; null: nobody keeps it. Set before the loops run.
  [[nodiscard]] queue::InHand* in_hand() { return in_hand_.get(); }
  void keep_in_hand(std::unique_ptr<queue::InHand> in_hand) { in_hand_ = std::move(in_hand); }
  [[nodiscard]] trace::Ledger& ledger() { return ledger_; }
  /// Called, from any thread, when the queue may have something to do. Set before the loops run.
  void on_queued(std::function<void()> ring) { ring_ = std::move(ring); }
  /// Who keeps the boxes of accounts; null: nobody. Set before the loops run.
  [[nodiscard]] Caretaker* caretaker() { return caretaker_; }
  void set_caretaker(Caretaker& caretaker) { caretaker_ = &caretaker; }
  /// For what waits for the disk.
  [[nodiscard]] io::Pool& pool() { return *pool_; }
  /// For searches that read mail or the index.
  [[nodiscard]] Searching& searching() { return *searching_; }
  /// For finding out where mail goes, which asks the host for its users: who guesses names holds up nobody else. The
  /// party is who asks.
  [[nodiscard]] io::FairPool& names() { return *names_; }
  /// For what waits for locks on files and for commands, which may take minutes.
  [[nodiscard]] Targets& targets() { return *targets_; }

  /// Set while a rotation of the keys of all accounts is under way.
  [[nodiscard]] std::atomic<bool>& rotating_accounts() { return rotating_accounts_; }

  /// Whether one of this host's certificates bears the name. Set before the loops run; asked from any thread.
  [[nodiscard]] bool is_certified(std::string_view name) const { return certified_ && certified_(name); }
  void set_certified(std::function<bool(std::string_view name)> certified) { certified_ = std::move(certified); }

  /// What new passwords cost, and unknown users: the same for the life of the process.
  [[nodiscard]] account::PasswordCost password_cost() const { return password_cost_; }

 private:
  Services(const configuration::Configuration& configuration, std::unique_ptr<StoredRecords> records,
           std::unique_ptr<store::Tablet> tablet, const Ground& ground);

  account::PasswordCost password_cost_;
  std::atomic<bool> rotating_accounts_ = false;
  std::unique_ptr<StoredRecords> records_;
  std::unique_ptr<store::Tablet> tablet_;
  std::unique_ptr<keyring::Keys> keys_;  // used by the pools
  std::unique_ptr<io::Pool> pool_;
  std::unique_ptr<io::FairPool> names_;
  std::unique_ptr<Searching> searching_;
  std::unique_ptr<Targets> targets_;
  const Clock& clock_;
  const mailbox::Sealing sealing_;
  queue::BodyKeys body_keys_;
  Logins logins_;
  account::Directory directory_;
  SrsKeys srs_keys_;
  trace::Ledger ledger_;
  Sites sites_;
  Checkpoints checkpoints_;
  std::unique_ptr<Indexing> indexing_;  // told by the mailboxes
  std::unique_ptr<mailbox::MailboxStore> mail_;
  std::function<void()> ring_;
  std::function<bool(std::string_view)> certified_;
  Caretaker* caretaker_ = nullptr;
  std::unique_ptr<queue::InHand> in_hand_;
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<account::Verifier> verifier_;
};

}  // namespace angarium::agent
