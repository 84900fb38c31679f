// Where an export writes: one box for each mailbox. Nothing that others wrote is ever changed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mailbox/uid_set.h"
#include "message/box_state.h"
#include "message/mbox.h"
#include "transfer/frames.h"

namespace angarium::transfer {

enum class Format : std::uint8_t {
  mbox,               ///< DIR/lists.sbd/announce.mbox
  maildir,            ///< DIR/lists/announce/{cur,new,tmp}
  maildir_plus_plus,  ///< DIR/{cur,new,tmp} is INBOX, DIR/.lists.announce its subfolder
};

/// What became of messages since it was asked last.
struct Settled {
  std::uint64_t there = 0;  ///< were found there: an earlier export wrote them
  std::vector<std::pair<mailbox::Uid, std::string>> refused;
  std::uint64_t unknown = 0;     ///< of which nobody heard whether they were taken; the next export finds out
  std::optional<Error> stopped;  ///< nothing more can be written
};

/// A mailbox being written. Blocks. One thread. kPlace, kForeign, kChanged.
class Box {
 public:
  Box() = default;
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;
  virtual ~Box() = default;
  /// Those of the UIDs that were written whole before. Changes nothing.
  virtual Result<mailbox::UidSet> present(const mailbox::UidSet& uids) = 0;
  /// Makes what is missing there and brings what an earlier export left to its end; before anything is written.
  virtual Result<> open() = 0;
  /// What is going to be written until settle(), while nothing is asked of the server.
  virtual Result<> expect([[maybe_unused]] const mailbox::UidSet& uids) { return {}; }
  /// Then octets with CR LF line ends, then end() or abandon(). In the order of UIDs.
  virtual Result<> begin(const MessageHeader& header, std::string_view sender) = 0;
  virtual Result<> write(std::string_view octets) = 0;
  virtual Result<> end() = 0;
  virtual Result<> abandon() = 0;
  /// A message that cannot be read now: it is not present(), and comes by a later export. kChanged: too many.
  virtual Result<> miss(mailbox::Uid uid) = 0;
  /// Messages between two settle().
  [[nodiscard]] virtual std::size_t at_once() const { return SIZE_MAX; }
  /// While nothing is asked of the server: messages that were ended are certain.
  virtual Result<Settled> settle() { return Settled(); }
  /// Makes all durable under its final names.
  virtual Result<> finish() = 0;
};

/// Whose mailbox a box is for.
struct BoxOwner {
  std::string directory;
  std::string account;
  ListedMailbox mailbox;
};

/// Where an export goes. Blocks. One thread.
class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;
  /// What the mailbox is there; two that are the same cannot both be written.
  virtual Result<std::string> place_of(const ListedMailbox& mailbox) = 0;
  /// Changes nothing before Box::open().
  virtual Result<std::unique_ptr<Box>> box(const ListedMailbox& mailbox) = 0;
  /// Makes ready for writing.
  virtual Result<> open() = 0;
};

struct LocalTerms {
  std::string directory;  ///< made if it is not there
  std::string account;    ///< whose mail it is, in words
  Format format = Format::maildir;
  message::MboxVariant variant = message::MboxVariant::mboxrd;  ///< of Format::mbox
};

/// A folder of this host.
class LocalTarget final : public Target {
 public:
  explicit LocalTarget(LocalTerms terms) : terms_(std::move(terms)) {}
  Result<std::string> place_of(const ListedMailbox& mailbox) override;
  Result<std::unique_ptr<Box>> box(const ListedMailbox& mailbox) override;
  Result<> open() override;

 private:
  LocalTerms terms_;
};

/// The path of the mailbox's file or folder below the directory; levels of octets that may not stand there are changed.
std::string box_path(Format format, std::string_view mailbox);

Result<std::unique_ptr<Box>> look_at_mbox(const BoxOwner& owner, const std::string& path,
                                          message::MboxVariant variant = message::MboxVariant::mboxrd);
Result<std::unique_ptr<Box>> look_at_maildir(Format format, const BoxOwner& owner, const std::string& path);

/// What mailbox files know of IMAP's flags.
message::BoxFlags box_flags_of(const mailbox::FlagNames& flags);
/// Sixteen digits that name the mailbox of the account in names of files.
std::string tag_of(const BoxOwner& owner);

}  // namespace angarium::transfer
