// For this room alone: one settling of an account.
#pragma once

#include <map>

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
  Told told{};
  Report report;
  Purpose purpose = Purpose::keep;
};

/// Durable when the task ends.
io::Task<Result<>> commit_to(store::Tablet& tablet, io::Pool& pool, store::Batch batch);

/// Of one box alone: others may do.
bool concerns_box(const Error& error);

/// What a box and a mailbox call the same flags.
message::BoxFlags box_flags(const mailbox::View& view, const mailbox::Entry& entry);
mailbox::FlagNames flag_names(Flags flags, const KeywordNames& names);

/// One comparison of a mailbox with its box, and what follows from it.
class Comparison {
 public:
  Comparison(mailbox::MailboxStore& store, mailbox::AccountMailPtr mail, store::Tablet& tablet, io::Pool& pool,
             Boxes& boxes, const Location& location, const Kept& kept, std::uint64_t identity, const Told& told,
             Report& report)
      : store_(store),
        mail_(std::move(mail)),
        tablet_(tablet),
        pool_(pool),
        boxes_(boxes),
        location_(location),
        kept_(kept),
        identity_(identity),
        told_(told),
        report_(report) {}

  /// Whether anything had to be done: then look again.
  io::Task<Result<bool>> run(mailbox::ViewPtr view);
  /// Brings what no pair tells of, and does nothing else.
  io::Task<Result<>> bring_unknown();

 private:
  /// Messages of the box, by content_name().
  using ByContent = std::map<std::string, std::vector<std::size_t>, std::less<>>;
  struct Looked;
  static Result<Looked> look_at(store::Tablet& tablet, Boxes& boxes, const Location& location,
                                mailbox::AccountId account, const Kept& kept, const mailbox::ViewPtr& view);
  /// For what is done with the box.
  io::Pool& threads() {
    io::Pool* const theirs = boxes_.threads(location_);
    return theirs == nullptr ? pool_ : *theirs;
  }
  io::Task<Result<>> look();
  io::Task<Result<>> match();
  io::Task<Result<ByContent>> contents_there();
  Result<> check_identity() const;
  void trouble(std::string_view what, const Error& error);
  io::Task<Result<std::string>> octets_of(mailbox::Uid uid);
  io::Task<Result<>> forget_untold();
  io::Task<Result<Flags>> add_here(mailbox::UidSet uids, Flags flags);
  void keep_without(const mailbox::UidSet& uids, Flags refused);
  io::Task<Result<>> mark_here();
  io::Task<Result<>> bring_all();
  io::Task<Result<>> bring(std::size_t index);
  io::Task<Result<>> give(mailbox::Uid uid);
  io::Task<Result<>> change_there();
  io::Task<Result<>> note_pairs(std::vector<Pair> pairs, store::Batch& batch);
  io::Task<Result<>> note();
  io::Task<Result<>> commit(store::Batch batch);

  mailbox::MailboxStore& store_;
  mailbox::AccountMailPtr mail_;
  store::Tablet& tablet_;
  io::Pool& pool_;
  Boxes& boxes_;
  const Location& location_;
  const Kept& kept_;
  std::uint64_t identity_;  ///< Stamp::identity of the box as it is now
  const Told& told_;
  Report& report_;
  bool did_ = false;       ///< something that makes another look worth while
  bool withheld_ = false;  ///< messages of the box could not be told apart from those that it was to be given

  mailbox::ViewPtr view_;
  std::vector<Pair> pairs_;
  std::vector<Here> here_;
  std::shared_ptr<OpenBox> box_;
  Plan plan_;
  KeywordNames names_;  ///< of the box's keywords, with those that it gets
  Flags shared_ = kSharedFlags;
};

}  // namespace angarium::location
