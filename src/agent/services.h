// What all agents of one server share: the store and the domain rooms on top of it.
#pragma once

#include <memory>
#include <string>

#include "account/directory.h"
#include "account/verifier.h"
#include "configuration/configuration.h"
#include "io/pool.h"
#include "mailbox/mailbox.h"
#include "mailbox/records.h"
#include "store/tablet.h"

namespace angarium::agent {

/// Owns the open store. Made before the loops run, ended after they have stopped; every member may be used from any
/// loop.
class Services {
 public:
  /// Opens the store of this configuration (it waits for recovery).
  static Result<std::unique_ptr<Services>> open(const configuration::Configuration& configuration);
  /// The same on another volume, with this kind of state: for tests.
  static Result<std::unique_ptr<Services>> open_on(std::unique_ptr<store::Volume> volume, store::StateKind state,
                                                   const configuration::Configuration& configuration);
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;
  ~Services();

  /// Drops the work that waits for the disk and waits for what is under way: afterwards the store alone is left.
  void end_work() { pool_->end(); }

  [[nodiscard]] store::Tablet& tablet() { return *tablet_; }
  [[nodiscard]] account::Directory& directory() { return directory_; }
  [[nodiscard]] account::Verifier& verifier() { return *verifier_; }
  [[nodiscard]] mailbox::MailboxStore& mail() { return *mail_; }
  /// For what waits for the disk.
  [[nodiscard]] io::Pool& pool() { return *pool_; }

  /// What new passwords cost, and unknown users: the same for the life of the process.
  [[nodiscard]] account::PasswordCost password_cost() const { return password_cost_; }

 private:
  Services(const configuration::Configuration& configuration, std::unique_ptr<mailbox::Records> records,
           std::unique_ptr<store::Tablet> tablet);

  account::PasswordCost password_cost_;
  std::unique_ptr<mailbox::Records> records_;
  std::unique_ptr<store::Tablet> tablet_;
  std::unique_ptr<io::Pool> pool_;
  account::Directory directory_;
  std::unique_ptr<mailbox::MailboxStore> mail_;
  std::unique_ptr<account::Verifier> verifier_;
};

}  // namespace angarium::agent
