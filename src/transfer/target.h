// Where an export writes: one box for each mailbox. Nothing that others wrote is ever changed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "mailbox/uid_set.h"
#include "message/box_state.h"
#include "transfer/frames.h"

namespace angarium::transfer {

enum class Format : std::uint8_t {
  mbox,               ///< DIR/lists.sbd/announce.mbox: mboxrd
  maildir,            ///< DIR/lists/announce/{cur,new,tmp}
  maildir_plus_plus,  ///< DIR/{cur,new,tmp} is INBOX, DIR/.lists.announce its subfolder
};

/// A mailbox being written. Blocks. One thread. kPlace, kForeign, kChanged.
class Box {
 public:
  virtual ~Box() = default;
  /// UIDs that were written whole before.
  [[nodiscard]] virtual const mailbox::UidSet& present() const = 0;
  /// Then octets with CR LF line ends, then end() or abandon(). In the order of UIDs.
  virtual Result<> begin(const MessageHeader& header, std::string_view sender) = 0;
  virtual Result<> write(std::string_view octets) = 0;
  virtual Result<> end() = 0;
  virtual Result<> abandon() = 0;
  /// A message that cannot be read now: it is not present(), and comes by a later export. kChanged: too many.
  virtual Result<> miss(mailbox::Uid uid) = 0;
  /// Makes all durable under its final names.
  virtual Result<> finish() = 0;
};

/// Whose mailbox a box is for.
struct BoxOwner {
  std::string directory;
  std::string account;
  ListedMailbox mailbox;
};

/// The path of the mailbox's file or folder below the directory; levels of octets that may not stand there are changed.
std::string box_path(Format format, std::string_view mailbox);

Result<std::unique_ptr<Box>> open_box(Format format, const BoxOwner& owner);
Result<std::unique_ptr<Box>> open_mbox_box(const BoxOwner& owner, const std::string& path);
Result<std::unique_ptr<Box>> open_maildir_box(Format format, const BoxOwner& owner, const std::string& path);

/// What mailbox files know of IMAP's flags.
message::BoxFlags box_flags_of(const mailbox::FlagNames& flags);
/// Sixteen digits that name the mailbox of the account in names of files.
std::string tag_of(const BoxOwner& owner);

}  // namespace angarium::transfer
