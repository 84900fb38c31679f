// For this room alone: one settling of an account.
#pragma once

#include "location/keeper.h"

namespace angarium::location {

struct Keeper::Side {
  mailbox::AccountId account = 0;
  Location location;
  mailbox::AccountMailPtr mail;
  std::vector<Found> found;                ///< boxes that are there
  std::vector<Kept> known;                 ///< as the store has it
  std::vector<mailbox::MailboxId> absent;  ///< mailboxes of which it cannot be told now what their boxes are,
  std::vector<std::string> held;           ///< and those boxes
  Report report;
};

/// Durable when the task ends.
io::Task<Result<>> commit_to(store::Tablet& tablet, io::Pool& pool, store::Batch batch);

/// What a box and a mailbox call the same flags.
message::BoxFlags box_flags(const mailbox::View& view, const mailbox::Entry& entry);
mailbox::FlagNames flag_names(message::BoxFlags flags);

/// One comparison of a mailbox with its box, and what follows from it.
class Comparison {
 public:
  Comparison(mailbox::MailboxStore& store, mailbox::AccountMailPtr mail, store::Tablet& tablet, io::Pool& pool,
             const box::Host& host, const Location& location, const Kept& kept, std::uint64_t identity, Report& report)
      : store_(store),
        mail_(std::move(mail)),
        tablet_(tablet),
        pool_(pool),
        host_(host),
        location_(location),
        kept_(kept),
        identity_(identity),
        report_(report) {}

  /// Whether anything had to be done: then look again.
  io::Task<Result<bool>> run(mailbox::ViewPtr view);

 private:
  io::Task<Result<>> look();
  io::Task<Result<>> match();
  Result<> check_identity() const;
  void trouble(std::string_view what, const Error& error);
  io::Task<Result<std::string>> octets_of(mailbox::Uid uid);
  io::Task<Result<>> mark_here();
  io::Task<Result<>> bring(std::size_t index);
  io::Task<Result<>> give(mailbox::Uid uid);
  io::Task<Result<>> change_there();
  io::Task<Result<>> note();
  io::Task<Result<>> commit(store::Batch batch);

  mailbox::MailboxStore& store_;
  mailbox::AccountMailPtr mail_;
  store::Tablet& tablet_;
  io::Pool& pool_;
  const box::Host& host_;
  const Location& location_;
  const Kept& kept_;
  std::uint64_t identity_;  ///< Stamp::identity of the box as it is now
  Report& report_;
  bool did_ = false;  ///< something that makes another look worth while

  mailbox::ViewPtr view_;
  std::vector<Pair> pairs_;
  std::vector<Here> here_;
  std::shared_ptr<OpenBox> box_;
  Plan plan_;
};

}  // namespace angarium::location
